//! The state machine in Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use pipeline::commit::{StartRun, StopRun};
use pipeline::message::{Answer, TaskToken};
use pipeline::port::{AnswerTokens, Delivery, PortError, Runs};

use crate::failure::{refused, unreadable};

/// What Step Functions says of a token that waits for no answer (any more).
const ANSWERED: [&str; 3] = ["InvalidToken", "TaskDoesNotExist", "TaskTimedOut"];

/// What Step Functions says of an execution that cannot be stopped, because it has ended or never was. A request to
/// stop holds nothing but the ARN, so there is nothing else in it to be invalid.
const ENDED: [&str; 2] = ["ExecutionDoesNotExist", "ValidationException"];

/// The state machine that sequences the tasks.
#[derive(Clone, Debug)]
pub struct Machine {
    client: Client,
    arn: String,
}

impl Machine {
    /// The machine of this ARN.
    pub fn new(client: Client, arn: impl Into<String>) -> Self {
        Self { client, arn: arn.into() }
    }

    /// The ARN of an execution, which is the machine's with another kind and the name.
    fn execution(&self, name: &str) -> String {
        format!("{}:{name}", self.arn.replacen(":stateMachine:", ":execution:", 1))
    }
}

impl AnswerTokens for Machine {
    async fn answer(&self, token: &TaskToken, answer: &Answer) -> Result<Delivery, PortError> {
        let action = || "answer a task token";
        let output = serde_json::to_string(answer).map_err(unreadable(action))?;
        match self.client.send_task_success().task_token(token.expose()).output(output).send().await {
            Ok(_) => Ok(Delivery::Accepted),
            Err(error) if is_one_of(&error, &ANSWERED) => Ok(Delivery::AnsweredAlready),
            Err(error) => Err(refused("SendTaskSuccess", action)(error)),
        }
    }
}

impl Runs for Machine {
    async fn start(&self, run: StartRun) -> Result<(), PortError> {
        let name = run.execution_name();
        let action = || format!("start run {name}");
        let input = serde_json::to_string(&run).map_err(unreadable(action))?;
        let request = self.client.start_execution().state_machine_arn(&self.arn).name(&name).input(input);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_one_of(&error, &["ExecutionAlreadyExists"]) => Ok(()),
            Err(error) => Err(refused("StartExecution", action)(error)),
        }
    }

    async fn stop(&self, run: StopRun) -> Result<(), PortError> {
        let name = run.execution_name();
        match self.client.stop_execution().execution_arn(self.execution(&name)).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_one_of(&error, &ENDED) => Ok(()),
            Err(error) => Err(refused("StopExecution", || format!("stop run {name}"))(error)),
        }
    }
}

fn is_one_of(error: &impl ProvideErrorMetadata, codes: &[&str]) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}
