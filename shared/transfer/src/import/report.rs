//! What an import did, for people and for the tables at its end.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use silo::{ImportKind, Mapped, Pk};

/// How many dropped rows are listed one by one; all are counted.
pub const DROPPED_LISTED_MAX: usize = 10_000;

/// How many changed names are listed; all are counted.
pub const RENAMED_LISTED_MAX: usize = 10_000;

/// How many rows that met one which was here are listed, of either kind; all are counted.
pub const MET_LISTED_MAX: usize = 10_000;

/// The longest name that is kept whole, in characters. What a file calls a name may be a megabyte.
pub const NAME_CHARS_MAX: usize = 200;

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
    /// Rows whose name changed, up to [`RENAMED_LISTED_MAX`].
    pub renamed: Vec<Renamed>,
    /// Rows for which one that was here before the import is used, up to [`MET_LISTED_MAX`].
    pub existing: Vec<Met>,
    /// Rows that replaced one that was here before the import, up to [`MET_LISTED_MAX`].
    pub overwritten: Vec<Met>,
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
    /// Of [`existing`](Self::existing): those for which a row is used that the import itself had written.
    pub existing_own: u64,
    /// Of [`overwritten`](Self::overwritten): those that replaced a row that the import itself had written.
    pub overwritten_own: u64,
    /// Of those that were written: those whose name changed.
    pub renamed: u64,
    /// Rows that are not in the scope.
    pub out_of_scope: u64,
    /// Rows that the filter leaves out.
    pub filtered: u64,
    /// Rows that a missing row or a rule left out.
    pub dropped: u64,
}

impl ModelReport {
    /// Rows of the file that the import has dealt with.
    pub fn done(&self) -> u64 {
        self.inserted + self.existing + self.overwritten + self.left_out() + self.dropped
    }

    /// Rows that scope or filter leave out.
    pub fn left_out(&self) -> u64 {
        self.out_of_scope + self.filtered
    }

    pub(crate) fn count(&mut self, kind: ImportKind) {
        match kind {
            ImportKind::Inserted => self.inserted += 1,
            ImportKind::Existing => self.existing += 1,
            ImportKind::Overwrite => self.overwritten += 1,
        }
    }
}

impl AddAssign for ModelReport {
    fn add_assign(&mut self, other: Self) {
        self.in_file += other.in_file;
        self.inserted += other.inserted;
        self.existing += other.existing;
        self.overwritten += other.overwritten;
        self.existing_own += other.existing_own;
        self.overwritten_own += other.overwritten_own;
        self.renamed += other.renamed;
        self.out_of_scope += other.out_of_scope;
        self.filtered += other.filtered;
        self.dropped += other.dropped;
    }
}

/// A row that was given another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// Its model.
    pub model: String,
    /// Its primary key in the file.
    pub source_pk: Pk,
    /// Its primary key here.
    pub pk: Pk,
    /// Its name in the file.
    pub from: String,
    /// Its name here.
    pub to: String,
}

/// A row of the file that met one which was here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Met {
    /// Its model.
    pub model: String,
    /// Its primary key in the file.
    pub source_pk: Pk,
    /// The primary key of the one that was here, which is its own now.
    pub pk: Pk,
    /// Its name in the file, if its model has an identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
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
    /// If it was for want of a target: what is known of that one, once the whole file is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
}

/// Why a row that another one refers to was not imported before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// The file does not have it.
    NotInFile,
    /// The file has it, and the filter leaves it out.
    Filtered,
    /// The file has it, and it is not in the scope.
    OutOfScope,
    /// It was dropped before, for a reason of its own.
    Dropped,
    /// The file has it behind the row that refers to it.
    Later,
    /// No row of its model is ever imported.
    NeverImported,
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
        list(&mut self.dropped, DROPPED_LISTED_MAX, || dropped);
    }

    /// Takes in a row that has a primary key now. `name` is what the file calls it and what it is called here, if it
    /// has names; `is_own` says whether the import itself had written the row that it met.
    pub(crate) fn map_row(
        &mut self,
        model: &str,
        row: Mapped,
        (from, to): (Option<&str>, Option<&str>),
        is_own: bool,
    ) {
        let counts = self.model(model);
        counts.count(row.kind);
        let (source_pk, pk) = (row.source, row.pk);
        let met = || Met { model: model.to_owned(), source_pk, pk, name: from.map(cut) };
        match (row.kind, from.zip(to).filter(|(from, to)| from != to)) {
            (ImportKind::Inserted, None) => {}
            (ImportKind::Inserted, Some((from, to))) => {
                counts.renamed += 1;
                let (model, from, to) = (model.to_owned(), cut(from), cut(to));
                list(&mut self.renamed, RENAMED_LISTED_MAX, || Renamed { model, source_pk, pk, from, to });
            }
            (ImportKind::Existing, _) if is_own => counts.existing_own += 1,
            (ImportKind::Overwrite, _) if is_own => counts.overwritten_own += 1,
            (ImportKind::Existing, _) => list(&mut self.existing, MET_LISTED_MAX, met),
            (ImportKind::Overwrite, _) => list(&mut self.overwritten, MET_LISTED_MAX, met),
        }
    }

    /// The counts of all models together.
    pub fn total(&self) -> ModelReport {
        let mut total = ModelReport::default();
        for model in self.models.values() {
            total += *model;
        }
        total
    }

    /// Rows of the file that the import has dealt with.
    pub fn rows_done(&self) -> u64 {
        self.total().done()
    }
}

fn list<T>(rows: &mut Vec<T>, max: usize, row: impl FnOnce() -> T) {
    if rows.len() < max {
        rows.push(row());
    }
}

/// The beginning of a name, as much as is kept of it.
fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARS_MAX) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
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

    fn mapped(source: Pk, kind: ImportKind) -> Mapped {
        Mapped { source, pk: source + 100, kind }
    }

    #[test]
    fn every_row_is_counted_and_the_first_are_listed() {
        let mut report = ImportReport::default();
        let rows = MET_LISTED_MAX.max(RENAMED_LISTED_MAX).max(DROPPED_LISTED_MAX) as Pk + 1;
        for source in 1..=rows {
            for kind in [ImportKind::Inserted, ImportKind::Existing, ImportKind::Overwrite] {
                report.map_row("app.user", mapped(source, kind), (Some("a"), Some("b")), false);
            }
            let (model, reason) = ("app.user".to_owned(), DropReason::GlobalOnly);
            report.drop_row(Dropped { model, ordinal: 1, source_pk: source, reason, absence: None });
        }
        let counts = report.models["app.user"];
        let counted = [counts.inserted, counts.renamed, counts.existing, counts.overwritten, counts.dropped];
        assert_eq!(counted, [rows as u64; 5]);
        assert_eq!(report.renamed.len(), RENAMED_LISTED_MAX);
        assert_eq!((report.existing.len(), report.overwritten.len()), (MET_LISTED_MAX, MET_LISTED_MAX));
        assert_eq!(report.dropped.len(), DROPPED_LISTED_MAX);
    }

    #[test]
    fn rows_that_met_one_of_the_import_itself_are_counted_and_not_listed() {
        let mut report = ImportReport::default();
        report.map_row("app.email", mapped(1, ImportKind::Existing), (None, None), true);
        report.map_row("app.email", mapped(2, ImportKind::Existing), (None, None), false);
        report.map_row("app.email", mapped(3, ImportKind::Overwrite), (None, None), true);
        let counts = report.models["app.email"];
        assert_eq!((counts.existing, counts.existing_own), (2, 1));
        assert_eq!((counts.overwritten, counts.overwritten_own), (1, 1));
        assert_eq!(report.existing.iter().map(|row| row.source_pk).collect::<Vec<_>>(), [2]);
        assert_eq!(report.overwritten, []);
    }

    #[test]
    fn a_name_is_kept_up_to_its_limit() {
        let (short, long) = ("ü".repeat(NAME_CHARS_MAX), "ü".repeat(NAME_CHARS_MAX + 1));
        assert_eq!(cut(&short), short);
        assert_eq!(cut(&long), format!("{short}…"));
    }
}
