//! That a relocation is undone: what is asked for, how it fares, and the message that calls for it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{RelocationId, UserId};
use crate::kinds::UndoStatus;
use crate::relocation::{Failure, Relocation};

/// After this long it is taken that nobody goes on with undoing any more, so that asking again calls for it again.
pub const CALLED_AGAIN_AFTER: Duration = Duration::from_hours(1);

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wish {
    /// What others have built on the relocation since goes too, as their keys say.
    pub cascade: bool,
    /// Nothing is changed: it is only foreseen what would be.
    pub dry_run: bool,
}

/// Undoing a relocation, as its record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undo {
    /// Which of this relocation, from 1.
    pub number: u32,
    /// What was asked for.
    pub wish: Wish,
    /// Who asked.
    pub asked_by: UserId,
    /// When that was.
    pub date_asked: Timestamp,
    /// How it fares.
    pub status: UndoStatus,
    /// When it ended; none while it goes on.
    pub date_ended: Option<Timestamp>,
    /// Why it ended otherwise than well.
    pub failure_reason: Option<Failure>,
    /// Whether rows may have changed, by this one or by an earlier one that broke off. It is stored before the first one
    /// changes.
    pub began: bool,
}

/// What undoing came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameTo {
    /// Everything is undone, or was foreseen.
    Done,
    /// Something stands in its way.
    Obstructed(Failure),
    /// It cannot go on. Rows may have changed.
    BrokeOff(Failure),
}

impl Undo {
    /// Whether the relocation is the business of undoing alone: it is under way, rows may have changed, or all is undone.
    #[must_use]
    pub const fn holds_relocation(&self) -> bool {
        self.began || self.is_done() || matches!(self.status, UndoStatus::InProgress)
    }

    /// Whether everything is undone.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.status, UndoStatus::Success) && !self.wish.dry_run
    }
}

/// The message that calls for undoing, or for going on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoCall {
    /// The relocation.
    pub uuid: RelocationId,
    /// Which undoing of it.
    pub undo: u32,
}

impl UndoCall {
    /// The undoing that a message calls for, while it is under way.
    #[must_use]
    pub fn of<'r>(&self, relocation: &'r Relocation) -> Option<&'r Undo> {
        let undo = relocation.undo.as_ref()?;
        (undo.number == self.undo && undo.status == UndoStatus::InProgress).then_some(undo)
    }
}

/// What undoing came to so far, as it lies among the relocation's artifacts ([`crate::artifact::undo_report`]). It holds
/// no customer data but primary keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UndoRecord {
    /// How far it is.
    pub progress: UndoProgress,
    /// What it did, or would do if it was a rehearsal.
    pub report: UndoReport,
    /// What stands in its way.
    pub obstacles: UndoObstacles,
    /// What it goes on from; of no meaning to others.
    pub state: Value,
}

/// How far undoing is. It goes through all rows twice: to look what stands in its way, and to undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UndoProgress {
    /// Whether rows go by now, and do not only get looked at.
    pub undoing: bool,
    /// Rows that are dealt with.
    pub rows_done: u64,
    /// Rows that there are.
    pub rows_total: u64,
    /// When that was so.
    pub updated: Timestamp,
}

/// What undoing did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UndoReport {
    /// All models together.
    pub total: UndoCounts,
    /// By model, of those to which something happened.
    pub models: BTreeMap<String, UndoCounts>,
}

/// What became of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UndoCounts {
    /// Rows that the relocation inserted, and that went.
    pub deleted: u64,
    /// Rows that it changed, and that are again what they were.
    pub restored: u64,
    /// Of these, rows that somebody else had changed since; what they had changed is lost.
    pub changed_since: u64,
    /// Rows of others that went with rows which they depended on.
    pub cascaded: u64,
    /// Keys of others' rows that led to rows which went, and lead nowhere now.
    pub nulled: u64,
    /// Rows that it inserted or changed, and that were gone already.
    pub already_gone: u64,
}

/// What others have built on a relocation since, which stands in the way of undoing it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UndoObstacles {
    /// How many there are; from 10,000 on, so many at least.
    pub count: u64,
    /// The first of them, 100 at most.
    pub first: Vec<UndoObstacle>,
}

/// A row that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UndoObstacle {
    /// Why it does.
    pub kind: ObstacleKind,
    /// Its model, by name.
    pub model: String,
    /// Its primary key.
    pub id: u64,
    /// What stands in the way, in words.
    pub detail: String,
}

/// Why a row stands in the way of undoing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ObstacleKind {
    /// It depends on one that would go.
    Dependent,
    /// It was changed since, and what was changed would be lost.
    Changed,
    /// It has a unique value by now that another one had before.
    Taken,
}
