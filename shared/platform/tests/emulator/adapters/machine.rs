use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use pipeline::commit::{StartRun, StopRun};
use pipeline::ids::{Generation, RelocationId, Turn};
use pipeline::message::{Answer, TaskToken};
use pipeline::port::{AnswerTokens, Delivery, Entropy, Runs};
use pipeline::task::OrderedTask;
use platform::SystemEntropy;
use serde_json::{Value, json};

use super::{Cell, eventually};
use crate::support;

/// A machine that asks one task and ends with its answer.
async fn machine() -> Option<(Cell, aws_sdk_sfn::Client, String)> {
    let aws = support::account()?;
    let queue = aws_sdk_sqs::Client::new(&aws).create_queue().queue_name("task").send().await;
    let queue = queue.expect("a queue").queue_url.expect("its address");
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "ask",
        "States": { "ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {
                "QueueUrl": queue,
                "MessageBody": { "token": "{% $states.context.Task.Token %}", "input": "{% $states.input %}" },
            },
            "TimeoutSeconds": 60,
            "End": true,
        } },
    });
    let client = aws_sdk_sfn::Client::new(&aws);
    // The emulator looks for a role that is named, and needs none.
    let made = client.create_state_machine().name("relocation").role_arn("");
    let made = made.definition(definition.to_string()).send().await.expect("a machine");
    Some((Cell::new(aws, &[("STATE_MACHINE_ARN", &made.state_machine_arn)]), client, queue))
}

fn run() -> StartRun {
    let uuid = RelocationId::new(SystemEntropy.uuid());
    StartRun { uuid, generation: Generation(2), start_at: OrderedTask::Importing }
}

/// What the machine asks.
async fn asked(cell: &Cell, queue: &str) -> Value {
    let client = aws_sdk_sqs::Client::new(&cell.aws);
    let messages = client.receive_message().queue_url(queue).wait_time_seconds(10).send().await;
    let messages = messages.expect("an answer").messages.unwrap_or_default();
    let body = messages.first().and_then(|message| message.body()).expect("a message");
    serde_json::from_str(body).expect("JSON")
}

/// The status and the output of the only execution, once it has ended.
async fn ended(cell: &Cell, client: &aws_sdk_sfn::Client) -> (ExecutionStatus, Option<Value>) {
    let machine = &cell.platform.config().state_machine_arn;
    let ended = async || {
        let list = client.list_executions().state_machine_arn(machine).send().await.expect("a list");
        let [execution] = list.executions() else { panic!("one execution: {list:?}") };
        (*execution.status() != ExecutionStatus::Running).then(|| execution.execution_arn().to_owned())
    };
    let arn = eventually(ended, Duration::from_secs(30), "the execution ends").await;
    let execution = client.describe_execution().execution_arn(arn).send().await.expect("an execution");
    let output = execution.output().map(|output| serde_json::from_str(output).expect("JSON"));
    (execution.status().clone(), output)
}

#[tokio::test]
async fn a_run_is_started_once_and_goes_on_with_the_answer() {
    let Some((cell, client, queue)) = machine().await else { return };
    let adapter = cell.platform.machine();
    let run = run();
    for _ in 0..2 {
        adapter.start(run).await.expect("also the second time");
    }
    let asked = asked(&cell, &queue).await;
    let input = json!({ "uuid": run.uuid, "generation": 2, "startAt": "importing" });
    assert_eq!(asked["input"], input);

    let token = TaskToken::new(asked["token"].as_str().expect("a token"));
    let answer = Answer::again(Turn(1), OrderedTask::Importing, 60);
    assert_eq!(adapter.answer(&token, &answer).await.expect("an answer"), Delivery::Accepted);
    assert_eq!(adapter.answer(&token, &answer).await.expect("an answer"), Delivery::AnsweredAlready);
    let output = serde_json::to_value(&answer).expect("JSON");
    assert_eq!(ended(&cell, &client).await, (ExecutionStatus::Succeeded, Some(output)));

    adapter.start(run).await.expect("its name is taken for good");
    adapter.stop(StopRun { uuid: run.uuid, generation: run.generation }).await.expect("it has ended");
    assert_eq!(ended(&cell, &client).await.0, ExecutionStatus::Succeeded);
}

#[tokio::test]
async fn a_run_is_stopped() {
    let Some((cell, client, queue)) = machine().await else { return };
    let adapter = cell.platform.machine();
    let run = run();
    adapter.start(run).await.expect("a run");
    asked(&cell, &queue).await;
    for _ in 0..2 {
        adapter
            .stop(StopRun { uuid: run.uuid, generation: run.generation })
            .await
            .expect("also the second time");
    }
    assert_eq!(ended(&cell, &client).await.0, ExecutionStatus::Aborted);
}

#[tokio::test]
async fn a_run_that_never_was_is_stopped() {
    let Some((cell, ..)) = machine().await else { return };
    let StartRun { uuid, generation, .. } = run();
    cell.platform.machine().stop(StopRun { uuid, generation }).await.expect("nothing to stop");
}

#[tokio::test]
async fn a_token_that_is_none_was_answered() {
    let Some((cell, ..)) = machine().await else { return };
    let answer = cell.platform.machine().answer(&TaskToken::new("nobody's"), &Answer::stopped(Turn(0))).await;
    assert_eq!(answer.expect("an answer"), Delivery::AnsweredAlready);
}
