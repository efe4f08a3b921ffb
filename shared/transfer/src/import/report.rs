//! What an import did, for people and for the tables at its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use silo::{ImportKind, Pk};

/// How many dropped rows are listed one by one; all are counted.
pub const DROPPED_LISTED_MAX: usize = 10_000;

/// How many unknown models, and how many unknown fields, are named. A hostile file has as many as it has rows.
pub const UNKNOWN_NAMED_MAX: usize = 1_000;

/// The longest unknown name that is kept, in bytes.
pub const UNKNOWN_NAME_BYTES_MAX: usize = 200;

/// What all other unknown names count as.
pub const UNKNOWN_OTHERS: &str = "…";

/// Counts a row that has a name which the catalogue does not know.
pub(crate) fn count_unknown(names: &mut BTreeMap<String, u64>, name: &str) {
    let is_kept =
        names.contains_key(name) || names.len() < UNKNOWN_NAMED_MAX && name.len() <= UNKNOWN_NAME_BYTES_MAX;
    let name = if is_kept { name } else { UNKNOWN_OTHERS };
    *names.entry(name.to_owned()).or_insert(0) += 1;
}

/// Everything worth knowing about an import: counts by model, and what happened to single rows.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Counts by model, in the order of the alphabet.
    pub models: BTreeMap<String, ModelReport>,
    /// Rows whose name changed.
    pub renamed: Vec<Renamed>,
    /// Rows that were not imported although scope and filter admit them, up to [`DROPPED_LISTED_MAX`].
    pub dropped: Vec<Dropped>,
    /// Rows of models that the catalogue does not know, by model, up to [`UNKNOWN_NAMED_MAX`].
    pub unknown_models: BTreeMap<String, u64>,
    /// Fields that the catalogue does not know, by model and field, with the number of rows that had them; as many.
    pub unknown_fields: BTreeMap<String, u64>,
}

/// How many rows of one model took which way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Rows in the file.
    pub in_file: u64,
    /// Rows that were written.
    pub inserted: u64,
    /// Rows for which one that was there is used.
    pub existing: u64,
    /// Rows that replaced one that was there.
    pub overwritten: u64,
    /// Rows that are not in the scope.
    pub out_of_scope: u64,
    /// Rows that the filter leaves out.
    pub filtered: u64,
    /// Rows that a missing row or a rule left out.
    pub dropped: u64,
}

impl ModelReport {
    pub(crate) fn count(&mut self, kind: ImportKind) {
        match kind {
            ImportKind::Inserted => self.inserted += 1,
            ImportKind::Existing => self.existing += 1,
            ImportKind::Overwrite => self.overwritten += 1,
        }
    }
}

/// A row that was given another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// Its model.
    pub model: String,
    /// Its primary key here.
    pub pk: Pk,
    /// Its name in the file.
    pub from: String,
    /// Its name here.
    pub to: String,
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Its model.
    pub model: String,
    /// Its position among the rows of the model in the file.
    pub ordinal: u64,
    /// Its primary key in the file.
    pub source_pk: Pk,
    /// Why.
    pub reason: DropReason,
}

/// Why a row was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "because")]
pub enum DropReason {
    /// A row that it refers to was not imported.
    MissingTarget {
        /// The key.
        key: String,
        /// The model referred to.
        model: String,
        /// The primary key referred to, in the file.
        source_pk: Pk,
    },
    /// The row that it belongs to was there already, with its own.
    OwnerMerged {
        /// The key.
        key: String,
    },
    /// A row with the same natural key is there.
    Taken {
        /// The natural key's fields.
        fields: String,
    },
    /// Only a Global import takes it along.
    GlobalOnly,
    /// The organisation that its token would name has no slug here.
    NoSlug,
}

impl ImportReport {
    pub(crate) fn model(&mut self, name: &str) -> &mut ModelReport {
        self.models.entry(name.to_owned()).or_default()
    }

    pub(crate) fn drop_row(&mut self, dropped: Dropped) {
        self.model(&dropped.model).dropped += 1;
        if self.dropped.len() < DROPPED_LISTED_MAX {
            self.dropped.push(dropped);
        }
    }

    /// Rows of the file that the import has dealt with.
    pub fn rows_done(&self) -> u64 {
        let rows = |model: &ModelReport| {
            model.inserted
                + model.existing
                + model.overwritten
                + model.out_of_scope
                + model.filtered
                + model.dropped
        };
        self.models.values().map(rows).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_counted_and_the_first_are_kept() {
        let mut names = BTreeMap::new();
        let rows = 3 * UNKNOWN_NAMED_MAX;
        for round in 0..rows {
            count_unknown(&mut names, &format!("model-{round}"));
            count_unknown(&mut names, "model-0");
        }
        count_unknown(&mut names, &"long".repeat(UNKNOWN_NAME_BYTES_MAX));
        assert_eq!(names.len(), UNKNOWN_NAMED_MAX + 1);
        assert_eq!(names.values().sum::<u64>(), 2 * rows as u64 + 1);
        assert_eq!(names["model-0"], rows as u64 + 1);
        assert_eq!(names[UNKNOWN_OTHERS], (rows - UNKNOWN_NAMED_MAX) as u64 + 1);
    }
}
