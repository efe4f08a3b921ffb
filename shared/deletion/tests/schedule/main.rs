//! What may happen to scheduled deletions, and to the objects that they mark.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod desk;
mod memory;
mod properties;
mod table;

use catalog::SiloKind;
use deletion::DeletionJob;
use deletion::schedule::{Effect, Event, Failure, Next, ScheduledDeletion, decide};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

/// An organisation.
pub(crate) fn job() -> DeletionJob {
    DeletionJob { silo: SiloKind::Cell, model: "sentry.organization".to_owned(), object: 5 }
}

/// So many minutes behind the beginning of time.
pub(crate) fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(minutes * 60).unwrap()
}

pub(crate) fn asked(due: Timestamp) -> Event {
    Event::Asked { id: Uuid::from_u128(1), by: 7, due, restores: Some(json!(0)) }
}

pub(crate) fn failed(can_retry: bool) -> Event {
    Event::Failed { failure: Failure { error: "it broke".to_owned(), rows: Vec::new() }, can_retry }
}

/// Lets an event happen.
pub(crate) fn happen(
    record: Option<ScheduledDeletion>,
    event: Event,
    now: Timestamp,
) -> (Option<ScheduledDeletion>, Vec<Effect>) {
    let (next, effects) = decide(record.as_ref(), &job(), event, now).expect("it is not refused");
    match next {
        Next::Same => (record, effects),
        Next::Is(record) => (Some(*record), effects),
        Next::Gone => (None, effects),
    }
}
