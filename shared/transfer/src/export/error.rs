//! How an export fails (SPEC §8).

use serde::Serialize;
use silo::{Pk, StoreError};

use super::ForeignCheckpoint;
use crate::rows::ReadError;

/// The kinds of error of an export (SPEC §8).
///
/// All of them are part of the contract, so that findings read the same whoever wrote them. Here the engine itself walks
/// the models that relocate and the scope admits, and asks of each the silo that keeps it; nobody hands it a model
/// by name. It therefore never answers with `IncorrectSiloModeForModel`, `UnknownModel` or `UnexportableModel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ExportErrorKind {
    /// What nobody foresaw.
    Unknown,
    /// A silo was asked for a model that it does not keep.
    IncorrectSiloModeForModel,
    /// There is no such model.
    UnknownModel,
    /// The model does not relocate.
    UnexportableModel,
    /// The scope is missing, or what is asked of it cannot be.
    UnspecifiedScope,
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Rows could not be read.
    #[error("the rows of {model} could not be read")]
    Store {
        /// The model.
        model: String,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// Rows could not be written to the file.
    #[error("the export could not be written")]
    Write(#[from] std::io::Error),
    /// The catalogue has no users and organisations, so that no filter can be applied.
    #[error("a filter needs a catalogue that says which models are users and organisations")]
    NoTenancy,
    /// Everything and only a part of it were asked for at once.
    #[error("an export in global scope takes everything: it can have no filter")]
    FilteredGlobal,
    /// The checkpoint belongs to another export; nothing of it was touched.
    #[error("the checkpoint is not of this export")]
    ForeignCheckpoint(#[from] ForeignCheckpoint),
    /// The checkpoint failed.
    #[error("the checkpoint failed at {part}")]
    Checkpoint {
        /// The part that was to be kept or read.
        part: String,
        /// What the checkpoint said.
        #[source]
        source: std::io::Error,
    },
    /// A part that was kept is not as it was.
    #[error("what the checkpoint keeps of {part} cannot be read")]
    Damaged {
        /// The part.
        part: String,
        /// What is wrong with it.
        #[source]
        source: ReadError,
    },
    /// A row went while the rows that need it were read. They are not kept: the export resumes before them.
    #[error("{model} {pk} changed while rows that need it were read")]
    Changed {
        /// The model of the row.
        model: String,
        /// Its primary key.
        pk: Pk,
    },
}

impl ExportError {
    /// The kind as SPEC §8 names it.
    pub fn kind(&self) -> ExportErrorKind {
        match self {
            Self::NoTenancy | Self::FilteredGlobal => ExportErrorKind::UnspecifiedScope,
            Self::Store { .. }
            | Self::Write(_)
            | Self::ForeignCheckpoint(_)
            | Self::Checkpoint { .. }
            | Self::Damaged { .. }
            | Self::Changed { .. } => ExportErrorKind::Unknown,
        }
    }

    /// Whether the same export may succeed when it is run again.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.retryable(),
            Self::Write(_) | Self::Checkpoint { .. } | Self::Changed { .. } => true,
            Self::Damaged { source, .. } => source.retryable(),
            Self::NoTenancy | Self::FilteredGlobal | Self::ForeignCheckpoint(_) => false,
        }
    }
}
