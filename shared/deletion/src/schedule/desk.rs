//! Where people schedule deletions, and take them back.

use jiff::Timestamp;
use silo::{Silo, StoreError};
use uuid::Uuid;

use super::store::{TRIES, contention};
use super::{Event, Next, ScheduledDeletion, Schedules, apply, decide, mark};
use crate::{DeletionError, DeletionJob};

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The object.
    pub job: DeletionJob,
    /// Who asks, a user.
    pub by: u64,
    /// When it is to be due.
    pub due: Timestamp,
    /// The id of the deletion, unless it is scheduled already. Nobody else has it.
    pub id: Uuid,
}

/// Why a deletion was not scheduled, or not taken back.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// There is no such object.
    #[error("there is no {0}")]
    UnknownObject(DeletionJob),
    /// It is in progress.
    #[error("the deletion of {0} is in progress")]
    InProgress(DeletionJob),
    /// The object cannot be looked at, or marked.
    #[error(transparent)]
    Object(#[from] DeletionError),
    /// The store of scheduled deletions failed.
    #[error("the scheduled deletions could not be used")]
    Store(#[from] StoreError),
}

impl ScheduleError {
    /// Whether doing it again, unchanged, can help.
    pub fn retryable(&self) -> bool {
        match self {
            Self::UnknownObject(_) | Self::InProgress(_) => false,
            Self::Object(error) => error.retryable(),
            Self::Store(error) => error.retryable(),
        }
    }
}

/// Schedules the deletion of an object, or moves its date, and marks the object where its model has a field for that.
///
/// The record is first, so that an object is never marked without one; and it changes once more behind the mark, so that
/// whoever has looked at the object before the mark cannot take the record away.
///
/// # Errors
/// There is no such object, or a store failed; doing it again does the rest.
pub async fn schedule<C: Schedules, S: Silo>(
    schedules: &C,
    silo: &S,
    ask: &Ask,
    now: Timestamp,
) -> Result<ScheduledDeletion, ScheduleError> {
    let Ask { job, by, due, id } = ask;
    let model = mark::model(silo.catalog(), job)?;
    for _ in 0..TRIES {
        let object = mark::read(silo, model, job.object).await?;
        let object = object.ok_or_else(|| ScheduleError::UnknownObject(job.clone()))?;
        let restores = mark::before(model, &object.row.fields);
        let asked = Event::Asked { id: *id, by: *by, due: *due, restores };
        let record = changed(schedules, job, &asked, now).await?;
        let Some(record) = record else { continue };
        if model.deletion.is_none() || record.is_in_progress() {
            return Ok(record);
        }
        mark::schedule(silo, job).await?;
        if let Some(record) = changed(schedules, job, &Event::Marked, now).await? {
            return Ok(record);
        }
    }
    Err(contention(job).into())
}

/// Takes back what is scheduled for an object, and the mark off it; says whether something was.
///
/// The mark goes first, so that an object is never marked without a record.
///
/// # Errors
/// It is in progress; or a store failed, and doing it again does the rest.
pub async fn cancel<C: Schedules, S: Silo>(
    schedules: &C,
    silo: &S,
    job: &DeletionJob,
    now: Timestamp,
) -> Result<bool, ScheduleError> {
    mark::model(silo.catalog(), job)?;
    for _ in 0..TRIES {
        let Some(record) = schedules.get(job).await? else { return Ok(false) };
        match decide(Some(&record), job, Event::Cancelled, now) {
            Ok((Next::Gone, _)) => {}
            Ok(_) => return Ok(false),
            Err(_) => return Err(ScheduleError::InProgress(job.clone())),
        }
        mark::restore(silo, &record).await?;
        if schedules.change(job, Some(&record), None).await? {
            return Ok(true);
        }
    }
    Err(contention(job).into())
}

async fn changed<C: Schedules>(
    schedules: &C,
    job: &DeletionJob,
    event: &Event,
    now: Timestamp,
) -> Result<Option<ScheduledDeletion>, ScheduleError> {
    let applied = apply(schedules, job, event, now).await?;
    let (record, _) = applied.map_err(|_| ScheduleError::InProgress(job.clone()))?;
    Ok(record)
}
