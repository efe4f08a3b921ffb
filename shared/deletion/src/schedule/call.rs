//! What a message that calls for a scheduled deletion comes to.

use jiff::Timestamp;
use silo::Silo;

use super::store::{TRIES, apply_to, contention};
use super::{Effect, Event, Object, ScheduleError, ScheduledDeletion, Schedules, find};
use crate::DeletionJob;

/// What a call came to.
#[derive(Debug)]
pub struct Called {
    /// How it stands with the object.
    pub object: Object,
    /// The record, if there still is one.
    pub record: Option<ScheduledDeletion>,
    /// What follows.
    pub effects: Vec<Effect>,
}

/// Looks at the object of a scheduled deletion that is called for, and lets the record be what follows from that.
///
/// The record is read before the object is looked at: whoever marks the object in between changes the record, too
/// ([`super::schedule`]), so that what was seen before the mark does not take the record away.
///
/// # Errors
/// The object cannot be looked at, or a store failed.
pub async fn called<C: Schedules, S: Silo>(
    schedules: &C,
    silo: &S,
    job: &DeletionJob,
    now: Timestamp,
) -> Result<Called, ScheduleError> {
    for _ in 0..TRIES {
        let read = schedules.get(job).await?;
        let object = find(silo, job).await?;
        if let Some(applied) = apply_to(schedules, job, read, Event::Called(object), now).await? {
            let (record, effects) = applied.map_err(|_| ScheduleError::InProgress(job.clone()))?;
            return Ok(Called { object, record, effects });
        }
    }
    Err(contention(job).into())
}
