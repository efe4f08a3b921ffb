//! What it takes to reconcile keys across silos.

use catalog::Model;
use jiff::Timestamp;
use silo::{
    CascadeRun, Departed, Departure, Page, PendingDeparture, Pk, Reconcile, StoreError, Tombstone, Watermark,
    WatermarkKey, Watermarks,
};
use uuid::Uuid;

use super::DynamoSilo;
use crate::keys;

impl Watermarks for DynamoSilo {
    async fn watermarks(&self, keys: &[WatermarkKey]) -> Result<Vec<Option<Watermark>>, StoreError> {
        self.read_watermarks(keys).await
    }

    async fn move_watermark(
        &self,
        key: &WatermarkKey,
        from: Option<&Watermark>,
        to: &Watermark,
    ) -> Result<bool, StoreError> {
        self.write_watermark(key, from, to).await
    }

    async fn note_open(&self, import: Uuid, is_open: bool) -> Result<(), StoreError> {
        self.write_open(import, is_open).await
    }

    async fn open_imports(&self) -> Result<Vec<Uuid>, StoreError> {
        self.read_open_imports().await
    }
}

impl Reconcile for DynamoSilo {
    async fn targets(
        &self,
        model: &Model,
        key: &str,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<(Pk, Option<Pk>)>, StoreError> {
        self.read_targets(model, key, after, limit).await
    }

    async fn departures(&self, limit: usize) -> Result<Vec<PendingDeparture>, StoreError> {
        self.read_departures(limit).await
    }

    async fn note_told(&self, departure: &Departure, at: Timestamp) -> Result<(), StoreError> {
        self.write_told(departure, at).await
    }

    async fn forget(&self, departure: &Departure) -> Result<(), StoreError> {
        self.delete_departure(departure).await
    }

    async fn bury(&self, departed: &[Departed], now: Timestamp) -> Result<(), StoreError> {
        self.write_tombstones(departed, now).await
    }

    async fn tombstones(&self, after: Pk, limit: usize) -> Result<Vec<Tombstone>, StoreError> {
        self.read_tombstones(after, limit).await
    }

    async fn last_tombstone(&self) -> Result<Pk, StoreError> {
        self.read_highest(keys::TOMBSTONES).await
    }

    async fn tombstones_of(&self, table: &str, objects: &[Pk]) -> Result<Vec<Option<Tombstone>>, StoreError> {
        self.read_tombstones_of(table, objects).await
    }

    async fn highest(&self, model: &Model) -> Result<Pk, StoreError> {
        self.read_highest(&model.name).await
    }

    async fn note_run(&self, run: &CascadeRun) -> Result<(), StoreError> {
        self.write_run(run).await
    }

    async fn runs(&self) -> Result<Vec<CascadeRun>, StoreError> {
        self.read_runs().await
    }
}
