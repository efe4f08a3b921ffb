//! A silo with something between it and its caller, for tests that watch, delay or break calls.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use catalog::{Catalog, Model};
use uuid::Uuid;

use crate::{
    ChunkPosition, ImportChunk, ImportPlan, JournalEntry, JournalPosition, Page, Pk, Silo, StoreError,
    Stored, Transaction, UniqueKey, WriteError,
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
