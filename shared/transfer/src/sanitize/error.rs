//! How sanitising fails.

use silo::Pk;

use crate::rows::ReadError;

/// Why an export could not be sanitised. What was written before is no export.
#[derive(Debug, thiserror::Error)]
pub enum SanitizeError {
    /// The file cannot be read.
    #[error("the export cannot be read")]
    Read(#[from] ReadError),
    /// The look-alike cannot be written.
    #[error("the sanitised export cannot be written")]
    Write(#[source] std::io::Error),
    /// A field does not hold what its model says, so that nobody can tell what would leak.
    #[error("{row}: `{field}` is not {expected}")]
    Value {
        /// Where.
        row: SanitizedRow,
        /// The field.
        field: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// A date would leave the years −9999 to 9999.
    #[error("{row}: so many days further, `{field}` is no date any more")]
    DateOutOfRange {
        /// Where.
        row: SanitizedRow,
        /// The field.
        field: String,
    },
    /// The second reading of the file found something else than the first.
    #[error("{row}: the export changed while it was read")]
    Changed {
        /// Where that was noticed.
        row: SanitizedRow,
    },
}

/// The row that an export could not be sanitised at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanitizedRow {
    /// Its model.
    pub model: String,
    /// Its position among the rows of the model in the file, from 1.
    pub ordinal: u64,
    /// Its primary key in the file.
    pub pk: Pk,
}

impl std::fmt::Display for SanitizedRow {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} row {} (primary key {})", self.model, self.ordinal, self.pk)
    }
}

impl SanitizeError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(_) => "unreadable-export",
            Self::Write(_) => "unwritable-export",
            Self::Value { .. } => "invalid-value",
            Self::DateOutOfRange { .. } => "date-out-of-range",
            Self::Changed { .. } => "export-changed",
        }
    }

    /// Whether the same may succeed when it is tried again.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Read(error) => error.retryable(),
            Self::Write(_) | Self::Changed { .. } => true,
            Self::Value { .. } | Self::DateOutOfRange { .. } => false,
        }
    }
}
