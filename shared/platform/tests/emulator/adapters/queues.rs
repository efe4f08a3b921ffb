use std::time::Duration;

use pipeline::port::{PostponeMessages, Queue, SendMessages};
use pipeline::task::OrderedTask;

use super::Cell;
use crate::support;

const QUEUE: Queue = Queue::Task(OrderedTask::Importing);

async fn queue() -> Option<(Cell, aws_sdk_sqs::Client, String)> {
    let aws = support::account()?;
    let client = aws_sdk_sqs::Client::new(&aws);
    let url = client.create_queue().queue_name("importing").send().await.expect("a queue");
    let url = url.queue_url.expect("its address");
    Some((Cell::new(aws, &[("QUEUE_IMPORTING", &url)]), client, url))
}

async fn receive(
    client: &aws_sdk_sqs::Client,
    url: &str,
    seconds: i32,
) -> Option<aws_sdk_sqs::types::Message> {
    let answer = client.receive_message().queue_url(url).wait_time_seconds(seconds).send().await;
    answer.expect("an answer").messages.unwrap_or_default().pop()
}

#[tokio::test]
async fn a_message_arrives_as_it_was_sent() {
    let Some((cell, client, url)) = queue().await else { return };
    let body = r#"{"uuid": "…", "text": "é"}"#;
    cell.platform.queues().send(QUEUE, body.to_owned(), Duration::ZERO).await.expect("a message");
    let message = receive(&client, &url, 5).await.expect("it is there");
    assert_eq!(message.body(), Some(body));
}

#[tokio::test]
async fn a_message_is_seen_after_its_delay() {
    let Some((cell, client, url)) = queue().await else { return };
    let delay = Duration::from_millis(1_500);
    cell.platform.queues().send(QUEUE, "later".to_owned(), delay).await.expect("a message");
    assert!(receive(&client, &url, 0).await.is_none());
    assert!(receive(&client, &url, 10).await.is_some());
}

#[tokio::test]
async fn a_postponed_message_is_seen_again() {
    let Some((cell, client, url)) = queue().await else { return };
    let queues = cell.platform.queues();
    queues.send(QUEUE, "again".to_owned(), Duration::ZERO).await.expect("a message");
    let first = receive(&client, &url, 5).await.expect("it is there");
    assert!(receive(&client, &url, 0).await.is_none(), "it is hidden");
    let receipt = first.receipt_handle().expect("a receipt");
    queues.postpone(QUEUE, receipt, Duration::from_millis(900)).await.expect("a postponement");
    let second = receive(&client, &url, 10).await.expect("it is there again");
    assert_eq!(second.message_id(), first.message_id());
}

#[tokio::test]
async fn a_queue_that_the_function_does_not_know_is_an_error() {
    let Some((cell, ..)) = queue().await else { return };
    let error = cell.platform.queues().send(Queue::Mail, String::new(), Duration::ZERO).await;
    let error = error.expect_err("no such variable");
    assert!(!error.retryable());
    assert_eq!(error.to_string(), "send a message to QUEUE_MAIL failed");
}
