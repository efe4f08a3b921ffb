//! How an import fails (SPEC §7).

use serde::Serialize;
use silo::{Pk, StoreError};

use crate::rows::ReadError;

/// The kinds of error that a batch can answer with (SPEC §7).
///
/// All of them are part of the contract, so that findings read the same whoever wrote them. Five of them cannot arise
/// here:
/// - `InvalidMinOrdinal` and `UnexpectedModel`, because the engine itself cuts the file into batches: each begins at the
///   ordinal of its first row, counted from 1, and ends where the model changes;
/// - `IncorrectSiloModeForModel`, because it sends each batch to the silo of its model;
/// - `UnknownModel`, because it skips and reports rows of models that the catalogue does not have;
/// - `UnspecifiedScope`, because a request without a scope cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ImportErrorKind {
    /// What nobody foresaw.
    Unknown,
    /// The store failed.
    DatabaseError,
    /// A row is not of its model's shape.
    DeserializationFailed,
    /// The batch came to a silo that does not keep its model.
    IncorrectSiloModeForModel,
    /// Two rows claim what only one may have; or rows are where none may be.
    IntegrityError,
    /// A batch begins below row 1.
    InvalidMinOrdinal,
    /// A batch belongs to no import.
    MissingImportUUID,
    /// There is no such model.
    UnknownModel,
    /// A batch holds a row of another model.
    UnexpectedModel,
    /// The scope is missing.
    UnspecifiedScope,
    /// A value is not allowed.
    ValidationError,
}

/// The row that an import failed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedRow {
    /// Its model.
    pub model: String,
    /// Its position among the rows of the model in the file, from 1.
    pub ordinal: Option<u64>,
    /// Its primary key in the file.
    pub source_pk: Option<Pk>,
}

/// Why an import stopped. What was written before stays: the same import resumes behind it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A row cannot be imported.
    #[error("{}", describe(*kind, row, reason))]
    Row {
        /// What kind of error it is.
        kind: ImportErrorKind,
        /// Which row.
        row: FailedRow,
        /// What is wrong, without any value of the row.
        reason: String,
    },
    /// The import itself cannot run.
    #[error("the import cannot run: {reason}")]
    Request {
        /// What kind of error it is.
        kind: ImportErrorKind,
        /// What is wrong.
        reason: String,
    },
    /// The import is to start from empty tables, and they are not.
    #[error("an import in global scope starts from empty tables, and {model} has rows")]
    NotEmpty {
        /// The first model that has rows.
        model: String,
    },
    /// The file cannot be read.
    #[error("the export cannot be read")]
    Read(#[from] ReadError),
    /// The file could not be opened.
    #[error("the export cannot be opened")]
    Open(#[source] std::io::Error),
    /// The store failed.
    #[error("the store failed at {model}")]
    Store {
        /// The model of the batch, or what else was to be read or written.
        model: String,
        /// What the store said.
        #[source]
        source: StoreError,
    },
}

fn describe(kind: ImportErrorKind, row: &FailedRow, reason: &str) -> String {
    let ordinal = row.ordinal.map(|ordinal| format!(" row {ordinal}")).unwrap_or_default();
    let pk = row.source_pk.map(|pk| format!(" (primary key {pk})")).unwrap_or_default();
    format!("{kind:?} at {}{ordinal}{pk}: {reason}", row.model)
}

impl ImportError {
    /// The kind as SPEC §7 names it.
    pub fn kind(&self) -> ImportErrorKind {
        match self {
            Self::Row { kind, .. } | Self::Request { kind, .. } => *kind,
            Self::NotEmpty { .. } => ImportErrorKind::IntegrityError,
            Self::Read(_) => ImportErrorKind::DeserializationFailed,
            Self::Open(_) => ImportErrorKind::Unknown,
            Self::Store { .. } => ImportErrorKind::DatabaseError,
        }
    }

    /// Whether the same import may succeed when it is run again.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Row { .. } | Self::Request { .. } | Self::NotEmpty { .. } => false,
            Self::Read(error) => error.retryable(),
            Self::Open(_) => true,
            Self::Store { source, .. } => source.retryable(),
        }
    }

    pub(crate) fn request(kind: ImportErrorKind, reason: impl Into<String>) -> Self {
        Self::Request { kind, reason: reason.into() }
    }
}

/// What is wrong with a row, before it is known which row it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowProblem {
    pub(crate) kind: ImportErrorKind,
    pub(crate) reason: String,
}

impl RowProblem {
    pub(crate) fn validation(reason: impl Into<String>) -> Self {
        Self { kind: ImportErrorKind::ValidationError, reason: reason.into() }
    }

    pub(crate) fn deserialization(reason: impl Into<String>) -> Self {
        Self { kind: ImportErrorKind::DeserializationFailed, reason: reason.into() }
    }

    pub(crate) fn integrity(reason: impl Into<String>) -> Self {
        Self { kind: ImportErrorKind::IntegrityError, reason: reason.into() }
    }

    pub(crate) fn at(self, model: &str, ordinal: u64, source_pk: Pk) -> ImportError {
        let row = FailedRow { model: model.to_owned(), ordinal: Some(ordinal), source_pk: Some(source_pk) };
        ImportError::Row { kind: self.kind, row, reason: self.reason }
    }
}
