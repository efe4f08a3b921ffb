//! What an import did that its plan and its chunks do not tell, so that it can be undone exactly.
//!
//! With the plan and the chunks of a silo, its journal names every row that an import and the tasks after it
//! inserted there, and the original of every row that they changed:
//!
//! - Inserted is what has a primary key that the plan set aside, and is there; what a chunk maps as inserted; and what
//!   an entry says was added.
//! - A row that is none of these had, before the import, the fields of its first entry. An image counts for more than
//!   a chunk: what a file replaces by a rule counts as inserted for those who ask where a row went.
//! - Nobody else has changed the row since if its revision is one more than that of its last entry.
//!
//! The rest is arithmetic and has no entry, so that an import which replaces nothing of others' writes no item more.

use catalog::Catalog;
use uuid::Uuid;

use crate::{ImportChunk, ImportKind, ImportPlan, Pk, PkRange, Stored, Transaction, Write};

/// One change that an import made to one row, kept in the transaction of that change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// The import.
    pub import: Uuid,
    /// The model, by name.
    pub model: String,
    /// The primary key of the row.
    pub pk: Pk,
    /// The row before it was changed; none if it was added.
    pub before: Option<Stored>,
}

/// What tells the entries of one import apart, and orders them: what a row was first comes first.
///
/// A change is written only if the row still has its revision, so that no two changes share a position.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JournalPosition {
    /// The model, by name.
    pub model: String,
    /// The primary key of the row.
    pub pk: Pk,
    /// The revision of the row before it was changed; none if it was added.
    pub revision: Option<u64>,
}

impl JournalEntry {
    /// What the journal of an import tells of a change, if it tells of it.
    pub fn of(catalog: &Catalog, write: &Write) -> Option<Self> {
        Some(Self {
            import: write.journal()?,
            model: catalog.model(write.model()).name.clone(),
            pk: write.row().pk,
            before: write.before().cloned(),
        })
    }

    /// Where the entry stands among those of its import.
    pub fn position(&self) -> JournalPosition {
        let revision = self.before.as_ref().map(|before| before.revision);
        JournalPosition { model: self.model.clone(), pk: self.pk, revision }
    }
}

impl ImportPlan {
    /// Changes that this import makes, or a task that goes on with what it imported: its journal tells of those that
    /// nothing else tells of, and the revisions of rows that they insert are its own.
    pub fn transaction(
        &self,
        catalog: &Catalog,
        writes: Vec<Write>,
        chunk: Option<ImportChunk>,
    ) -> Transaction {
        let journaled = |write: Write| {
            let write = write.made_by(self.import);
            let model = &catalog.model(write.model()).name;
            if self.tells_of(model, &write)
                || chunk.as_ref().is_some_and(|chunk| chunk.tells_of(model, &write))
            {
                write
            } else {
                write.journaled(self.import)
            }
        };
        Transaction { writes: writes.into_iter().map(journaled).collect(), chunk }
    }

    /// Whether the primary key alone says that this import inserted the row.
    fn tells_of(&self, model: &str, write: &Write) -> bool {
        let pk = write.row().pk;
        self.ranges.get(model).is_some_and(|range| range.contains(pk))
    }
}

impl ImportChunk {
    /// Whether the chunk maps the row as an inserted one. It does not tell what a replaced row was before.
    fn tells_of(&self, model: &str, write: &Write) -> bool {
        let pk = write.row().pk;
        let maps = || self.mapped.iter().any(|row| row.pk == pk && row.kind == ImportKind::Inserted);
        write.before().is_none() && self.model == model && maps()
    }
}

impl PkRange {
    /// Whether the primary key was set aside.
    pub fn contains(&self, pk: Pk) -> bool {
        let offset = pk.checked_sub(self.start).and_then(|offset| u64::try_from(offset).ok());
        offset.is_some_and(|offset| offset < self.rows.saturating_add(self.automatic))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use catalog::{Catalog, ImportScope, Model};
    use serde_json::json;

    use super::*;
    use crate::{Filter, ImportFlags, Mapped, Row};

    /// An import that has set 100 to 104 aside for options of the file, and 105 to 107 for those made with others.
    fn plan() -> ImportPlan {
        let range = PkRange { start: 100, rows: 5, automatic: 3 };
        ImportPlan {
            import: Uuid::from_u128(1),
            scope: ImportScope::Config,
            flags: ImportFlags::default(),
            filter: Filter::All,
            source_version: "1".to_owned(),
            now: jiff::Timestamp::UNIX_EPOCH,
            key: [7; 32],
            transaction_items: 99,
            ranges: BTreeMap::from([("sentry.option".to_owned(), range)]),
        }
    }

    /// A batch that inserted 100 and 7, and used 8.
    fn chunk() -> ImportChunk {
        let mapped = [(100, ImportKind::Inserted), (7, ImportKind::Inserted), (8, ImportKind::Existing)];
        ImportChunk {
            import: Uuid::from_u128(1),
            model: "sentry.option".to_owned(),
            min_ordinal: 1,
            mapped: mapped.map(|(pk, kind)| Mapped { source: pk, pk, kind }).to_vec(),
            identifiers: BTreeMap::new(),
        }
    }

    fn insert(model: &Model, pk: Pk) -> Write {
        Write::insert(model, Row::new(pk, json!({ "key": pk }).as_object().expect("an object").clone()))
    }

    fn replace(model: &Model, pk: Pk) -> Write {
        let row = insert(model, pk).row().clone();
        let fields = row.fields.clone();
        Write::replace(model, Stored { row, revision: 1 }, fields)
    }

    #[test]
    fn an_entry_is_made_of_what_nothing_else_tells() {
        let catalog = Catalog::builtin();
        let model = |name: &str| catalog.find(name).expect("a model of the catalogue");
        let (option, relay) = (model("sentry.option"), model("sentry.relay"));
        for (what, write, told_by_pk, told_by_chunk) in [
            ("made with a row of the file", insert(option, 105), true, true),
            ("the last that was set aside", insert(option, 107), true, true),
            ("behind what was set aside", insert(option, 108), false, false),
            ("in front of what was set aside", insert(option, 99), false, false),
            ("a row of the file", insert(option, 100), true, true),
            ("a row of the file that keeps its primary key", insert(option, 7), false, true),
            ("a row that the chunk does not map as inserted", insert(option, 8), false, false),
            ("a row of a model of which nothing was set aside", insert(relay, 105), false, false),
            ("a row of another model than the chunk's", insert(relay, 7), false, false),
            ("a change to what this import made", replace(option, 105), true, true),
            ("a change to what this import inserted", replace(option, 104), true, true),
            ("a change to what was there before", replace(option, 8), false, false),
            ("a change to what was there and counts as inserted", replace(option, 7), false, false),
            ("a change to a row of another model", replace(relay, 105), false, false),
        ] {
            for (chunk, told) in [(None, told_by_pk), (Some(chunk()), told_by_chunk)] {
                let made = plan().transaction(&catalog, vec![write.clone()], chunk);
                let entries: Vec<JournalEntry> =
                    made.writes.iter().filter_map(|write| JournalEntry::of(&catalog, write)).collect();
                assert_eq!(entries.is_empty(), told, "{what}: {entries:?}");
                assert!(entries.iter().all(|entry| entry.before.as_ref() == write.before()), "{what}");
            }
        }
    }

    #[test]
    fn ranges_end_where_numbers_do() {
        let last = PkRange { start: Pk::MAX - 1, rows: u64::MAX, automatic: u64::MAX };
        assert!(last.contains(Pk::MAX) && !last.contains(Pk::MIN));
        let none = PkRange { start: 1, rows: 0, automatic: 0 };
        assert!(!none.contains(1) && !none.contains(0));
    }
}
