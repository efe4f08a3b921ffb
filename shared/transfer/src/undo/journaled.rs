//! The journal of an import, row by row.

use silo::{JournalEntry, JournalPosition, Page, Pk, Silo, StoreError, Stored};
use uuid::Uuid;

/// How many entries are read at a time. Each may hold a row as large as there are.
const ENTRIES: usize = 25;

/// A row of which the journal of an import tells.
#[derive(Debug, Clone)]
pub(super) struct Journaled {
    pub(super) pk: Pk,
    /// What it was before the import first changed it; none if the import added it.
    pub(super) original: Option<Stored>,
    /// The revision before the import last changed it; none if it was never changed.
    last: Option<u64>,
}

impl Journaled {
    fn new(entry: JournalEntry) -> Self {
        let last = entry.position().revision;
        Self { pk: entry.pk, original: entry.before, last }
    }

    /// Whether nobody has changed the row since, if it has this revision.
    pub(super) fn is_untouched(&self, revision: u64) -> bool {
        self.last.and_then(|last| last.checked_add(1)) == Some(revision)
    }
}

/// Rows of a model, above a primary key. Those of one page of entries, and what else there is of the last of them.
pub(super) async fn rows<S: Silo>(
    silo: &S,
    import: Uuid,
    model: &str,
    after: Option<Pk>,
) -> Result<Page<Journaled>, StoreError> {
    let (mut rows, mut behind): (Vec<Journaled>, _) = (Vec::new(), Some(end_of(model, after)));
    while let Some(from) = behind {
        let page = silo.journal(import, Some(from), ENTRIES).await?;
        behind = page.next.filter(|next| next.model == model);
        for entry in page.items.into_iter().take_while(|entry| entry.model == model) {
            match rows.last_mut().filter(|row| row.pk == entry.pk) {
                Some(row) => row.last = entry.position().revision,
                None => rows.push(Journaled::new(entry)),
            }
        }
        // The last row may have more entries; if it is not the only one, it is left to the next page.
        if behind.is_some() && rows.len() > 1 {
            rows.pop();
            let next = rows.last().map(|row| row.pk);
            return Ok(Page { items: rows, next });
        }
    }
    Ok(Page { items: rows, next: None })
}

/// One row, if the journal tells of it.
pub(super) async fn row<S: Silo>(
    silo: &S,
    import: Uuid,
    model: &str,
    pk: Pk,
) -> Result<Option<Journaled>, StoreError> {
    let page = rows(silo, import, model, pk.checked_sub(1)).await?;
    Ok(page.items.into_iter().next().filter(|row| row.pk == pk))
}

/// How the journal of an import begins to tell of a row, if it does.
pub(super) async fn first_entry<S: Silo>(
    silo: &S,
    import: Uuid,
    model: &str,
    pk: Pk,
) -> Result<Option<JournalEntry>, StoreError> {
    let page = silo.journal(import, Some(end_of(model, pk.checked_sub(1))), 1).await?;
    Ok(page.items.into_iter().next().filter(|entry| entry.model == model && entry.pk == pk))
}

/// Behind all entries of a row, or in front of all of the model.
pub(super) fn end_of(model: &str, pk: Option<Pk>) -> JournalPosition {
    JournalPosition { model: model.to_owned(), pk: pk.unwrap_or(Pk::MIN), revision: Some(u64::MAX) }
}
