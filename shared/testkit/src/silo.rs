use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use catalog::{Catalog, Model};
use pipeline::memory::When;
use silo::{
    ChunkPosition, ImportChunk, ImportPlan, MemorySilo, Page, Pk, Silo, StoreError, StoreErrorKind, Stored,
    Transaction, UniqueKey, WriteError,
};
use uuid::Uuid;

/// Counts the calls to all silos that share it, and fails one of them on demand.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    calls: Arc<AtomicUsize>,
    armed: Arc<Mutex<Option<(usize, When)>>>,
}

impl Breaker {
    /// Lets the `n`-th call from now on fail, counted from 1.
    pub fn fail_call(&self, n: usize, when: When) {
        self.reset();
        *self.armed.lock().unwrap() = Some((n, when));
    }

    /// Lets no call fail and counts anew.
    pub fn reset(&self) {
        self.calls.store(0, Ordering::SeqCst);
        *self.armed.lock().unwrap() = None;
    }

    /// How many calls there were since the last reset.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn call<T, E: From<StoreError>>(&self, effect: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let when = self.armed.lock().unwrap().filter(|(n, _)| *n == call).map(|(_, when)| when);
        let failure = || StoreError::new(StoreErrorKind::Unavailable, "a call that a test lets fail");
        if when == Some(When::Before) {
            return Err(failure().into());
        }
        let result = effect.await?;
        if when == Some(When::After) { Err(failure().into()) } else { Ok(result) }
    }
}

/// A silo in memory whose calls may be made to fail.
#[derive(Debug)]
pub struct FaultySilo {
    /// The silo itself, for what a test looks at or puts in.
    pub memory: MemorySilo,
    breaker: Breaker,
}

impl FaultySilo {
    /// An empty silo.
    #[must_use]
    pub fn new(catalog: Arc<Catalog>, breaker: Breaker) -> Self {
        Self { memory: MemorySilo::new(catalog), breaker }
    }
}

impl Silo for FaultySilo {
    fn catalog(&self) -> &Arc<Catalog> {
        self.memory.catalog()
    }

    async fn get(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.breaker.call(self.memory.get(model, pks)).await
    }

    async fn page(&self, model: &Model, after: Option<Pk>, limit: usize) -> Result<Page<Stored>, StoreError> {
        self.breaker.call(self.memory.page(model, after, limit)).await
    }

    async fn referring(
        &self,
        model: &Model,
        key: &str,
        target: Pk,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.breaker.call(self.memory.referring(model, key, target, after, limit)).await
    }

    async fn privileged(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.breaker.call(self.memory.privileged(model, after, limit)).await
    }

    async fn holders(&self, keys: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        self.breaker.call(self.memory.holders(keys)).await
    }

    async fn reserve(&self, model: &Model, count: u64) -> Result<Pk, StoreError> {
        self.breaker.call(self.memory.reserve(model, count)).await
    }

    async fn write(&self, transaction: &Transaction) -> Result<(), WriteError> {
        self.breaker.call(self.memory.write(transaction)).await
    }

    async fn record_plan(&self, plan: &ImportPlan) -> Result<ImportPlan, StoreError> {
        self.breaker.call(self.memory.record_plan(plan)).await
    }

    async fn plan(&self, import: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        self.breaker.call(self.memory.plan(import)).await
    }

    async fn chunk(&self, import: Uuid, position: &ChunkPosition) -> Result<Option<ImportChunk>, StoreError> {
        self.breaker.call(self.memory.chunk(import, position)).await
    }

    async fn chunks(
        &self,
        import: Uuid,
        after: Option<ChunkPosition>,
        limit: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        self.breaker.call(self.memory.chunks(import, after, limit)).await
    }

    async fn replicate_chunk(&self, chunk: &ImportChunk) -> Result<(), StoreError> {
        self.breaker.call(self.memory.replicate_chunk(chunk)).await
    }
}
