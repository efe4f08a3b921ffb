//! Why a file cannot be read as rows.

use std::io::ErrorKind;

/// Why a file is no array of rows. `position` counts rows from 1, `offset` bytes from 0.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("the file could not be read behind byte {offset}")]
    Io {
        /// Where reading stopped.
        offset: u64,
        /// What the source said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a JSON array of objects.
    #[error("the file is not a JSON array of rows: at byte {offset}, {problem}")]
    NotAnArray {
        /// Where.
        offset: u64,
        /// What was found instead.
        problem: &'static str,
    },
    /// An element of the array is not a row. What the parser said is left out, because it quotes values.
    #[error("row {position}, at byte {offset}, is not a row of a model: {problem}")]
    NotARow {
        /// Which one.
        position: u64,
        /// Where it begins.
        offset: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A row is longer than allowed.
    #[error("row {position}, at byte {offset}, is longer than {limit} bytes")]
    RowTooLong {
        /// Which one.
        position: u64,
        /// Where it begins.
        offset: u64,
        /// The most that is allowed.
        limit: usize,
    },
    /// A row nests deeper than allowed.
    #[error("row {position}, at byte {offset}, nests deeper than {limit} levels")]
    TooDeep {
        /// Which one.
        position: u64,
        /// Where it begins.
        offset: u64,
        /// The most that is allowed.
        limit: usize,
    },
}

impl ReadError {
    /// Whether reading again may succeed: only the source can fail for a while, content cannot.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() != ErrorKind::InvalidData)
    }
}

/// What is wrong with a row, without a value of it.
pub(super) fn problem(error: &serde_json::Error) -> &'static str {
    if error.is_data() {
        "it needs a `model` (text), a `pk` (a whole number) and `fields` (an object, each field once)"
    } else {
        "it is not valid JSON"
    }
}
