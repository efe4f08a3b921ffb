//! Compares two exports, row by row and field by field (SPEC §9).
//!
//! Rows meet by their ordinal, never by their primary key, because an import gives new ones. [`side`] orders
//! the rows of each side; [`row`] compares two rows that met; [`comparators`] holds what a catalogue can ask
//! for a field, [`json`] what becomes of the fields that it says nothing about; [`obscure`] keeps secrets out
//! of all of their reasons.
//!
//! Findings come in the order of the catalogue's models, then of ordinals; for one row, keys come first, then
//! the catalogue's comparators in its order, then the remaining JSON. The same input gives the same findings.

mod comparators;
mod finding;
mod json;
mod obscure;
mod row;
mod side;

use std::fmt;
use std::io::Read;

use catalog::Catalog;

use crate::findings::Finding;
use crate::rows::{FileRow, ReadError, RowReader};
use finding::Kind;
use side::Export;

/// One of the two exports of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What was there before.
    Left,
    /// What is there after.
    Right,
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Left => "left",
            Self::Right => "right",
        })
    }
}

/// Why two exports could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// One side is no export.
    #[error("the {side} export could not be read")]
    Unreadable {
        /// Which one.
        side: Side,
        /// What is wrong with it.
        #[source]
        source: ReadError,
    },
    /// One side has rows of a model that the catalogue does not know. Nothing can be said about them, and
    /// silence would be taken for "no difference".
    #[error("row {position} of the {side} export is of the unknown model {model:?}")]
    UnknownModel {
        /// Which side.
        side: Side,
        /// Which row, from 1.
        position: u64,
        /// The model's name, shown as findings show text: it may be anything.
        model: String,
    },
}

impl CompareError {
    /// A stable name for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable-export",
            Self::UnknownModel { .. } => "unknown-model",
        }
    }

    /// Whether comparing again may succeed.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreadable { source, .. } => source.retryable(),
            Self::UnknownModel { .. } => false,
        }
    }
}

/// Compares two export files. Both are held in memory, so memory grows with their sizes.
///
/// # Errors
/// A side cannot be read, or has a row of an unknown model.
pub fn compare<L: Read, R: Read>(
    catalog: &Catalog,
    mut left: RowReader<L>,
    mut right: RowReader<R>,
) -> Result<Vec<Finding>, CompareError> {
    compare_rows(
        catalog,
        std::iter::from_fn(|| left.next_row().transpose()),
        std::iter::from_fn(|| right.next_row().transpose()),
    )
}

/// Compares two exports whose rows come from anywhere.
///
/// # Errors
/// A side cannot be read, or has a row of an unknown model.
pub fn compare_rows(
    catalog: &Catalog,
    left: impl IntoIterator<Item = Result<FileRow, ReadError>>,
    right: impl IntoIterator<Item = Result<FileRow, ReadError>>,
) -> Result<Vec<Finding>, CompareError> {
    let left = Export::read(catalog, Side::Left, left)?;
    let right = Export::read(catalog, Side::Right, right)?;
    let unpaired = unpaired(catalog, &left, &right);
    if !unpaired.is_empty() {
        return Ok(unpaired);
    }
    let mut findings = Vec::new();
    for model in catalog.models() {
        row::RowComparison::new(catalog, model, &left, &right).compare_all(&mut findings);
    }
    Ok(findings)
}

/// What keeps rows from meeting: rows out of order, natural keys that occur twice, unequal counts. Any of it
/// would pair rows that have nothing to do with each other, so that it ends the comparison. A model whose own
/// order is broken is not counted: one mistake gives one finding.
fn unpaired(catalog: &Catalog, left: &Export, right: &Export) -> Vec<Finding> {
    let mut findings = Vec::new();
    for model in catalog.models() {
        let (left, right) = (left.table(model.id), right.table(model.id));
        findings.extend(left.problems().chain(right.problems()).cloned());
        let in_order = left.problems().chain(right.problems()).next().is_none();
        let (count_left, count_right) = (left.rows().len(), right.rows().len());
        if in_order && count_left != count_right {
            let reason = format!("the left side has {count_left}, the right side {count_right}");
            findings.push(finding::on_model(Kind::UnequalCounts, &model.name, reason));
        }
    }
    findings
}
