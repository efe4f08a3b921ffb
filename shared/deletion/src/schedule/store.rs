//! Where scheduled deletions are kept.

use std::future::Future;

use catalog::SiloKind;
use jiff::Timestamp;
use silo::{Page, StoreError, StoreErrorKind};

use super::{Effect, Event, InProgress, Next, ScheduledDeletion, decide};
use crate::DeletionJob;

/// How often a record is read anew because somebody else changes it.
pub(super) const TRIES: u32 = 20;

/// Keeps scheduled deletions, those of a silo with the silo. The contract suite says what each call promises.
pub trait Schedules: Send + Sync {
    /// The scheduled deletion of an object, as of now.
    fn get(
        &self,
        job: &DeletionJob,
    ) -> impl Future<Output = Result<Option<ScheduledDeletion>, StoreError>> + Send;

    /// The scheduled deletions of a silo by model and object, as of now, behind `after`, at most `limit`.
    fn page(
        &self,
        silo: SiloKind,
        after: Option<&DeletionJob>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<ScheduledDeletion, DeletionJob>, StoreError>> + Send;

    /// Puts `to` in place of `from`, if that is what is there, by id and revision; none is no record. Says whether it
    /// was there.
    fn change(
        &self,
        job: &DeletionJob,
        from: Option<&ScheduledDeletion>,
        to: Option<&ScheduledDeletion>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// What a record is behind an event, if there is one, and what follows.
pub type Applied = Result<(Option<ScheduledDeletion>, Vec<Effect>), InProgress>;

/// Lets an event happen to the scheduled deletion of an object, however often others change it meanwhile. What the record
/// is then, if there is one, and what follows.
///
/// # Errors
/// The store's; or the deletion cannot be taken back any more.
pub async fn apply<S: Schedules>(
    schedules: &S,
    job: &DeletionJob,
    event: &Event,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    for _ in 0..TRIES {
        let record = schedules.get(job).await?;
        if let Some(applied) = apply_to(schedules, job, record, event.clone(), now).await? {
            return Ok(applied);
        }
    }
    Err(contention(job))
}

/// Lets an event happen to a record that was read; none if it is not as it was read any more.
pub(super) async fn apply_to<S: Schedules>(
    schedules: &S,
    job: &DeletionJob,
    record: Option<ScheduledDeletion>,
    event: Event,
    now: Timestamp,
) -> Result<Option<Applied>, StoreError> {
    let (to, effects) = match decide(record.as_ref(), job, event, now) {
        Ok((Next::Same, effects)) => return Ok(Some(Ok((record, effects)))),
        Ok((Next::Is(to), effects)) => (Some(*to), effects),
        Ok((Next::Gone, effects)) => (None, effects),
        Err(refused) => return Ok(Some(Err(refused))),
    };
    let is_done = schedules.change(job, record.as_ref(), to.as_ref()).await?;
    Ok(is_done.then_some(Ok((to, effects))))
}

/// Somebody else keeps changing it.
pub(super) fn contention(job: &DeletionJob) -> StoreError {
    let action = format!("changing the scheduled deletion of {job}, which keeps changing,");
    StoreError::new(StoreErrorKind::Contention, action)
}
