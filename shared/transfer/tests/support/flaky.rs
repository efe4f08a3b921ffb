//! Silos that look on, and fail or dawdle when they are told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use catalog::{Catalog, Model};
use silo::{
    ChunkPosition, ImportChunk, ImportPlan, MemorySilo, Page, Pk, Silo, StoreError, StoreErrorKind, Stored,
    Transaction, UniqueKey, WriteError,
};
use uuid::Uuid;

/// When a call fails: before it did anything, or after it did everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// What goes to both silos of an instance, in order.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    calls: AtomicUsize,
    cut: Option<(usize, Moment)>,
    /// Decides how long each call takes.
    seed: Option<usize>,
    written: Mutex<Vec<Transaction>>,
}

impl Wire {
    /// A wire on which the call of this number fails, from 1.
    pub(crate) fn cut(call: usize, moment: Moment) -> Self {
        Self { cut: Some((call, moment)), ..Self::default() }
    }

    /// A wire on which calls take longer or shorter, so that runs side by side meet in other places.
    pub(crate) fn slow(seed: usize) -> Self {
        Self { seed: Some(seed), ..Self::default() }
    }

    /// How many calls went over it.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The transactions that were written.
    pub(crate) fn written(&self) -> Vec<Transaction> {
        self.written.lock().unwrap().clone()
    }

    async fn carry<T, E: From<StoreError>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(seed) = self.seed {
            let mixed = (number + seed * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
            give_way(mixed % 4).await;
        }
        let lost = || StoreError::new(StoreErrorKind::Unavailable, format!("call {number}"));
        match self.cut {
            Some((cut, Moment::Before)) if cut == number => Err(lost().into()),
            Some((cut, Moment::After)) if cut == number => {
                let answer = call.await;
                drop(answer);
                Err(lost().into())
            }
            _ => call.await,
        }
    }
}

/// Lets others run so many times.
pub(crate) async fn give_way(mut times: usize) {
    std::future::poll_fn(|context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A silo at the other end of a wire.
#[derive(Debug)]
pub(crate) struct Wired<'a> {
    pub(crate) silo: &'a MemorySilo,
    pub(crate) wire: &'a Wire,
}

impl Silo for Wired<'_> {
    fn catalog(&self) -> &Arc<Catalog> {
        self.silo.catalog()
    }

    async fn get(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.wire.carry(self.silo.get(model, pks)).await
    }

    async fn page(&self, model: &Model, after: Option<Pk>, limit: usize) -> Result<Page<Stored>, StoreError> {
        self.wire.carry(self.silo.page(model, after, limit)).await
    }

    async fn referring(
        &self,
        model: &Model,
        key: &str,
        target: Pk,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.wire.carry(self.silo.referring(model, key, target, after, limit)).await
    }

    async fn privileged(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.wire.carry(self.silo.privileged(model, after, limit)).await
    }

    async fn holders(&self, keys: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        self.wire.carry(self.silo.holders(keys)).await
    }

    async fn reserve(&self, model: &Model, count: u64) -> Result<Pk, StoreError> {
        self.wire.carry(self.silo.reserve(model, count)).await
    }

    async fn write(&self, transaction: &Transaction) -> Result<(), WriteError> {
        let write = async {
            self.silo.write(transaction).await?;
            self.wire.written.lock().unwrap().push(transaction.clone());
            Ok(())
        };
        self.wire.carry(write).await
    }

    async fn record_plan(&self, plan: &ImportPlan) -> Result<ImportPlan, StoreError> {
        self.wire.carry(self.silo.record_plan(plan)).await
    }

    async fn plan(&self, import: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        self.wire.carry(self.silo.plan(import)).await
    }

    async fn chunk(&self, import: Uuid, position: &ChunkPosition) -> Result<Option<ImportChunk>, StoreError> {
        self.wire.carry(self.silo.chunk(import, position)).await
    }

    async fn chunks(
        &self,
        import: Uuid,
        after: Option<ChunkPosition>,
        limit: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        self.wire.carry(self.silo.chunks(import, after, limit)).await
    }

    async fn replicate_chunk(&self, chunk: &ImportChunk) -> Result<(), StoreError> {
        self.wire.carry(self.silo.replicate_chunk(chunk)).await
    }
}
