//! What a silo in memory keeps to reconcile keys across silos.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use catalog::Model;
use jiff::Timestamp;
use uuid::Uuid;

use super::{MemorySilo, State, above, page};
use crate::reconcile::Span;
use crate::{
    CascadeRun, Departed, Departure, Page, PendingDeparture, Pk, Reach, Reconcile, RowBatch, StoreError,
    StoreErrorKind, Tombstone, Watermark, WatermarkKey, Watermarks,
};

#[derive(Debug, Default)]
pub(super) struct Reconciliation {
    pub(super) departures: BTreeMap<Departure, Option<Timestamp>>,
    tombstones: BTreeMap<Pk, Tombstone>,
    graves: HashMap<Departed, Pk>,
    watermarks: HashMap<WatermarkKey, Watermark>,
    open_imports: BTreeSet<Uuid>,
    runs: BTreeMap<(String, String), CascadeRun>,
}

fn require_key(model: &Model, key: &str) -> Result<(), StoreError> {
    let unknown = || {
        let action = format!("reading {} by `{key}`, which is no key,", model.name);
        StoreError::new(StoreErrorKind::Refused, action)
    };
    model.key(key).map(|_| ()).ok_or_else(unknown)
}

/// Where a key of a model's rows leads, above a primary key.
fn leading<'a>(
    state: &'a State,
    model: &Model,
    key: &'a str,
    after: Option<Pk>,
) -> impl Iterator<Item = (Pk, Option<Pk>)> + use<'a> {
    let rows = state.tables.get(&model.id).into_iter().flat_map(move |table| table.range(above(after)..));
    rows.map(move |(pk, stored)| (*pk, stored.row.key(key)))
}

impl Watermarks for MemorySilo {
    async fn watermarks(&self, keys: &[WatermarkKey]) -> Result<Vec<Option<Watermark>>, StoreError> {
        let state = self.lock();
        Ok(keys.iter().map(|key| state.reconciliation.watermarks.get(key).cloned()).collect())
    }

    async fn move_watermark(
        &self,
        key: &WatermarkKey,
        from: Option<&Watermark>,
        to: &Watermark,
    ) -> Result<bool, StoreError> {
        let watermarks = &mut self.lock().reconciliation.watermarks;
        let is_as_read = watermarks.get(key) == from;
        if is_as_read {
            watermarks.insert(key.clone(), to.clone());
        }
        Ok(is_as_read)
    }

    async fn note_open(&self, import: Uuid, is_open: bool) -> Result<(), StoreError> {
        let open = &mut self.lock().reconciliation.open_imports;
        if is_open {
            open.insert(import)
        } else {
            open.remove(&import)
        };
        Ok(())
    }

    async fn open_imports(&self) -> Result<Vec<Uuid>, StoreError> {
        Ok(self.lock().reconciliation.open_imports.iter().copied().collect())
    }
}

impl Reconcile for MemorySilo {
    async fn targets(
        &self,
        model: &Model,
        key: &str,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<(Pk, Option<Pk>)>, StoreError> {
        require_key(model, key)?;
        let state = self.lock();
        Ok(page(leading(&state, model, key, after), limit, |(pk, _)| *pk))
    }

    /// Rows and tombstones are in one place here, and joined.
    async fn next_rows(
        &self,
        model: &Model,
        key: &str,
        table: Option<&str>,
        reach: Reach,
    ) -> Result<Option<RowBatch>, StoreError> {
        require_key(model, key)?;
        let state = self.lock();
        let Reconciliation { tombstones, graves, .. } = &state.reconciliation;
        let gone = |object: Pk| {
            let id = graves.get(&Departed { table: table?.to_owned(), object })?;
            tombstones.get(id).map(|tombstone| tombstone.created)
        };
        Ok(Span::of(leading(&state, model, key, Some(reach.after)), reach).map(|span| span.join(gone)))
    }

    async fn departures(&self, limit: usize) -> Result<Vec<PendingDeparture>, StoreError> {
        let state = self.lock();
        let pending = state.reconciliation.departures.iter().take(limit);
        Ok(pending
            .map(|(departure, told)| PendingDeparture { departure: departure.clone(), told: *told })
            .collect())
    }

    async fn note_told(&self, departure: &Departure, at: Timestamp) -> Result<(), StoreError> {
        if let Some(told) = self.lock().reconciliation.departures.get_mut(departure) {
            *told = Some(at);
        }
        Ok(())
    }

    async fn forget(&self, departure: &Departure) -> Result<(), StoreError> {
        self.lock().reconciliation.departures.remove(departure);
        Ok(())
    }

    async fn bury(&self, departed: &[Departed], now: Timestamp) -> Result<(), StoreError> {
        let Reconciliation { tombstones, graves, .. } = &mut self.lock().reconciliation;
        for departed in departed {
            let id = tombstones.last_key_value().map_or(1, |(last, _)| last + 1);
            if !graves.contains_key(departed) {
                graves.insert(departed.clone(), id);
                tombstones.insert(id, Tombstone { id, departed: departed.clone(), created: now });
            }
        }
        Ok(())
    }

    async fn tombstones(&self, after: Pk, limit: usize) -> Result<Vec<Tombstone>, StoreError> {
        let state = self.lock();
        let behind = state.reconciliation.tombstones.range(above(Some(after))..);
        Ok(behind.take(limit).map(|(_, tombstone)| tombstone.clone()).collect())
    }

    async fn last_tombstone(&self) -> Result<Pk, StoreError> {
        Ok(self.lock().reconciliation.tombstones.last_key_value().map_or(0, |(last, _)| *last))
    }

    async fn tombstones_of(&self, table: &str, objects: &[Pk]) -> Result<Vec<Option<Tombstone>>, StoreError> {
        let Reconciliation { tombstones, graves, .. } = &self.lock().reconciliation;
        let of = |object: &Pk| {
            let id = graves.get(&Departed { table: table.to_owned(), object: *object })?;
            tombstones.get(id).cloned()
        };
        Ok(objects.iter().map(of).collect())
    }

    async fn highest(&self, model: &Model) -> Result<Pk, StoreError> {
        Ok(self.lock().sequences.get(&model.id).copied().unwrap_or(0))
    }

    async fn note_run(&self, run: &CascadeRun) -> Result<(), StoreError> {
        let key = (run.model.clone(), run.field.clone());
        self.lock().reconciliation.runs.insert(key, run.clone());
        Ok(())
    }

    async fn runs(&self) -> Result<Vec<CascadeRun>, StoreError> {
        Ok(self.lock().reconciliation.runs.values().cloned().collect())
    }
}
