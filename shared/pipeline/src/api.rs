//! The JSON of the HTTP API (SPEC, "HTTP API").

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::ErrorCode;
use crate::ids::{RelocationId, UserId};
use crate::kinds::{DeletionState, Notified, Provenance, Status, Step, UndoStatus};
use crate::progress::Progress;
use crate::relocation::{Failure, Relocation};
use crate::task::OrderedTask;
use crate::transition::admin::Refused;
use crate::undo::{Undo, UndoObstacles, UndoProgress, UndoRecord, UndoReport};

/// A relocation as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RelocationView {
    /// When it was asked for.
    pub date_added: Timestamp,
    /// When it last changed.
    pub date_updated: Timestamp,
    /// Which relocation.
    pub uuid: RelocationId,
    /// Who asked for it; null when the user is gone.
    pub creator: Option<Person>,
    /// Who will own what is imported; null when the user is gone.
    pub owner: Option<Person>,
    /// How it fares.
    pub status: Status,
    /// The stage it is at.
    pub step: Step,
    /// Where the data comes from.
    pub provenance: Provenance,
    /// Why it failed.
    pub failure_reason: Option<Failure>,
    /// The step before which it will pause.
    pub scheduled_pause_at_step: Option<Step>,
    /// The step before which it will be cancelled.
    pub scheduled_cancel_at_step: Option<Step>,
    /// The slugs asked for.
    pub want_org_slugs: Vec<String>,
    /// The usernames that come along; null until the scan.
    pub want_usernames: Option<Vec<String>>,
    /// The task that was started last.
    pub latest_task: Option<OrderedTask>,
    /// How often it was started.
    pub latest_task_attempts: u32,
    /// The latest mail about it.
    pub latest_notified: Option<Notified>,
    /// When unclaimed users were last written to.
    pub latest_unclaimed_emails_sent_at: Option<Timestamp>,
    /// Primary keys of the users that were inserted, kept or overwritten.
    pub imported_user_ids: Vec<u64>,
    /// Primary keys of the organisations that were inserted, kept or overwritten.
    pub imported_org_ids: Vec<u64>,
    /// When it ended; null while it goes on.
    #[serde(default)]
    pub date_ended: Option<Timestamp>,
    /// When the owner accepted what came of it, and gave up undoing it.
    #[serde(default)]
    pub date_accepted: Option<Timestamp>,
    /// How undoing it fares; null if that was never asked for.
    #[serde(default)]
    pub undo: Option<UndoSummary>,
    /// How far the latest task is, if it is one that takes a while and has begun.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// The direct upload, in the answer that begins it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadView>,
}

/// How undoing a relocation fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UndoSummary {
    /// Which of this relocation, from 1.
    pub number: u32,
    /// How it fares.
    pub status: UndoStatus,
    /// Whether it only foresees what would be.
    pub dry_run: bool,
    /// Whether what others have built on the relocation goes too.
    pub cascade: bool,
    /// The user who asked.
    pub user_id: UserId,
    /// When that was.
    pub date_asked: Timestamp,
    /// When it ended; null while it goes on.
    pub date_ended: Option<Timestamp>,
    /// Why it ended otherwise than well.
    pub failure_reason: Option<Failure>,
}

/// Undoing a relocation, with what it came to so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UndoView {
    /// Which relocation.
    pub uuid: RelocationId,
    /// How it fares.
    pub undo: UndoSummary,
    /// How far it is; null until it has begun, and when its files have expired.
    pub progress: Option<UndoProgress>,
    /// What it did, or would do if it is a rehearsal; null like the progress.
    pub report: Option<UndoReport>,
    /// What stands in its way; null like the progress.
    pub obstacles: Option<UndoObstacles>,
}

impl UndoView {
    /// Shows undoing as the record has it, and what lies among the artifacts about it.
    #[must_use]
    pub fn new(uuid: RelocationId, undo: Undo, record: Option<UndoRecord>) -> Self {
        let (progress, report, obstacles) = record
            .map(|UndoRecord { progress, report, obstacles, .. }| (progress, report, obstacles))
            .map_or((None, None, None), |(progress, report, obstacles)| {
                (Some(progress), Some(report), Some(obstacles))
            });
        Self { uuid, undo: undo.into(), progress, report, obstacles }
    }
}

impl From<Undo> for UndoSummary {
    fn from(undo: Undo) -> Self {
        Self {
            number: undo.number,
            status: undo.status,
            dry_run: undo.wish.dry_run,
            cascade: undo.wish.cascade,
            user_id: undo.asked_by,
            date_asked: undo.date_asked,
            date_ended: undo.date_ended,
            failure_reason: undo.failure_reason,
        }
    }
}

/// The body of the call that undoes a relocation. Nothing of it has to be there.
// What is not known is refused: a misspelt `dryRun` must not undo anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndoRequest {
    /// Whether to change nothing, and only to foresee what would be; false unless given.
    pub dry_run: Option<bool>,
    /// Whether what others have built on the relocation since goes too, as its keys say; false unless given, and then it
    /// stands in the way.
    pub cascade: Option<bool>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// Primary key in control.
    pub id: UserId,
    /// E-mail address.
    pub email: String,
    /// Username.
    pub username: String,
}

/// What the API shows beside the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The creator, unless gone.
    pub creator: Option<Person>,
    /// The owner, unless gone.
    pub owner: Option<Person>,
    /// Primary keys of imported users.
    pub imported_user_ids: Vec<u64>,
    /// Primary keys of imported organisations.
    pub imported_org_ids: Vec<u64>,
    /// How far the latest task is.
    pub progress: Option<Progress>,
}

impl RelocationView {
    /// Shows a record.
    #[must_use]
    pub fn new(relocation: Relocation, around: Surroundings) -> Self {
        let date_ended = relocation.ended();
        Self {
            date_ended,
            date_accepted: relocation.date_accepted,
            undo: relocation.undo.map(UndoSummary::from),
            date_added: relocation.date_added,
            date_updated: relocation.date_updated,
            uuid: relocation.id,
            creator: around.creator,
            owner: around.owner,
            status: relocation.status,
            step: relocation.step,
            provenance: relocation.provenance,
            failure_reason: relocation.failure_reason,
            scheduled_pause_at_step: relocation.scheduled_pause_at_step,
            scheduled_cancel_at_step: relocation.scheduled_cancel_at_step,
            want_org_slugs: relocation.want_org_slugs,
            want_usernames: relocation.want_usernames,
            latest_task: relocation.latest_task,
            latest_task_attempts: relocation.latest_task_attempts,
            latest_notified: relocation.latest_notified,
            latest_unclaimed_emails_sent_at: relocation.latest_unclaimed_emails_sent_at,
            imported_user_ids: around.imported_user_ids,
            imported_org_ids: around.imported_org_ids,
            progress: around.progress,
            upload: None,
        }
    }
}

/// A relocation whose file is uploaded afterwards.
// All are optional here, so that a missing one is named by us and not by the parser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CreateRequest {
    /// Username of the owner; of oneself, unless staff asks.
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, min_length = 1, max_length = 128))]
    pub owner: Option<String>,
    /// Slugs of the wanted organisations, comma-separated: letters, digits and dashes, 50 characters at most each,
    /// not all digits, no dash at either end.
    #[cfg_attr(
        feature = "openapi",
        schema(required, value_type = String, max_length = 10_000, example = "acme,acme-labs")
    )]
    pub orgs: Option<String>,
    /// A promotion to redeem.
    #[serde(rename = "promo_code")]
    #[cfg_attr(feature = "openapi", schema(max_length = 40))]
    pub promo_code: Option<String>,
    /// The name of the file that will be uploaded.
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, min_length = 1, max_length = 255))]
    pub file_name: Option<String>,
    /// Its size in bytes, 5 GiB at most.
    #[cfg_attr(feature = "openapi", schema(required, value_type = u64, minimum = 1, maximum = 5_368_709_120_u64))]
    pub file_size: Option<u64>,
}

/// A direct upload: what is there and how to send what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UploadView {
    /// The upload's id.
    pub upload_id: String,
    /// The declared size of the file in bytes.
    pub file_size: u64,
    /// The size of every part but the last, in bytes.
    pub part_size: u64,
    /// How many parts there are in all.
    pub part_count: u32,
    /// The parts that have arrived.
    pub parts: Vec<PartView>,
    /// How to send the first missing parts, 100 at most.
    pub missing: Vec<MissingPart>,
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PartView {
    /// Its number, from 1.
    pub part_number: u32,
    /// Its entity tag.
    pub etag: String,
}

/// A part that is missing and the request that sends it: a PUT with these headers and the part's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MissingPart {
    /// Its number, from 1.
    pub part_number: u32,
    /// Where to send it.
    pub url: String,
    /// The headers to send with it.
    pub headers: BTreeMap<String, String>,
    /// Until when the URL is good.
    pub expires_at: Timestamp,
}

/// The body of the call that completes an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CompleteRequest {
    /// All parts with their entity tags.
    pub parts: Vec<PartView>,
}

/// Who did what to a relocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditView {
    /// What was done, oldest first.
    pub lines: Vec<AuditLine>,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// When.
    pub time: Timestamp,
    /// What, as a verb of the API.
    pub action: String,
    /// What it was about, such as a step or a file.
    pub detail: Option<String>,
    /// Who; null when it was the pipeline itself.
    pub user_id: Option<UserId>,
    /// The user; null when that user is gone.
    pub user: Option<Person>,
}

/// The artifacts that a relocation keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArtifactsView {
    /// The files, by their paths.
    pub files: Vec<ArtifactFile>,
}

/// A file that a relocation keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArtifactFile {
    /// Its kind and name, such as `out/import-report.json`.
    pub path: String,
    /// Its size in bytes, as it is kept.
    pub bytes: u64,
}

/// An artifact: what is in it, or how to get it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum ArtifactView {
    /// A small one, opened if it was sealed.
    Contents {
        /// What is in it.
        contents: String,
    },
    /// One that is too large for an answer, or cannot be opened.
    #[serde(rename_all = "camelCase")]
    Download {
        /// Where to get it, for a while.
        url: String,
        /// Until when the URL is good.
        expires_at: Timestamp,
        /// Its size in bytes, as it is kept.
        size: u64,
        /// Whether it is a sealed export.
        sealed: bool,
        /// The key that opens it; null when it is not sealed, or was not sealed for this cell. A secret.
        data_key: Option<String>,
    },
}

// Both hold customers' data, or lead to them.
impl std::fmt::Debug for ArtifactView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Contents { .. } => "ArtifactView::Contents",
            Self::Download { .. } => "ArtifactView::Download",
        })
    }
}

/// An option that operators set while the system runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OptionView {
    /// Its name.
    pub name: String,
    /// Its text; null when it was never set, which is as its default.
    pub value: Option<String>,
    /// What holds when it was never set.
    pub default: String,
    /// What it does, and what it may be.
    pub description: String,
}

/// All options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OptionsView {
    /// The options, by name.
    pub options: Vec<OptionView>,
}

/// The body of the call that sets an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetOptionRequest {
    /// Its text.
    pub value: String,
}

/// The body of the call that schedules a deletion.
// All are optional here, so that a missing one is named by us and not by the parser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScheduleDeletionRequest {
    /// The model, by name.
    #[cfg_attr(
        feature = "openapi",
        schema(required, value_type = String, min_length = 1, max_length = 100, example = "sentry.organization")
    )]
    pub model: Option<String>,
    /// The primary key of the row.
    #[cfg_attr(feature = "openapi", schema(required, value_type = u64, minimum = 1))]
    pub id: Option<u64>,
    /// In how many days it is due: 30 unless given; 0 is now.
    #[cfg_attr(feature = "openapi", schema(maximum = 3_650))]
    pub days: Option<u32>,
}

/// A deletion that is scheduled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeletionView {
    /// The silo that the row lives in, `cell` or `control`.
    pub silo: String,
    /// The model, by name.
    pub model: String,
    /// The primary key of the row.
    pub id: u64,
    /// How it stands.
    pub state: DeletionState,
    /// When it is due.
    pub date_due: Timestamp,
    /// When it was first asked for.
    pub date_added: Timestamp,
    /// When it last changed.
    pub date_updated: Timestamp,
    /// The user who asked for it last.
    pub user_id: UserId,
    /// Since when it is in progress.
    pub in_progress_since: Option<Timestamp>,
    /// When others were told that it begins.
    pub announced_at: Option<Timestamp>,
    /// How often it was begun since it last got further.
    pub attempts: u32,
    /// How many rows went so far.
    pub rows: u64,
    /// How many keys were nulled so far.
    pub keys: u64,
    /// What kept it from getting further when it last tried to.
    pub error: Option<String>,
    /// The rows that stand in the way, or some of them.
    pub in_the_way: Vec<RowView>,
}

/// A row, by model and primary key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowView {
    /// The model, by name.
    pub model: String,
    /// The primary key.
    pub id: u64,
}

/// The deletions that are scheduled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DeletionsView {
    /// The deletions, those first that are due first.
    pub deletions: Vec<DeletionView>,
    /// Whether there are more than an answer has.
    pub has_more: bool,
}

/// How far a key across silos is reconciled with the tombstones of those who are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CascadeView {
    /// The silo that its rows live in, `cell` or `control`.
    pub silo: String,
    /// Their model, by name.
    pub model: String,
    /// The key, by field.
    pub field: String,
    /// The model that it leads to.
    pub target: String,
    /// What becomes of a row whose target is gone.
    pub on_delete: String,
    /// Up to which primary key rows are looked at that were written behind their tombstone.
    pub rows_watermark: u64,
    /// Up to which id tombstones are looked at that were written behind their rows.
    pub tombstones_watermark: u64,
    /// How many primary keys and tombstones lay ahead of both at the last run; null before the first.
    pub pending: Option<u64>,
    /// How old the oldest tombstone was that the last run met, in milliseconds; null if it met none.
    pub lag_millis: Option<u64>,
    /// Whether the last run left something to do.
    pub has_more: bool,
    /// When the last run ended; null before the first.
    pub last_run: Option<Timestamp>,
    /// What kept the last run from going on.
    pub error: Option<String>,
}

/// All keys across silos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CascadesView {
    /// The keys, those of the cell first, in the order of the catalogue.
    pub keys: Vec<CascadeView>,
}

/// This cell's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublicKeyView {
    /// The key as PEM.
    pub public_key: String,
}

/// An error, as `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A name for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: ErrorCode,
    /// What happened and what to do.
    pub detail: String,
    /// The field of the request that is missing or not valid, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    /// The content type of a problem.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    /// A problem in words of its own.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:relocation:problem:{code}"),
            status: http_status(code),
            code,
            detail: detail.into(),
            field: None,
        }
    }
}

impl From<ErrorCode> for Problem {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.sentence())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::new(refused.code, refused.detail)
    }
}

/// The HTTP status that a code is answered with. Codes that only a record carries are no answers of the API;
/// should one get there, something is wrong on our side.
#[must_use]
pub const fn http_status(code: ErrorCode) -> u16 {
    use ErrorCode as C;
    match code {
        C::InvalidField
        | C::UnknownStatus
        | C::UnknownStep
        | C::StepNotSchedulable
        | C::NoStepLeft
        | C::NotPausable
        | C::NotUnpausable
        | C::NotCancellable
        | C::NotAbortable
        | C::NotFailed
        | C::NotRecoverable
        | C::MalformedSlug
        | C::OwnerNotSelf
        | C::UnknownOwner
        | C::OwnerGone
        | C::FileGone
        | C::FileTooLarge
        | C::PartsMissing
        | C::OrganizationNotActive
        | C::NotUndoable
        | C::NotAcceptable
        | C::SameCell
        | C::UnknownModel => 400,
        C::Unauthenticated => 401,
        C::Forbidden | C::FeatureDisabled | C::ForbiddenSourceCell | C::AlreadyAccepted => 403,
        C::NotFound | C::UnknownObject => 404,
        C::MethodNotAllowed => 405,
        C::OwnerBusy
        | C::NotUploading
        | C::SizeDiffers
        | C::ChangedMeanwhile
        | C::AlreadyBeingForked
        | C::UndoInProgress
        | C::AlreadyUndone
        | C::UndoWindowOver
        | C::DeletionInProgress => 409,
        C::DailyLimitReached => 429,
        _ => 500,
    }
}
