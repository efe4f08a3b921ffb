//! What can go wrong in a silo.

use catalog::ModelId;

use crate::Pk;

/// What kind of failure a store had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Another transaction has one of the items at this moment.
    Contention,
    /// The store asks for fewer requests.
    Throttled,
    /// The store did not answer, or answered with a failure of its own.
    Unavailable,
    /// The store holds something that cannot be read back.
    Corrupt,
    /// The store refuses the request as it is.
    Refused,
}

/// A store that could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed: {kind:?}")]
pub struct StoreError {
    /// What was being done, to what.
    pub action: String,
    /// What kind of failure it is.
    pub kind: StoreErrorKind,
    /// What the store said.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A failure without a cause of its own.
    pub fn new(kind: StoreErrorKind, action: impl Into<String>) -> Self {
        Self { action: action.into(), kind, source: None }
    }

    /// A failure with the cause that the store gave.
    pub fn with_source(
        kind: StoreErrorKind,
        action: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { action: action.into(), kind, source: Some(source.into()) }
    }

    /// Whether the same request may succeed later.
    pub fn retryable(&self) -> bool {
        match self.kind {
            StoreErrorKind::Contention | StoreErrorKind::Throttled | StoreErrorKind::Unavailable => true,
            StoreErrorKind::Corrupt | StoreErrorKind::Refused => false,
        }
    }
}

/// Why a transaction was not written. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something it relied on does not hold.
    #[error("the transaction conflicts with what is stored")]
    Conflict(Conflict),
    /// A row is larger than the store can keep, even compressed; or the one that it replaces is, which a journal has
    /// to keep.
    #[error("a row of the transaction is larger than the store can keep")]
    RowTooLarge {
        /// The position of its write.
        write: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a transaction relied on that does not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflict {
    /// The chunk was written before: another run of the same import was faster.
    pub chunk_exists: bool,
    /// Unique values that other rows have.
    pub taken: Vec<Taken>,
    /// Positions of writes whose row is not as it was read, or whose primary key is in use.
    pub changed: Vec<usize>,
    /// Models whose next primary key was given to somebody else.
    pub outnumbered: Vec<ModelId>,
}

impl Conflict {
    /// Whether nothing conflicts.
    pub fn is_empty(&self) -> bool {
        !self.chunk_exists && self.taken.is_empty() && self.changed.is_empty() && self.outnumbered.is_empty()
    }
}

/// A unique value that another row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The position of the write that wanted it.
    pub write: usize,
    /// The model.
    pub model: ModelId,
    /// The position of the set in [`catalog::Model::uniques`].
    pub set: usize,
    /// The row that has it.
    pub holder: Pk,
}
