//! A silo with something between it and its caller, for tests that watch, delay or break calls.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use catalog::{Catalog, Model};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    CascadeRun, ChunkPosition, Departed, Departure, ImportChunk, ImportPlan, JournalEntry, JournalPosition,
    Page, PendingDeparture, Pk, Reconcile, Silo, StoreError, Stored, Tombstone, Transaction, UniqueKey,
    Watermark, WatermarkKey, Watermarks, WriteError,
};

/// What stands between a silo and its caller.
pub trait Intercept: Send + Sync {
    /// Makes a call, or not, or later, and says what came of it.
    fn call<T: Send, E: From<StoreError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> impl Future<Output = Result<T, E>> + Send;

    /// Sees a transaction that the silo has written, whatever its caller is told.
    fn written(&self, _transaction: &Transaction) {}
}

impl<I: Intercept> Intercept for &I {
    async fn call<T: Send, E: From<StoreError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        (*self).call(call).await
    }

    fn written(&self, transaction: &Transaction) {
        (*self).written(transaction);
    }
}

/// A silo whose every call goes through `between`.
#[derive(Debug)]
pub struct Intercepted<S, I> {
    /// A pointer to the silo itself.
    pub silo: S,
    /// What its calls go through.
    pub between: I,
}

impl<S, I> Silo for Intercepted<S, I>
where
    S: Deref<Target: Silo> + Send + Sync,
    I: Intercept,
{
    fn catalog(&self) -> &Arc<Catalog> {
        self.silo.catalog()
    }

    async fn get(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.between.call(self.silo.get(model, pks)).await
    }

    async fn page(&self, model: &Model, after: Option<Pk>, limit: usize) -> Result<Page<Stored>, StoreError> {
        self.between.call(self.silo.page(model, after, limit)).await
    }

    async fn referring(
        &self,
        model: &Model,
        key: &str,
        target: Pk,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.between.call(self.silo.referring(model, key, target, after, limit)).await
    }

    async fn privileged(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.between.call(self.silo.privileged(model, after, limit)).await
    }

    async fn holders(&self, keys: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        self.between.call(self.silo.holders(keys)).await
    }

    async fn reserve(&self, model: &Model, count: u64) -> Result<Pk, StoreError> {
        self.between.call(self.silo.reserve(model, count)).await
    }

    async fn next_pk(&self, model: &Model) -> Result<Pk, StoreError> {
        self.between.call(self.silo.next_pk(model)).await
    }

    async fn write(&self, transaction: &Transaction) -> Result<(), WriteError> {
        let write = async {
            self.silo.write(transaction).await?;
            self.between.written(transaction);
            Ok(())
        };
        self.between.call(write).await
    }

    async fn record_plan(&self, plan: &ImportPlan) -> Result<ImportPlan, StoreError> {
        self.between.call(self.silo.record_plan(plan)).await
    }

    async fn plan(&self, import: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        self.between.call(self.silo.plan(import)).await
    }

    async fn chunk(&self, import: Uuid, position: &ChunkPosition) -> Result<Option<ImportChunk>, StoreError> {
        self.between.call(self.silo.chunk(import, position)).await
    }

    async fn chunks(
        &self,
        import: Uuid,
        after: Option<ChunkPosition>,
        limit: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        self.between.call(self.silo.chunks(import, after, limit)).await
    }

    async fn replicate_chunks(&self, chunks: &[ImportChunk]) -> Result<(), StoreError> {
        self.between.call(self.silo.replicate_chunks(chunks)).await
    }

    async fn journal(
        &self,
        import: Uuid,
        after: Option<JournalPosition>,
        limit: usize,
    ) -> Result<Page<JournalEntry, JournalPosition>, StoreError> {
        self.between.call(self.silo.journal(import, after, limit)).await
    }
}

impl<S, I> Watermarks for Intercepted<S, I>
where
    S: Deref<Target: Watermarks> + Send + Sync,
    I: Intercept,
{
    async fn watermarks(&self, keys: &[WatermarkKey]) -> Result<Vec<Option<Watermark>>, StoreError> {
        self.between.call(self.silo.watermarks(keys)).await
    }

    async fn move_watermark(
        &self,
        key: &WatermarkKey,
        from: Option<&Watermark>,
        to: &Watermark,
    ) -> Result<bool, StoreError> {
        self.between.call(self.silo.move_watermark(key, from, to)).await
    }

    async fn note_open(&self, import: Uuid, is_open: bool) -> Result<(), StoreError> {
        self.between.call(self.silo.note_open(import, is_open)).await
    }

    async fn open_imports(&self) -> Result<Vec<Uuid>, StoreError> {
        self.between.call(self.silo.open_imports()).await
    }
}

impl<S, I> Reconcile for Intercepted<S, I>
where
    S: Deref<Target: Reconcile> + Send + Sync,
    I: Intercept,
{
    async fn targets(
        &self,
        model: &Model,
        key: &str,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<(Pk, Option<Pk>)>, StoreError> {
        self.between.call(self.silo.targets(model, key, after, limit)).await
    }

    async fn departures(&self, limit: usize) -> Result<Vec<PendingDeparture>, StoreError> {
        self.between.call(self.silo.departures(limit)).await
    }

    async fn note_told(&self, departure: &Departure, at: Timestamp) -> Result<(), StoreError> {
        self.between.call(self.silo.note_told(departure, at)).await
    }

    async fn forget(&self, departure: &Departure) -> Result<(), StoreError> {
        self.between.call(self.silo.forget(departure)).await
    }

    async fn bury(&self, departed: &[Departed], now: Timestamp) -> Result<(), StoreError> {
        self.between.call(self.silo.bury(departed, now)).await
    }

    async fn tombstones(&self, after: Pk, limit: usize) -> Result<Vec<Tombstone>, StoreError> {
        self.between.call(self.silo.tombstones(after, limit)).await
    }

    async fn last_tombstone(&self) -> Result<Pk, StoreError> {
        self.between.call(self.silo.last_tombstone()).await
    }

    async fn tombstones_of(&self, table: &str, objects: &[Pk]) -> Result<Vec<Option<Tombstone>>, StoreError> {
        self.between.call(self.silo.tombstones_of(table, objects)).await
    }

    async fn highest(&self, model: &Model) -> Result<Pk, StoreError> {
        self.between.call(self.silo.highest(model)).await
    }

    async fn note_run(&self, run: &CascadeRun) -> Result<(), StoreError> {
        self.between.call(self.silo.note_run(run)).await
    }

    async fn runs(&self) -> Result<Vec<CascadeRun>, StoreError> {
        self.between.call(self.silo.runs()).await
    }
}
