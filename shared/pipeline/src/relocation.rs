//! The relocation record (SPEC, "The relocation record") and what hangs on it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::ErrorCode;
use crate::ids::{Generation, RelocationId, Trace, UserId, Version};
use crate::kinds::{FileKind, Notified, Provenance, Status, Step};
use crate::task::OrderedTask;
use crate::undo::Undo;
use crate::validation::Validation;

/// A relocation as it is stored. Only the functions of [`crate::transition`] change it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relocation {
    /// Which relocation.
    pub id: RelocationId,
    /// Who asked for it.
    pub creator: UserId,
    /// Who will own what is imported.
    pub owner: UserId,
    /// Where the data comes from.
    pub provenance: Provenance,
    /// The stage that users see. It never falls.
    pub step: Step,
    /// How it fares.
    pub status: Status,
    /// The step before which it will pause, always later than [`Self::step`].
    pub scheduled_pause_at_step: Option<Step>,
    /// The step before which it will be cancelled, always later than [`Self::step`].
    pub scheduled_cancel_at_step: Option<Step>,
    /// The slugs asked for, as they are in the export.
    pub want_org_slugs: Vec<String>,
    /// The usernames that come along, sorted; unknown until the scan.
    pub want_usernames: Option<Vec<String>>,
    /// The task that was started last.
    pub latest_task: Option<OrderedTask>,
    /// How often it was started without finishing or saving progress.
    pub latest_task_attempts: u32,
    /// The latest mail about the whole relocation.
    pub latest_notified: Option<Notified>,
    /// When unclaimed users were last written to.
    pub latest_unclaimed_emails_sent_at: Option<Timestamp>,
    /// Why it failed.
    pub failure_reason: Option<Failure>,
    /// When it was asked for.
    pub date_added: Timestamp,
    /// When it last changed.
    pub date_updated: Timestamp,
    /// When it ended; none while it goes on. Records that ended before this was kept have none, and last changed then.
    #[serde(default)]
    pub date_ended: Option<Timestamp>,
    /// When the owner accepted what came of it, and gave up undoing it.
    #[serde(default)]
    pub date_accepted: Option<Timestamp>,
    /// How many days after its end its files are kept, as it was when the relocation was asked for.
    pub artifact_retention_days: u32,

    /// The validation, once preprocessing is complete.
    pub validation: Option<Validation>,
    /// A promotion to redeem for the imported organisations.
    pub promo_code: Option<String>,
    /// The organisation that is copied from another cell.
    pub fork: Option<Fork>,
    /// That it is undone, or was to be; the latest that was asked for.
    #[serde(default)]
    pub undo: Option<Undo>,

    /// The current run; 0 before the first.
    pub generation: Generation,
    /// Whether the latest task's last turn saved progress. Its next start is then no attempt, because
    /// the count was set for it already.
    pub progress_saved: bool,
    /// How many outbox entries there were: the number of the latest.
    pub sequence: u64,
    /// How often it was written.
    pub version: Version,
}

impl Relocation {
    /// The run that it is in, or was in last.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::new(self.id, self.generation)
    }

    /// When it ended; none while it goes on.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        (!self.status.is_active()).then(|| self.date_ended.unwrap_or(self.date_updated))
    }

    /// Whether a run of this generation may still change anything.
    #[must_use]
    pub fn is_run_by(&self, generation: Generation) -> bool {
        self.status.is_active() && self.generation == generation
    }
}

/// The organisation that a SaaS-to-SaaS relocation copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fork {
    /// The cell it lives in.
    pub cell: String,
    /// Its slug there.
    pub slug: String,
}

/// Why a relocation failed: a stable code, and a sentence for people that may name what is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// The stable code.
    pub code: ErrorCode,
    /// What happened and what to do.
    pub detail: String,
}

impl Failure {
    /// A failure in words of its own. They may reach the customer: no secrets, no e-mail addresses.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<ErrorCode> for Failure {
    fn from(code: ErrorCode) -> Self {
        Self::new(code, code.sentence())
    }
}

/// A file of a relocation and the object that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelocationFile {
    /// What it is.
    pub kind: FileKind,
    /// The bucket that holds it.
    pub place: Place,
    /// The object's key.
    pub key: String,
    /// Its size; as declared until the object is pinned.
    pub bytes: u64,
    /// The pinned object; all later reads name its version.
    pub pinned: Option<Pinned>,
    /// The direct upload that brings it.
    pub upload: Option<Upload>,
    /// The proof that the sealed export in it was verified. It holds for every copy of the same bytes and is
    /// worthless without the export's data key, so that later reads need not verify them again.
    pub proof: Option<String>,
}

/// The buckets of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// Where customers write; versioned.
    Uploads,
    /// Where the pipeline keeps its artifacts; customers cannot write.
    Artifacts,
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// The object's version id.
    pub version: String,
    /// Its entity tag.
    pub etag: String,
}

/// A direct upload in parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The store's id of the upload.
    pub id: String,
    /// The name of the file on the customer's side.
    pub file_name: String,
}
