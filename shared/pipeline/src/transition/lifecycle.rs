//! A relocation is asked for, and its file arrives.

use std::time::Duration;

use jiff::Timestamp;

use super::{Cause, fail};
use crate::code::ErrorCode;
use crate::commit::{Actor, Commit, Draft, Lock};
use crate::event::{Created, Event, Forked};
use crate::ids::{Generation, RelocationId, UserId, Version};
use crate::kinds::{Provenance, Status, Step};
use crate::relocation::{Fork, Relocation, RelocationFile};
use crate::task::OrderedTask;
use crate::upload::SizeClass;

/// How long an upload may take.
pub const UPLOAD_EXPIRES_AFTER: Duration = Duration::from_hours(24);

/// What is known when a relocation is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRelocation {
    /// Its id, freshly made.
    pub id: RelocationId,
    /// Who asks.
    pub creator: UserId,
    /// Who will own what is imported.
    pub owner: UserId,
    /// The slugs asked for, checked already.
    pub want_org_slugs: Vec<String>,
    /// The step before which it is to pause, from the autopause options.
    pub autopause: Option<Step>,
    /// A promotion to redeem.
    pub promo_code: Option<String>,
    /// How many days after the relocation's end its files are kept.
    pub artifact_retention_days: u32,
    /// Where the data will come from.
    pub source: Source,
}

/// Where a relocation's data comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An upload, declared with its size.
    Upload(RelocationFile),
    /// Another cell.
    Cell(Fork),
    /// A copy of an earlier relocation's file, which keeps that relocation's provenance.
    Copy(Provenance, RelocationFile),
}

/// A relocation is asked for. A file is awaited before its first run; a fork's begins at once.
#[must_use]
pub fn create(new: NewRelocation, by: Actor, now: Timestamp) -> Commit {
    let (provenance, fork, file) = match new.source {
        Source::Upload(file) => (Provenance::SelfHosted, None, Some(file)),
        Source::Cell(fork) => (Provenance::SaasToSaas, Some(fork), None),
        Source::Copy(provenance, file) => (provenance, None, Some(file)),
    };
    let relocation = Relocation {
        id: new.id,
        creator: new.creator,
        owner: new.owner,
        provenance,
        step: Step::Uploading,
        status: Status::InProgress,
        scheduled_pause_at_step: new.autopause.filter(|step| step.can_be_scheduled()),
        scheduled_cancel_at_step: None,
        want_org_slugs: new.want_org_slugs,
        want_usernames: None,
        latest_task: None,
        latest_task_attempts: 0,
        latest_notified: None,
        latest_unclaimed_emails_sent_at: None,
        failure_reason: None,
        date_added: now,
        date_updated: now,
        date_ended: None,
        date_accepted: None,
        artifact_retention_days: new.artifact_retention_days,
        validation: None,
        promo_code: new.promo_code,
        fork: fork.clone(),
        undo: None,
        generation: Generation::default(),
        progress_saved: false,
        sequence: 0,
        version: Version::default(),
    };
    let mut draft = Draft::new(&relocation, now, "create");
    draft.publish(Event::Created(Created { creator_id: new.creator, owner_id: new.owner, provenance }));
    if let Some(Fork { cell, slug }) = fork {
        draft.publish(Event::Forked(Forked { cell, slug }));
        draft.start_run(OrderedTask::UploadingStart);
    } else {
        draft.expire_upload(UPLOAD_EXPIRES_AFTER);
    }
    draft.audit(by, "create", None);
    let commit = draft.commit();
    commit.lock = Lock::Take;
    commit.counted = file.as_ref().map(|file| SizeClass::of(file.bytes));
    commit.files.extend(file);
    draft.finish()
}

/// The uploaded file has arrived: the first run starts. `None` when it was started already, or the
/// relocation no longer waits.
#[must_use]
pub fn upload_completed(relocation: &Relocation, now: Timestamp) -> Option<Commit> {
    if !awaits_upload(relocation) {
        return None;
    }
    let mut draft = Draft::new(relocation, now, "upload");
    draft.start_run(OrderedTask::UploadingStart);
    Some(draft.finish())
}

/// The other cell's export has arrived: the next run starts where the last one ended. `None` when that
/// happened before, or the relocation no longer waits; a second reply changes nothing. `stored` is the raw
/// file that the relocation has already; it must have been read after the record.
#[must_use]
pub fn reply_arrived(
    relocation: &Relocation,
    stored: Option<&RelocationFile>,
    file: RelocationFile,
    now: Timestamp,
) -> Option<Commit> {
    let awaits_reply = stored.is_none()
        && relocation.status == Status::InProgress
        && relocation.fork.is_some()
        && relocation.latest_task == Some(OrderedTask::UploadingStart);
    if !awaits_reply {
        return None;
    }
    let mut draft = Draft::new(relocation, now, "reply");
    // The run that asked may not have ended yet. As the new one follows it at the next task, the attempt
    // counts as done.
    draft.start_run(OrderedTask::UploadingComplete);
    draft.commit().files.push(file);
    Some(draft.finish())
}

/// No upload arrived in time: the relocation fails. `None` when it did arrive, there is time left, or it
/// has ended.
#[must_use]
pub fn upload_expired(relocation: &Relocation, now: Timestamp) -> Option<Commit> {
    let waited = Duration::try_from(now.duration_since(relocation.date_added)).unwrap_or_default();
    if !awaits_upload(relocation) || waited < UPLOAD_EXPIRES_AFTER {
        return None;
    }
    fail(relocation, ErrorCode::UploadExpired.into(), &Cause::Pipeline("upload-expired"), now)
}

/// Whether what a relocation keeps in buckets may go, now that the time is over which began when a run of
/// `generation` ended it: it was not recovered since.
#[must_use]
pub fn artifacts_expired(relocation: &Relocation, generation: Generation) -> bool {
    !relocation.status.is_active() && relocation.generation == generation
}

/// Whether a file in the uploads bucket is what a relocation waits for: its first run has not begun, and no
/// other cell is asked.
#[must_use]
pub fn awaits_upload(relocation: &Relocation) -> bool {
    relocation.status.is_active()
        && relocation.fork.is_none()
        && relocation.generation == Generation::default()
}
