//! What undoing did or would do, and what stands in its way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use silo::Pk;

/// How many obstacles are named; more are counted.
pub const OBSTACLES_NAMED_MAX: usize = 100;

/// When so many keys were found to lead to rows that would go, no more are looked for: it is refused anyway, and an
/// organisation in use may have millions.
pub const DEPENDENTS_COUNTED_MAX: u64 = 10_000;

/// What undoing came to; of a dry run, what it would come to.
///
/// It is complete over all runs that were handed the state of the run before. What a run did that died before it could
/// hand over its state counts as gone already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoReport {
    /// Counts by model, in the order of the alphabet; a model to which nothing happened has none.
    pub models: BTreeMap<String, ModelUndo>,
}

/// What became of the rows of one model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUndo {
    /// Rows that the import inserted, and that went.
    pub deleted: u64,
    /// Rows that the import changed, and that are again what they were.
    pub restored: u64,
    /// Of these, rows that somebody else had changed since; what they had changed is lost.
    pub changed_since: u64,
    /// Rows of others that went with rows which they depended on.
    pub cascaded: u64,
    /// Keys of others' rows that led to rows which went, and lead nowhere now.
    pub nulled: u64,
    /// Rows that the import inserted or changed, and that were gone already.
    pub already_gone: u64,
}

impl UndoReport {
    /// The counts of all models together.
    pub fn total(&self) -> ModelUndo {
        self.models.values().fold(ModelUndo::default(), |sum, model| ModelUndo {
            deleted: sum.deleted + model.deleted,
            restored: sum.restored + model.restored,
            changed_since: sum.changed_since + model.changed_since,
            cascaded: sum.cascaded + model.cascaded,
            nulled: sum.nulled + model.nulled,
            already_gone: sum.already_gone + model.already_gone,
        })
    }

    /// Counts something of a model, if there is something to count.
    pub(super) fn count(&mut self, model: &str, more: u64, of: impl FnOnce(&mut ModelUndo) -> &mut u64) {
        if more > 0 {
            *of(self.models.entry(model.to_owned()).or_default()) += more;
        }
    }
}

/// What others have done since the import that undoing it would lose or break.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacles {
    /// The first of them, up to [`OBSTACLES_NAMED_MAX`].
    pub named: Vec<Obstacle>,
    /// How many keys lead from rows that stay to rows that would go; from [`DEPENDENTS_COUNTED_MAX`] on, so many at least.
    pub dependents: u64,
    /// How many rows that would be restored were changed by somebody else since.
    pub changed: u64,
    /// How many unique values that would be restored somebody else has by now.
    pub taken: u64,
}

/// One thing that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Obstacle {
    /// A row that somebody else wrote depends on one that would go.
    Dependent {
        /// Its model, by name.
        model: String,
        /// Its primary key.
        pk: Pk,
        /// Its key that leads to the row that would go.
        key: String,
        /// What the key says of it then, as the catalogue writes it.
        on_delete: String,
        /// The model of the row that would go, by name.
        target_model: String,
        /// The primary key of the row that would go.
        target: Pk,
    },
    /// Somebody else changed a row after the import did.
    Changed {
        /// Its model, by name.
        model: String,
        /// Its primary key.
        pk: Pk,
    },
    /// Somebody else has a unique value that a row had before the import changed it.
    Taken {
        /// The model of both rows, by name.
        model: String,
        /// The row that had it.
        pk: Pk,
        /// The fields of the unique set.
        set: String,
        /// The row that has it now.
        holder: Pk,
    },
}

impl std::fmt::Display for Obstacle {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Dependent { model, pk, key, target_model, target, .. } => {
                write!(out, "{model} {pk} depends on {target_model} {target} by `{key}`")
            }
            Self::Changed { model, pk } => write!(out, "{model} {pk} was changed since"),
            Self::Taken { model, pk, set, holder } => {
                write!(out, "{model} {holder} has the {set} that {pk} had")
            }
        }
    }
}

impl Obstacles {
    /// Whether nothing stands in the way.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.dependents + self.changed + self.taken
    }

    pub(super) fn add(&mut self, obstacle: Obstacle) {
        *match obstacle {
            Obstacle::Dependent { .. } => &mut self.dependents,
            Obstacle::Changed { .. } => &mut self.changed,
            Obstacle::Taken { .. } => &mut self.taken,
        } += 1;
        if self.named.len() < OBSTACLES_NAMED_MAX {
            self.named.push(obstacle);
        }
    }
}

impl From<Obstacle> for Obstacles {
    fn from(obstacle: Obstacle) -> Self {
        let mut obstacles = Self::default();
        obstacles.add(obstacle);
        obstacles
    }
}
