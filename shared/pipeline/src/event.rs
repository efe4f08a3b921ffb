//! The events that a cell publishes. Each type has a schema in `schemas/events.json`. Delivery is at
//! least once and unordered; consumers order by `sequence` within a subject and tolerate repeats.
//!
//! An event carries references, never payloads: no e-mail address, no secret, less than 4 KB.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::code::ErrorCode;
use crate::ids::{BuildId, Generation, RelocationId, Trace, UserId};
use crate::kinds::{Provenance, Step, ValidationStatus};
use crate::task::OrderedTask;

/// The version of all event types. A change that an old consumer cannot read raises it.
pub const VERSION: u32 = 1;

/// What happened, by type. In JSON an event is its envelope; this is the envelope's `type` and `data`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A relocation was asked for.
    #[serde(rename = "relocation.created")]
    Created(Created),
    /// A relocation between cells was asked for.
    #[serde(rename = "relocation.forked")]
    Forked(Forked),
    /// The export passed the scan: the owner is told that it goes ahead.
    #[serde(rename = "relocation.started")]
    Started(Started),
    /// A relocation waits before a step.
    #[serde(rename = "relocation.paused")]
    Paused(Paused),
    /// A paused or failed relocation goes on.
    #[serde(rename = "relocation.resumed")]
    Resumed(Resumed),
    /// A relocation reached a step.
    #[serde(rename = "relocation.step_entered")]
    StepEntered(StepEntered),
    /// A relocation failed.
    #[serde(rename = "relocation.failed")]
    Failed(Failed),
    /// All that was asked for is imported and visible: the owner is told so.
    #[serde(rename = "relocation.succeeded")]
    Succeeded(Succeeded),
    /// The imported organisations have been handed to their owner.
    #[serde(rename = "relocation.relocated")]
    Relocated(Relocated),
    /// The promotion that a relocation was asked for with is due.
    #[serde(rename = "relocation.promotion_requested")]
    PromotionRequested(PromotionRequested),
    /// A validation run was judged, or broke off.
    #[serde(rename = "validation.finished")]
    ValidationFinished(ValidationFinished),
    /// An organisation was imported.
    #[serde(rename = "organization.imported")]
    OrganizationImported(OrganizationImported),
    /// An imported user has yet to claim the account.
    #[serde(rename = "user.claim_requested")]
    ClaimRequested(ClaimRequested),
    /// A relocation was undone.
    #[serde(rename = "relocation.undone")]
    Undone(Undone),
    /// A relocation was to be undone, and was not, or not to its end.
    #[serde(rename = "relocation.undo_failed")]
    UndoFailed(UndoFailed),
    /// A row is about to be deleted, with all that depends on it.
    #[serde(rename = "row.deletion_started")]
    RowDeletionStarted(RowDeletionStarted),
    /// A row was deleted in a silo.
    #[serde(rename = "row.deleted")]
    RowDeleted(RowDeleted),
}

/// Data of `relocation.created`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// Who asked.
    pub creator_id: UserId,
    /// Who will own what is imported.
    pub owner_id: UserId,
    /// Where the data comes from.
    pub provenance: Provenance,
}

/// Data of `relocation.forked`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Forked {
    /// The cell that the organisation lives in.
    pub cell: String,
    /// Its slug there.
    pub slug: String,
}

/// Data of `relocation.started`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// How many users come along.
    pub users: usize,
}

/// Data of `relocation.paused`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The step that has not begun.
    pub step: Step,
}

/// Data of `relocation.resumed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resumed {
    /// The task that it goes on with.
    pub task: OrderedTask,
    /// The run that does so.
    pub generation: Generation,
}

/// Data of `relocation.step_entered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEntered {
    /// The step.
    pub step: Step,
}

/// Data of `relocation.failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Why.
    pub code: ErrorCode,
    /// The step it failed in.
    pub step: Step,
    /// The task it failed in; none when no task was started.
    pub task: Option<OrderedTask>,
    /// Whether owner and creator are told: an administrator's decision is not mailed.
    pub mailed: bool,
}

/// Data of `relocation.succeeded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Succeeded {
    /// Who owns what was imported.
    pub owner_id: UserId,
}

/// Data of `relocation.relocated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relocated {
    /// Who owns what was imported.
    pub owner_id: UserId,
    /// Primary keys of the imported organisations.
    pub organization_ids: Vec<u64>,
}

/// Data of `relocation.promotion_requested`. Whoever redeems promotions listens to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PromotionRequested {
    /// The code that was given with the relocation.
    pub promo_code: String,
    /// Who owns what was imported.
    pub owner_id: UserId,
    /// Primary keys of the imported organisations.
    pub organization_ids: Vec<u64>,
}

/// Data of `validation.finished`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationFinished {
    /// The run.
    pub build: BuildId,
    /// What came of it.
    pub status: ValidationStatus,
}

/// Data of `organization.imported`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationImported {
    /// The organisation's primary key.
    pub organization_id: u64,
    /// The import that brought it.
    pub import_uuid: Uuid,
    /// Its slug, as it is now.
    pub slug: String,
    /// Who owns it.
    pub owner_id: UserId,
}

/// Data of `user.claim_requested`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimRequested {
    /// The user who has yet to claim the account.
    pub user_id: UserId,
    /// The new slugs of the organisations that came with this user.
    pub organization_slugs: Vec<String>,
    /// When the hash was made that lets the user do so. Another hash deserves another mail.
    pub hashed_at: Timestamp,
}

/// Data of `relocation.undone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undone {
    /// Who asked for it.
    pub asked_by: UserId,
    /// Whether what others had built on it went, too.
    pub cascade: bool,
}

/// Data of `relocation.undo_failed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoFailed {
    /// Who asked for it.
    pub asked_by: UserId,
    /// Why.
    pub code: ErrorCode,
}

/// Data of `row.deletion_started`. It is told before the first row goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowDeletionStarted {
    /// The silo it is deleted in.
    pub silo: String,
    /// Its model.
    pub model: String,
    /// Its table.
    pub table: String,
    /// Its primary key.
    pub object_id: u64,
}

/// Data of `row.deleted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowDeleted {
    /// The silo it was deleted in.
    pub silo: String,
    /// Its table.
    pub table: String,
    /// Its primary key.
    pub object_id: u64,
}

/// An event with what is known when it is decided. It stands in the outbox until it is relayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Identifies the event: the same however often it is delivered.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// What it is about: a relocation's uuid, or `table/id` of a row.
    pub subject: String,
    /// Ascends with the events of one subject; there may be gaps.
    pub sequence: u64,
    /// What made it happen: a visit (`generation/task/turn`) or an action.
    pub causation: String,
    /// The run that it happened in. Entries that were stored by an older version have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// What happened.
    pub event: Event,
}

/// An event as it goes over the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Identifies the event: the same however often it is delivered.
    pub id: String,
    /// What kind of event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The version of the type.
    pub version: u32,
    /// When it happened.
    pub time: Timestamp,
    /// The cell it happened in.
    pub source: String,
    /// What it is about.
    pub subject: String,
    /// Ascends with the events of one subject; there may be gaps.
    pub sequence: u64,
    /// What made it happen.
    pub causation: String,
    /// The run of a relocation that it happened in; none when it was no relocation that made it happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// References to what is concerned; its shape depends on the type.
    pub data: Value,
}

impl Recorded {
    /// The event as it goes over the bus of `cell`.
    ///
    /// # Errors
    /// When the data cannot be written as JSON.
    pub fn into_envelope(self, cell: &str) -> Result<Envelope, serde_json::Error> {
        let (kind, data) = self.event.into_parts()?;
        Ok(Envelope {
            id: self.id,
            kind,
            version: VERSION,
            time: self.time,
            source: cell.to_owned(),
            subject: self.subject,
            sequence: self.sequence,
            causation: self.causation,
            trace: self.trace,
            data,
        })
    }
}

impl Envelope {
    /// What happened, typed.
    ///
    /// # Errors
    /// When the type is unknown here, or the data does not have its shape.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        serde_json::from_value(Value::Object([(self.kind.clone(), self.data.clone())].into_iter().collect()))
    }

    /// The relocation that the event is about, when it is about one.
    #[must_use]
    pub fn relocation(&self) -> Option<RelocationId> {
        self.subject.parse().ok()
    }
}

impl Event {
    /// The type and the data, which serde writes as an object with one member.
    fn into_parts(self) -> Result<(String, Value), serde_json::Error> {
        match serde_json::to_value(self)? {
            Value::Object(parts) => parts.into_iter().next(),
            _ => None,
        }
        .ok_or_else(|| serde::ser::Error::custom("an event is an object with one member"))
    }
}
