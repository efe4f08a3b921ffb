//! How far undoing is: handed from one run to the next.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use silo::Pk;
use uuid::Uuid;

use super::UndoRequest;
use super::pks::Pks;
use super::report::{Obstacles, UndoReport};

/// What a run hands to the one after it, so that this one goes on where it stopped and its report is complete.
///
/// Nothing but speed and counts depends on it: without the state of the run before, the look starts anew, and what was
/// undone already is found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoState {
    /// What was done, or what a dry run foresees.
    pub report: UndoReport,
    /// What stands in the way.
    pub obstacles: Obstacles,
    /// What this is the state of; none if nothing was begun.
    pub(super) of: Option<UndoRequest>,
    pub(super) phase: Phase,
    /// The page that comes next; none at the beginning of a phase.
    pub(super) cursor: Option<Cursor>,
    /// How many rows of the file went, by model: those of which the chunks tell.
    pub(super) of_file: BTreeMap<String, u64>,
    /// Keys, by model and field, by which others' rows depend on rows that go.
    pub(super) keys: BTreeSet<String>,
    /// Rows of others that go with rows which they depend on.
    pub(super) cascading: BTreeMap<String, Pks>,
}

/// What undoing is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It looks for what stands in its way; nothing is changed.
    #[default]
    Looking,
    /// It deletes and restores.
    Undoing,
    /// There is nothing left to do.
    Done,
}

/// A page of rows: the next one to be dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) model: String,
    pub(super) stage: Stage,
    /// Behind which primary key.
    pub(super) after: Option<Pk>,
}

/// Where rows are known from, in the order in which they are dealt with: what goes makes room for what comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Stage {
    /// Inserted: the plan has set their primary keys aside.
    Planned,
    /// Inserted: a chunk maps them.
    Mapped,
    /// Inserted: the journal says that they were added.
    Added,
    /// Changed: the journal has their originals.
    Originals,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::Planned, Self::Mapped, Self::Added, Self::Originals];
}

impl UndoState {
    /// The state to go on from: this one, unless it is of something else that was asked for.
    pub(super) fn of(self, request: &UndoRequest) -> Self {
        if self.of.as_ref() == Some(request) {
            return self;
        }
        Self { of: Some(request.clone()), ..Self::default() }
    }

    /// The import.
    pub fn import(&self) -> Option<Uuid> {
        self.of.as_ref().map(|request| request.import)
    }
}
