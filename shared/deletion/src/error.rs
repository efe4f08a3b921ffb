//! What keeps a deletion from being done.

use catalog::OnDelete;
use serde::{Deserialize, Serialize};
use silo::{Pk, StoreError};

/// A row by model and primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId {
    /// The model, by name.
    pub model: String,
    /// The primary key.
    pub pk: Pk,
}

impl std::fmt::Display for RowId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.model, self.pk)
    }
}

/// A deletion that was not done, or not to its end. What went before is gone for good; doing it again goes on.
#[derive(Debug, thiserror::Error)]
pub enum DeletionError {
    /// There is no such model, or it lives in the other silo (SPEC §10, "a lookup error").
    #[error("no model {model} lives in this silo")]
    UnknownModel {
        /// What was asked for.
        model: String,
    },
    /// There is no such field, or it is no key across silos (SPEC §10, "a lookup error").
    #[error("{model} has no key across silos in `{field}`")]
    UnknownKey {
        /// The model.
        model: String,
        /// What was asked for.
        field: String,
    },
    /// A key says of its rows what tombstones cannot do.
    #[error(
        "{model}.{field} says `{on_delete}` of rows whose target is gone, which cannot be done across silos"
    )]
    UnknownBehaviour {
        /// The model.
        model: String,
        /// The key.
        field: String,
        /// What it says.
        on_delete: OnDelete,
    },
    /// Rows that are to stay refer to rows that were to go. Found before anything was deleted, unless they were written
    /// meanwhile.
    #[error("{} rows stand in the way, first {}", .rows.len(), .rows.first().map(RowId::to_string).unwrap_or_default())]
    Protected {
        /// Some of the rows that stand in the way, at least one.
        rows: Vec<RowId>,
    },
    /// Without its target a row would share a unique value with another one.
    #[error("{row} cannot lose `{field}`: {holder} of its model has the same {set} then")]
    Taken {
        /// The row.
        row: RowId,
        /// Its key.
        field: String,
        /// The fields of the unique set.
        set: String,
        /// The primary key of the other row.
        holder: Pk,
    },
    /// The store failed.
    #[error("a silo could not be used")]
    Store(#[from] StoreError),
}

impl DeletionError {
    /// Whether doing it again, unchanged, can help.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.retryable(),
            Self::UnknownModel { .. }
            | Self::UnknownKey { .. }
            | Self::UnknownBehaviour { .. }
            | Self::Protected { .. }
            | Self::Taken { .. } => false,
        }
    }
}
