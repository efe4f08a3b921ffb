//! An import in Global scope starts from empty tables (SPEC §7): finding out whether they are, and emptying them.
//!
//! The plan is the border. Tables are looked at and emptied only before it is recorded, and rows of an import are
//! written only after that; so neither a run that resumes nor one that races takes away what the import wrote.

use std::collections::HashSet;
use std::sync::Arc;

use catalog::{Catalog, ImportScope, Model, ModelId, OnDelete};
use serde_json::Value;
use silo::{Silo, Silos, StoreError, StoreErrorKind, Stored, Transaction, Write, WriteError};
use uuid::Uuid;

use super::error::ImportError;
use super::plan::ImportRequest;
use super::store_error;

/// How many rows one request reads.
const ROWS_PER_PAGE: usize = 100;

/// How often a page is read again because its rows changed meanwhile.
const READS_MAX: usize = 100;

/// Sees to it that an import which has not begun starts from empty tables: empties them if it is told to.
///
/// # Errors
/// A table has rows, or a store failed. An import that was to empty tables may have emptied some; it goes on when it
/// is run again.
pub(super) async fn start_from_empty_tables<S: Silo>(
    silos: Silos<'_, S>,
    request: &ImportRequest,
) -> Result<(), ImportError> {
    let clearing = Clearing { silos, emptied: emptied(silos.cell.catalog()), import: request.import };
    if clearing.has_begun().await? || (request.clear && clearing.clear().await? == Cleared::BegunMeanwhile) {
        return Ok(());
    }
    match clearing.first_with_rows().await? {
        // The rows may be those of another run of this import.
        Some(model) if !clearing.has_begun().await? => {
            Err(ImportError::NotEmpty { model: model.name.clone() })
        }
        _ => Ok(()),
    }
}

/// The models whose tables an import in Global scope fills: those that relocate, and what comes into being with
/// their rows or holds their names in the other silo.
fn emptied(catalog: &Catalog) -> HashSet<ModelId> {
    let relocating = || catalog.models().iter().filter(|model| model.admitted_by(ImportScope::Global));
    let made = relocating().flat_map(|model| model.automatic.iter().chain(&model.registered));
    relocating().map(|model| model.id).chain(made.map(|made| made.model)).collect()
}

struct Clearing<'a, S> {
    silos: Silos<'a, S>,
    emptied: HashSet<ModelId>,
    import: Uuid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cleared {
    Whole,
    /// Another run of the import has recorded its plan; what is there now may be its rows.
    BegunMeanwhile,
}

impl<'a, S: Silo> Clearing<'a, S> {
    fn models(&self) -> &'a [Model] {
        self.silos.cell.catalog().models()
    }

    async fn has_begun(&self) -> Result<bool, ImportError> {
        let plan = self.silos.cell.plan(self.import).await;
        Ok(plan.map_err(|source| store_error("the plan", source))?.is_some())
    }

    async fn first_with_rows(&self) -> Result<Option<&'a Model>, ImportError> {
        for model in self.models().iter().filter(|model| self.emptied.contains(&model.id)) {
            let mut after = None;
            loop {
                let page = self.silos.of(model).page(model, after, 1).await;
                let page = page.map_err(|source| store_error(&model.name, source))?;
                if !page.items.is_empty() {
                    return Ok(Some(model));
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(None)
    }

    /// Empties the tables, the rows that refer to others first: whenever it is cut short, no key leads nowhere.
    async fn clear(&self) -> Result<Cleared, ImportError> {
        for model in self.models().iter().rev() {
            if self.clear_model(model).await? == Cleared::BegunMeanwhile {
                return Ok(Cleared::BegunMeanwhile);
            }
        }
        Ok(Cleared::Whole)
    }

    async fn clear_model(&self, model: &Model) -> Result<Cleared, ImportError> {
        let leads_to_emptied = |key: &catalog::Key| key.target.is_some_and(|id| self.emptied.contains(&id));
        if !self.emptied.contains(&model.id) && !model.keys.iter().any(leads_to_emptied) {
            return Ok(Cleared::Whole);
        }
        let silo = self.silos.of(model);
        let (mut after, mut reads) = (None, 0);
        loop {
            let page = silo.page(model, after, ROWS_PER_PAGE).await;
            let page = page.map_err(|source| store_error(&model.name, source))?;
            // Asked behind the page: without a plan by now, the page holds no row of this import.
            if !page.items.is_empty() && self.has_begun().await? {
                return Ok(Cleared::BegunMeanwhile);
            }
            let changes = page.items.into_iter().filter_map(|stored| self.change(model, stored)).collect();
            if !self.write(model, changes).await? {
                reads += 1;
                if reads == READS_MAX {
                    let action = format!("emptying {}, which keeps changing,", model.name);
                    return Err(store_error(
                        &model.name,
                        StoreError::new(StoreErrorKind::Contention, action),
                    ));
                }
                continue;
            }
            match page.next {
                Some(next) => (after, reads) = (Some(next), 0),
                None => return Ok(Cleared::Whole),
            }
        }
    }

    /// What becomes of a row; the other silo is emptied as well, so that nobody there is told of it: it goes if its table is emptied. Otherwise its keys decide whose targets go, as they
    /// declare it (SPEC §10); whatever else is there is left alone.
    fn change(&self, model: &Model, stored: Stored) -> Option<Write> {
        if self.emptied.contains(&model.id) {
            return Some(Write::delete(model, stored).untold());
        }
        let mut fields = Arc::clone(&stored.row.fields);
        for key in &model.keys {
            let loses_target = key.target.is_some_and(|target| self.emptied.contains(&target))
                && stored.row.key(&key.field).is_some();
            match key.on_delete.filter(|_| loses_target) {
                Some(OnDelete::Cascade) => return Some(Write::delete(model, stored).untold()),
                Some(OnDelete::SetNull) => {
                    drop(Arc::make_mut(&mut fields).insert(key.field.clone(), Value::Null))
                }
                Some(OnDelete::Protect | OnDelete::DoNothing) | None => {}
            }
        }
        (fields != stored.row.fields).then(|| Write::replace(model, stored, fields))
    }

    /// Makes changes, as many at once as a transaction holds; false when rows were no longer as they were read.
    async fn write(&self, model: &Model, changes: Vec<Write>) -> Result<bool, ImportError> {
        let silo = self.silos.of(model);
        for transaction in Transaction::split(silo.catalog(), changes) {
            match silo.write(&transaction).await {
                Ok(()) => {}
                Err(WriteError::Conflict(_)) => return Ok(false),
                Err(WriteError::Store(source)) => return Err(store_error(&model.name, source)),
                Err(WriteError::RowTooLarge { .. }) => {
                    let action = format!("taking a key away from a row of {}", model.name);
                    return Err(store_error(&model.name, StoreError::new(StoreErrorKind::Refused, action)));
                }
            }
        }
        Ok(true)
    }
}
