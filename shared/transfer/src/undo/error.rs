//! How undoing an import fails.

use deletion::DeletionError;
use silo::StoreError;

use super::report::{Obstacle, Obstacles};

/// Why an import was not undone, or not to its end. What was undone before stays undone; the same call goes on.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// Others have built on the import since. Found before anything was changed, unless it happened meanwhile.
    #[error("{} things stand in the way, first: {}", .0.total(), .0.named.first().map(Obstacle::to_string).unwrap_or_default())]
    InTheWay(Box<Obstacles>),
    /// What depends on the import could not be deleted.
    #[error("what depends on the import could not be deleted")]
    Deletion(#[from] DeletionError),
    /// The store failed.
    #[error("the store failed at {model}")]
    Store {
        /// The model, or what else was to be read or written.
        model: String,
        /// What the store said.
        #[source]
        source: StoreError,
    },
}

impl UndoError {
    /// Whether the same call may succeed when it is made again.
    pub fn retryable(&self) -> bool {
        match self {
            Self::InTheWay(_) => false,
            Self::Deletion(error) => error.retryable(),
            Self::Store { source, .. } => source.retryable(),
        }
    }
}

impl From<Obstacle> for UndoError {
    fn from(obstacle: Obstacle) -> Self {
        Self::InTheWay(Box::new(obstacle.into()))
    }
}

/// Says at which model a store failed.
pub(super) fn at(model: &str) -> impl Fn(StoreError) -> UndoError + '_ {
    |source| UndoError::Store { model: model.to_owned(), source }
}
