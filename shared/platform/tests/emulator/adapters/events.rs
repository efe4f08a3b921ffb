use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use pipeline::event::{Envelope, VERSION};
use pipeline::port::PublishEvents;
use serde_json::{Value, json};

use super::Cell;
use crate::support;

fn event(n: u64) -> Envelope {
    Envelope {
        id: format!("event-{n}"),
        kind: "relocation.paused".to_owned(),
        version: VERSION,
        time: "2026-01-02T12:00:00.5Z".parse().expect("a time"),
        source: "us".to_owned(),
        subject: "00000000-0000-0000-0000-000000000007".to_owned(),
        sequence: n,
        causation: "1/importing/0".to_owned(),
        trace: None,
        data: json!({ "step": "IMPORTING" }),
    }
}

/// A bus whose events of one type go to a queue.
async fn bus() -> Option<(Cell, aws_sdk_sqs::Client, String)> {
    let aws = support::account()?;
    let queues = aws_sdk_sqs::Client::new(&aws);
    let queue = queues.create_queue().queue_name("events").send().await.expect("a queue");
    let queue = queue.queue_url.expect("its address");
    let arn = queues.get_queue_attributes().queue_url(&queue).attribute_names(QueueAttributeName::QueueArn);
    let arn = arn.send().await.expect("attributes").attributes.expect("attributes");
    let arn = arn.get(&QueueAttributeName::QueueArn).expect("its ARN");
    let client = aws_sdk_eventbridge::Client::new(&aws);
    client.create_event_bus().name("cell").send().await.expect("a bus");
    let rule = client.put_rule().name("all").event_bus_name("cell");
    let pattern = json!({ "source": ["us"], "detail-type": ["relocation.paused"] });
    rule.event_pattern(pattern.to_string()).send().await.expect("a rule");
    let target = Target::builder().id("queue").arn(arn).build().expect("a target");
    client.put_targets().rule("all").event_bus_name("cell").targets(target).send().await.expect("a target");
    Some((Cell::new(aws, &[("EVENT_BUS", "cell")]), queues, queue))
}

#[tokio::test]
async fn more_events_than_a_request_takes_are_all_published() {
    let Some((cell, client, queue)) = bus().await else { return };
    let events: Vec<_> = (0..23).map(event).collect();
    let outcomes = cell.platform.events().publish(&events).await;
    assert_eq!(outcomes.len(), 23);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");

    let mut arrived = Vec::new();
    while arrived.len() < 23 {
        let answer =
            client.receive_message().queue_url(&queue).max_number_of_messages(10).wait_time_seconds(5);
        let messages = answer.send().await.expect("an answer").messages.unwrap_or_default();
        assert!(!messages.is_empty(), "only {} arrived", arrived.len());
        for message in messages {
            let body: Value = serde_json::from_str(message.body().expect("a body")).expect("JSON");
            arrived.push(serde_json::from_value::<Envelope>(body["detail"].clone()).expect("an envelope"));
        }
    }
    arrived.sort_by_key(|event| event.sequence);
    assert_eq!(arrived, events);
}

#[tokio::test]
async fn events_that_no_bus_takes_fail_one_by_one() {
    let Some(aws) = support::account() else { return };
    let nowhere = aws.into_builder().endpoint_url("http://127.0.0.1:1").build();
    let outcomes = Cell::new(nowhere, &[]).platform.events().publish(&[event(1), event(2)]).await;
    let said: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.expect_err("no bus"))
        .map(|e| (e.to_string(), e.retryable()))
        .collect();
    let failed = |n| (format!("publish event event-{n} failed"), true);
    assert_eq!(said, [failed(1), failed(2)]);
}
