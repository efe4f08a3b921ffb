//! Batches of SQS messages. Each message is handled on its own, and those that failed are reported, so that
//! the queue delivers just them again.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt;

/// A message as it was received.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// What it says.
    pub body: String,
    /// The handle of this delivery, for postponing it.
    pub receipt: String,
    /// How often it was delivered, this time included.
    pub deliveries: u32,
}

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It is done with; the queue forgets it.
    Done,
    /// It was not handled; the queue delivers it again, in the end as a dead letter.
    Failed,
}

/// Handles every message of a batch, one after the other, and names those that failed. A panic fails its
/// message, not the batch.
pub async fn handle_batch(event: SqsEvent, handle: impl AsyncFn(Received) -> Handled) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        let handled = AssertUnwindSafe(handle(received(message))).catch_unwind().await;
        // Where it panicked, the hook of `telemetry` has logged.
        let handled = handled.unwrap_or(Handled::Failed);
        if handled == Handled::Failed {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

fn received(message: SqsMessage) -> Received {
    let deliveries = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    Received {
        body: message.body.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        deliveries: deliveries.unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bodies: &[&str]) -> SqsEvent {
        let mut event = SqsEvent::default();
        for (n, body) in bodies.iter().enumerate() {
            let mut message = SqsMessage::default();
            message.message_id = Some(format!("message {n}"));
            message.body = Some((*body).to_owned());
            message.receipt_handle = Some(format!("receipt {n}"));
            message.attributes.insert("ApproximateReceiveCount".to_owned(), "3".to_owned());
            event.records.push(message);
        }
        event
    }

    #[tokio::test]
    async fn only_the_messages_that_failed_are_reported() {
        let response = handle_batch(batch(&["good", "bad", "panic", "good"]), async |message| {
            assert_eq!(message.deliveries, 3);
            match message.body.as_str() {
                "good" => Handled::Done,
                "bad" => Handled::Failed,
                _ => panic!("a handler that panics"),
            }
        })
        .await;
        let failed: Vec<_> =
            response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        assert_eq!(failed, ["message 1", "message 2"]);
    }
}
