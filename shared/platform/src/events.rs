//! Events on a bus of EventBridge.

use std::sync::Arc;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use pipeline::event::Envelope;
use pipeline::port::{PortError, PublishEvents};

use crate::ServiceError;
use crate::failure::{failed, unreadable};

const PUT_EVENTS: &str = "PutEvents";

/// The most events that one request takes. Each has less than 4 KB, far below the limit of all together.
const BATCH: usize = 10;

/// The bus that events are published on.
#[derive(Clone, Debug)]
pub struct Events {
    client: Client,
    bus: String,
}

impl Events {
    /// The bus of this name or ARN.
    pub fn new(client: Client, bus: impl Into<String>) -> Self {
        Self { client, bus: bus.into() }
    }

    fn entry(&self, event: &Envelope) -> Result<PutEventsRequestEntry, PortError> {
        let detail = serde_json::to_string(event).map_err(unreadable(|| action(event)))?;
        let entry = PutEventsRequestEntry::builder().event_bus_name(&self.bus).source(&event.source);
        let entry = entry.detail_type(&event.kind).time(DateTime::from_secs(event.time.as_second()));
        Ok(entry.detail(detail).build())
    }

    /// What EventBridge says of each entry, in their order.
    async fn put(
        &self,
        entries: Vec<PutEventsRequestEntry>,
    ) -> Result<Vec<PutEventsResultEntry>, ServiceError> {
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        Ok(answer.map_err(|error| ServiceError::new(PUT_EVENTS, error))?.entries.unwrap_or_default())
    }

    async fn publish_batch(&self, events: &[Envelope]) -> Vec<Result<(), PortError>> {
        let entries: Vec<_> = events.iter().map(|event| self.entry(event)).collect();
        let answers = self.put(entries.iter().flatten().cloned().collect()).await.map_err(Arc::new);
        let mut answers = answers.map(Vec::into_iter);
        let outcomes = entries.into_iter().zip(events).map(|(entry, event)| {
            entry?;
            match &mut answers {
                Ok(answers) => outcome(answers.next()).map_err(failed(|| action(event))),
                Err(error) => Err(broken(event, Arc::clone(error))),
            }
        });
        outcomes.collect()
    }
}

impl PublishEvents for Events {
    async fn publish(&self, events: &[Envelope]) -> Vec<Result<(), PortError>> {
        let mut outcomes = Vec::with_capacity(events.len());
        for batch in events.chunks(BATCH) {
            outcomes.extend(self.publish_batch(batch).await);
        }
        outcomes
    }
}

/// What became of one entry; without an answer nobody knows.
fn outcome(answer: Option<PutEventsResultEntry>) -> Result<(), ServiceError> {
    match answer {
        Some(PutEventsResultEntry { error_code: None, .. }) => Ok(()),
        Some(PutEventsResultEntry { error_code: Some(code), .. }) => {
            Err(ServiceError::answered(PUT_EVENTS, &code))
        }
        None => Err(ServiceError::answered(PUT_EVENTS, "InternalFailure")),
    }
}

/// The request failed with all of its events.
fn broken(event: &Envelope, error: Arc<ServiceError>) -> PortError {
    match error.retryable() {
        true => PortError::transient(action(event), error),
        false => PortError::permanent(action(event), error),
    }
}

fn action(event: &Envelope) -> String {
    format!("publish event {}", event.id)
}
