//! Journals of imports.

use silo::{JournalEntry, JournalPosition, Page, Row, StoreError, Stored};
use uuid::Uuid;

use super::item::{self, Corrupt};
use super::read::from_sort_key;
use super::{DynamoSilo, corrupt, failed};
use crate::keys::{self, PK};
use crate::record::{from_fields, to_fields};
use crate::table::Item;

impl DynamoSilo {
    pub(super) async fn read_journal(
        &self,
        import: Uuid,
        after: Option<JournalPosition>,
        limit: usize,
    ) -> Result<Page<JournalEntry, JournalPosition>, StoreError> {
        let action = || format!("reading the journal of import {import}");
        // No name begins with a blank.
        let first = after.map_or_else(|| " ".to_owned(), |after| keys::behind_journal_entry(import, &after));
        let query = from_sort_key(self.table.query().consistent_read(true), PK, keys::journal(import), first);
        let (items, more) = self.table.page(query, limit).await.map_err(failed(action()))?;
        let entries = items.iter().map(|item| to_entry(import, item));
        let entries: Vec<JournalEntry> =
            entries.collect::<Result<_, Corrupt>>().map_err(corrupt(action()))?;
        let next = entries.last().map(JournalEntry::position).filter(|_| more);
        Ok(Page { items: entries, next })
    }
}

/// An entry as an item; none when what the row was before is larger than an item can be.
pub(super) fn from_entry(entry: &JournalEntry) -> Option<Item> {
    let key = keys::journal_entry(entry.import, &entry.position());
    match &entry.before {
        None => Some(key.attributes()),
        Some(before) => from_fields(key, &before.row.fields),
    }
}

fn to_entry(import: Uuid, item: &Item) -> Result<JournalEntry, Corrupt> {
    let position =
        item::to_sort(item).and_then(keys::journal_position).ok_or(Corrupt::Attribute(keys::SK))?;
    let JournalPosition { model, pk, revision } = position;
    let before = |revision| Ok::<_, Corrupt>(Stored { row: Row::new(pk, to_fields(item)?), revision });
    Ok(JournalEntry { import, model, pk, before: revision.map(before).transpose()? })
}
