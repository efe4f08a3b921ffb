//! How an export fails (SPEC §8).

use serde::Serialize;
use silo::StoreError;

/// The kinds of error of an export (SPEC §8).
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
    /// The scope is missing.
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
}

impl ExportError {
    /// The kind as SPEC §8 names it.
    pub fn kind(&self) -> ExportErrorKind {
        match self {
            Self::Store { .. } | Self::Write(_) => ExportErrorKind::Unknown,
            Self::NoTenancy => ExportErrorKind::UnspecifiedScope,
        }
    }

    /// Whether the same export may succeed when it is run again.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.retryable(),
            Self::Write(_) => true,
            Self::NoTenancy => false,
        }
    }
}
