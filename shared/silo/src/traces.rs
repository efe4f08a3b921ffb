//! A silo as it was before an import, worked out from what the import left behind: for tests that prove that it can
//! be undone, and that nothing it left can be spared.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::Model;
use uuid::Uuid;

use crate::{
    ImportChunk, ImportKind, ImportPlan, JournalEntry, MemorySilo, Page, Pk, Row, Silo, StoreError,
    StoreErrorKind, Stored,
};

/// How many items one request reads.
const PER_PAGE: usize = 100;

/// What tells of an import in one silo.
#[derive(Debug, Clone)]
pub struct Traces {
    /// Its plan; none when it did not come to write here.
    pub plan: Option<ImportPlan>,
    /// Its chunks.
    pub chunks: Vec<ImportChunk>,
    /// Its journal, in order.
    pub journal: Vec<JournalEntry>,
}

impl Traces {
    /// Reads what a silo knows of an import.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(silo: &impl Silo, import: Uuid) -> Result<Self, StoreError> {
        Ok(Self {
            plan: silo.plan(import).await?,
            chunks: all(async |after| silo.chunks(import, after, PER_PAGE).await).await?,
            journal: all(async |after| silo.journal(import, after, PER_PAGE).await).await?,
        })
    }

    /// The silo without the import, from these traces alone: without what it inserted, and with the originals of what
    /// it changed.
    ///
    /// # Errors
    /// The store's; also that what is left does not go together.
    pub async fn undone(&self, silo: &impl Silo) -> Result<MemorySilo, StoreError> {
        let catalog = silo.catalog();
        let undone = MemorySilo::new(Arc::clone(catalog));
        for model in catalog.models() {
            let there = all(async |after| silo.page(model, after, PER_PAGE).await).await?;
            let rows = there.into_iter().map(|stored| (stored.row.pk, stored.row));
            let mut rows: BTreeMap<Pk, Row> = rows.filter(|(pk, _)| !self.inserted(model, *pk)).collect();
            for (pk, original) in self.originals(model) {
                rows.remove(&pk);
                rows.extend(original.map(|stored| (pk, stored.row.clone())));
            }
            for row in rows.into_values() {
                let failed =
                    |error| StoreError::with_source(StoreErrorKind::Refused, "undoing an import", error);
                undone.load(model, row).map_err(failed)?;
            }
        }
        Ok(undone)
    }

    /// Whether the plan or the chunks say that the import inserted a row that is there.
    fn inserted(&self, model: &Model, pk: Pk) -> bool {
        let of_model = self.chunks.iter().filter(|chunk| chunk.model == model.name);
        let mut mapped = of_model.flat_map(|chunk| &chunk.mapped);
        let range = self.plan.as_ref().and_then(|plan| plan.ranges.get(&model.name));
        range.is_some_and(|range| range.contains(pk))
            || mapped.any(|row| row.pk == pk && row.kind == ImportKind::Inserted)
    }

    /// What rows were before the import first changed them; none where it added them.
    fn originals(&self, model: &Model) -> BTreeMap<Pk, Option<&Stored>> {
        let of_model = self.journal.iter().filter(|entry| entry.model == model.name);
        // The first entry of a row is the last that is put in.
        of_model.rev().map(|entry| (entry.pk, entry.before.as_ref())).collect()
    }
}

/// What all pages hold.
async fn all<T, C>(
    page: impl AsyncFn(Option<C>) -> Result<Page<T, C>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let found = page(after).await?;
        items.extend(found.items);
        match found.next {
            Some(next) => after = Some(next),
            None => return Ok(items),
        }
    }
}
