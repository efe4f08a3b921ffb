//! What people may do to a relocation (SPEC, "HTTP API"). Whether the caller is allowed to is the API's
//! business; these functions know only what the record allows.

use jiff::Timestamp;

use super::lifecycle::{NewRelocation, Source};
use super::{Cause, fail};
use crate::code::ErrorCode;
use crate::commit::{Actor, Commit, Draft, Lock};
use crate::event::{Event, Resumed};
use crate::ids::{RelocationId, UserId};
use crate::kinds::{Status, Step, UndoStatus};
use crate::relocation::{Relocation, RelocationFile};
use crate::task::OrderedTask;
use crate::undo::Undo;

/// A request that the record does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refused {
    /// The stable code.
    pub code: ErrorCode,
    /// What stands in the way, and what to do.
    pub detail: String,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { code, detail: code.sentence().to_owned() }
    }
}

/// Schedules a pause before `at_step`, or before the next step.
///
/// # Errors
/// The relocation has ended; nothing can be scheduled at that step; no step is left.
pub fn pause(
    relocation: &Relocation,
    at_step: Option<Step>,
    by: Actor,
    now: Timestamp,
) -> Result<Commit, Refused> {
    if !relocation.status.is_active() {
        return Err(ErrorCode::NotPausable.into());
    }
    let step = schedulable(relocation, at_step)?;
    let mut draft = draft(relocation, by, "pause", Some(before(step)), now);
    draft.relocation().scheduled_pause_at_step = Some(step);
    Ok(draft.finish())
}

/// Schedules a cancel before `at_step`, or before the next step. `None` when the relocation failed already,
/// which is what a cancel wants.
///
/// # Errors
/// The relocation succeeded; nothing can be scheduled at that step; no step is left.
pub fn cancel(
    relocation: &Relocation,
    at_step: Option<Step>,
    by: Actor,
    now: Timestamp,
) -> Result<Option<Commit>, Refused> {
    match relocation.status {
        Status::Success => return Err(ErrorCode::NotCancellable.into()),
        Status::Failure => return Ok(None),
        Status::InProgress | Status::Pause => {}
    }
    let step = schedulable(relocation, at_step)?;
    let mut draft = draft(relocation, by, "cancel", Some(before(step)), now);
    draft.relocation().scheduled_cancel_at_step = Some(step);
    Ok(Some(draft.finish()))
}

/// Fails the relocation at once and stops its run.
///
/// # Errors
/// The relocation has ended.
pub fn abort(relocation: &Relocation, by: Actor, now: Timestamp) -> Result<Commit, Refused> {
    let cause = Cause::Person(by, "abort");
    fail(relocation, ErrorCode::AbortedByAdministrator.into(), &cause, now)
        .ok_or_else(|| ErrorCode::NotAbortable.into())
}

/// Gives up the upload.
///
/// # Errors
/// The relocation is not at its upload any more.
pub fn abandon_upload(relocation: &Relocation, by: Actor, now: Timestamp) -> Result<Commit, Refused> {
    let uploading = relocation.step == Step::Uploading;
    uploading
        .then(|| {
            let cause = Cause::Person(by, "abandon-upload");
            fail(relocation, ErrorCode::UploadAbandoned.into(), &cause, now)
        })
        .flatten()
        .ok_or_else(|| ErrorCode::NotUploading.into())
}

/// Lets a paused relocation go on, to pause again before `until_step` if one is given. One in progress that
/// has a pause scheduled only gets it rescheduled or, without `until_step`, removed.
///
/// Racing calls start one run: only one of them commits on top of the paused record.
///
/// # Errors
/// There is no pause to end or to move; nothing can be scheduled at that step.
pub fn unpause(
    relocation: &Relocation,
    until_step: Option<Step>,
    by: Actor,
    now: Timestamp,
) -> Result<Commit, Refused> {
    let is_paused = relocation.status == Status::Pause;
    let is_to_pause = relocation.status == Status::InProgress && relocation.scheduled_pause_at_step.is_some();
    if !is_paused && !is_to_pause {
        return Err(ErrorCode::NotUnpausable.into());
    }
    let until_step = until_step.map(|step| schedulable(relocation, Some(step))).transpose()?;
    let mut draft = draft(relocation, by, "unpause", until_step.map(before), now);
    draft.relocation().scheduled_pause_at_step = until_step;
    if is_paused {
        let first = OrderedTask::first_of(relocation.step).ok_or(ErrorCode::NotUnpausable)?;
        draft.relocation().latest_task_attempts = 0;
        resume(&mut draft, first);
    }
    Ok(draft.finish())
}

/// Gives a failed relocation one more attempt at its latest task. It takes the owner's lock again. Whether
/// the file is still there is checked by the caller.
///
/// # Errors
/// The relocation has not failed; it is being undone, or was in part; no task was started; the latest task judges a validation run
/// that is over; nothing can be scheduled at that step.
pub fn recover(
    relocation: &Relocation,
    until_step: Option<Step>,
    by: Actor,
    now: Timestamp,
) -> Result<Commit, Refused> {
    if relocation.status != Status::Failure {
        return Err(ErrorCode::NotFailed.into());
    }
    // Its rows are partly gone, or may go any moment.
    if relocation.undo.as_ref().is_some_and(Undo::holds_relocation) {
        return Err(ErrorCode::NotRecoverable.into());
    }
    let task = relocation.latest_task.ok_or(ErrorCode::NotRecoverable)?;
    if matches!(task, OrderedTask::ValidatingPoll | OrderedTask::ValidatingComplete) {
        return Err(ErrorCode::NotRecoverable.into());
    }
    let until_step = until_step.map(|step| schedulable(relocation, Some(step))).transpose()?;
    let mut draft = draft(relocation, by, "recover", Some(task.to_string()), now);
    let after = draft.relocation();
    after.failure_reason = None;
    after.date_ended = None;
    after.scheduled_pause_at_step = until_step;
    after.latest_task_attempts = after.latest_task_attempts.saturating_sub(1);
    draft.commit().lock = Lock::Take;
    resume(&mut draft, task);
    Ok(draft.finish())
}

/// A new relocation with a failed one's owner, slugs, provenance and promotion, for the copy that the caller
/// made of its file. It asks no other cell for anything, and its files are kept as long as those of the first.
///
/// # Errors
/// The relocation has not failed, or is being undone: what it holds still would be taken from the new one.
pub fn retry(
    relocation: &Relocation,
    id: RelocationId,
    creator: UserId,
    autopause: Option<Step>,
    copy: RelocationFile,
) -> Result<NewRelocation, Refused> {
    if relocation.status != Status::Failure {
        return Err(ErrorCode::NotFailed.into());
    }
    if relocation.undo.as_ref().is_some_and(|undo| undo.status == UndoStatus::InProgress) {
        return Err(ErrorCode::UndoInProgress.into());
    }
    Ok(NewRelocation {
        id,
        creator,
        owner: relocation.owner,
        want_org_slugs: relocation.want_org_slugs.clone(),
        autopause,
        promo_code: relocation.promo_code.clone(),
        artifact_retention_days: relocation.artifact_retention_days,
        source: Source::Copy(relocation.provenance, copy),
    })
}

fn draft(
    relocation: &Relocation,
    by: Actor,
    action: &'static str,
    detail: Option<String>,
    now: Timestamp,
) -> Draft {
    let mut draft = Draft::new(relocation, now, action);
    draft.audit(by, action, detail);
    draft
}

/// A step at which something is scheduled, as the audit log says it.
fn before(step: Step) -> String {
    format!("before {step}")
}

/// Puts the relocation in progress and starts a run at `task`.
fn resume(draft: &mut Draft, task: OrderedTask) {
    let relocation = draft.relocation();
    relocation.status = Status::InProgress;
    relocation.progress_saved = false;
    draft.start_run(task);
    let generation = draft.relocation().generation;
    draft.publish(Event::Resumed(Resumed { task, generation }));
}

/// The step that something is scheduled at: later than the current one, and neither of the two ends.
fn schedulable(relocation: &Relocation, wanted: Option<Step>) -> Result<Step, Refused> {
    match wanted {
        Some(step) if step.can_be_scheduled() && step > relocation.step => Ok(step),
        Some(_) => Err(ErrorCode::StepNotSchedulable.into()),
        None => relocation
            .step
            .next()
            .filter(|step| step.can_be_scheduled())
            .ok_or_else(|| ErrorCode::NoStepLeft.into()),
    }
}
