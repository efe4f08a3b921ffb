//! A silo in memory: the sandbox of validations, the state of a rehearsal, and the twin that stores are
//! tested against.

mod index;
mod reconcile;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use catalog::{Catalog, Model, ModelId};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    ChunkPosition, Conflict, Departure, ImportChunk, ImportPlan, JournalEntry, JournalPosition, Page, Pk,
    Row, Silo, StoreError, StoreErrorKind, Stored, TRANSACTION_ITEMS_LIMIT, Taken, Transaction, UniqueKey,
    Write, WriteError, fits,
};
use index::References;
use reconcile::Reconciliation;

/// Rows, indexes and import records in ordinary maps behind one lock.
///
/// Writes of the same item that overlap in time fail with [`StoreErrorKind::Contention`], as they do in
/// DynamoDB: a transaction holds its items from its first poll to its end.
#[derive(Debug)]
pub struct MemorySilo {
    catalog: Arc<Catalog>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tables: HashMap<ModelId, BTreeMap<Pk, Stored>>,
    uniques: HashMap<UniqueKey, Pk>,
    references: References,
    privileged: BTreeSet<(ModelId, Pk)>,
    sequences: HashMap<ModelId, Pk>,
    plans: HashMap<Uuid, ImportPlan>,
    chunks: HashMap<Uuid, BTreeMap<ChunkPosition, ImportChunk>>,
    journals: HashMap<Uuid, BTreeMap<JournalPosition, JournalEntry>>,
    reconciliation: Reconciliation,
    in_flight: HashSet<Item>,
}

/// What a transaction holds while it is under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Item {
    Row(ModelId, Pk),
    Unique(UniqueKey),
    Chunk(Uuid, ChunkPosition),
    Sequence(ModelId),
}

/// A row that cannot be part of a state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LoadError {
    /// The same primary key twice.
    #[error("{model} {pk} is there twice")]
    PkTaken {
        /// The model.
        model: String,
        /// The primary key.
        pk: Pk,
    },
    /// A unique value twice.
    #[error("{model} {pk} and {holder} share their {set}")]
    UniqueTaken {
        /// The model.
        model: String,
        /// The primary key of the row.
        pk: Pk,
        /// The fields whose values are shared.
        set: String,
        /// The row that has the value already.
        holder: Pk,
    },
}

impl MemorySilo {
    /// An empty silo that keeps the models of a catalogue.
    pub fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, state: Mutex::default() }
    }

    /// An empty silo whose index over keys follows only when it is told to ([`MemorySilo::catch_up`]), as those of
    /// DynamoDB follow in their own time.
    pub fn with_lagging_index(catalog: Arc<Catalog>) -> Self {
        let state = State { references: References::lagging(), ..State::default() };
        Self { catalog, state: Mutex::new(state) }
    }

    /// Lets a lagging index follow so many of the changes that it has not seen yet. How many are left.
    pub fn catch_up(&self, changes: usize) -> usize {
        self.lock().references.catch_up(changes)
    }

    /// Puts a row in as it is, under its own primary key: how a state that was saved comes back.
    ///
    /// # Errors
    /// The primary key or a unique value is taken.
    pub fn load(&self, model: &Model, row: Row) -> Result<(), LoadError> {
        let mut state = self.lock();
        if state.get(model.id, row.pk).is_some() {
            return Err(LoadError::PkTaken { model: model.name.clone(), pk: row.pk });
        }
        let takes = UniqueKey::of(model, &row.fields);
        for key in &takes {
            if let Some(holder) = state.uniques.get(key) {
                let set = model.uniques.get(key.set).map(catalog::UniqueSet::name).unwrap_or_default();
                return Err(LoadError::UniqueTaken {
                    model: model.name.clone(),
                    pk: row.pk,
                    set,
                    holder: *holder,
                });
            }
        }
        state.put(model, Stored { row, revision: 1 }, takes);
        Ok(())
    }

    // A panic while the lock is held can only come from a bug in this file; the state is whole between
    // statements, so that going on with it is safe.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn items(&self, transaction: &Transaction) -> Vec<Item> {
        let mut items = Vec::new();
        for write in &transaction.writes {
            items.push(Item::Row(write.model(), write.row().pk));
            items.extend(write.takes().iter().cloned().map(Item::Unique));
        }
        items.extend(transaction.numbered().into_keys().map(Item::Sequence));
        items.extend(transaction.chunk.iter().map(|chunk| Item::Chunk(chunk.import, chunk.position())));
        items
    }
}

impl State {
    fn get(&self, model: ModelId, pk: Pk) -> Option<&Stored> {
        self.tables.get(&model)?.get(&pk)
    }

    /// Keeps a row, which takes these unique values, in place of the one with its primary key.
    fn put(&mut self, model: &Model, stored: Stored, takes: impl IntoIterator<Item = UniqueKey>) {
        let pk = stored.row.pk;
        self.remove(model, pk);
        self.uniques.extend(takes.into_iter().map(|key| (key, pk)));
        for (slot, key) in model.keys.iter().enumerate() {
            if let Some(target) = stored.row.key(&key.field) {
                self.references.insert(model.id, slot, target, pk);
            }
        }
        if is_privileged(model, &stored.row) {
            self.privileged.insert((model.id, pk));
        }
        let sequence = self.sequences.entry(model.id).or_insert(0);
        *sequence = (*sequence).max(pk);
        self.tables.entry(model.id).or_default().insert(pk, stored);
    }

    fn remove(&mut self, model: &Model, pk: Pk) {
        if let Some(before) = self.tables.get_mut(&model.id).and_then(|table| table.remove(&pk)) {
            self.unindex(model, &before.row);
        }
    }

    fn unindex(&mut self, model: &Model, row: &Row) {
        for key in UniqueKey::of(model, &row.fields) {
            self.uniques.remove(&key);
        }
        for (slot, key) in model.keys.iter().enumerate() {
            if let Some(target) = row.key(&key.field) {
                self.references.remove(model.id, slot, target, row.pk);
            }
        }
        self.privileged.remove(&(model.id, row.pk));
    }

    fn conflict(&self, transaction: &Transaction) -> Conflict {
        let mut conflict = Conflict::default();
        for (position, write) in transaction.writes.iter().enumerate() {
            let stored = self.get(write.model(), write.row().pk).map(|stored| stored.revision);
            if stored != write.before().map(|before| before.revision) {
                conflict.changed.push(position);
            }
            for key in write.takes() {
                if let Some(holder) = self.uniques.get(key)
                    && *holder != write.row().pk
                {
                    let taken =
                        Taken { write: position, model: write.model(), set: key.set, holder: *holder };
                    conflict.taken.push(taken);
                }
            }
        }
        for (model, (first, _)) in transaction.numbered() {
            if self.sequences.get(&model).copied().unwrap_or(0) != first.saturating_sub(1) {
                conflict.outnumbered.push(model);
            }
        }
        conflict.chunk_exists = transaction.chunk.as_ref().is_some_and(|chunk| self.has_chunk(chunk));
        conflict
    }

    fn has_chunk(&self, chunk: &ImportChunk) -> bool {
        self.chunks.get(&chunk.import).is_some_and(|chunks| chunks.contains_key(&chunk.position()))
    }

    fn apply(&mut self, catalog: &Catalog, transaction: &Transaction) {
        for write in &transaction.writes {
            let model = catalog.model(write.model());
            if write.deletes() {
                self.remove(model, write.row().pk);
            } else {
                let stored = Stored { row: write.row().clone(), revision: write.revision() };
                self.put(model, stored, write.takes().iter().cloned());
            }
            if let Some(entry) = JournalEntry::of(catalog, write) {
                self.journals.entry(entry.import).or_default().insert(entry.position(), entry);
            }
        }
        let departure = Departure::by(catalog, transaction);
        self.reconciliation.departures.extend(departure.map(|departure| (departure, None)));
        if let Some(chunk) = &transaction.chunk {
            self.chunks.entry(chunk.import).or_default().insert(chunk.position(), chunk.clone());
        }
    }
}

fn is_privileged(model: &Model, row: &Row) -> bool {
    model.privileged.iter().any(|field| row.fields.get(field) == Some(&Value::Bool(true)))
}

/// Holds the items of a transaction until it is dropped, also when its future is dropped half-way.
struct Hold<'a> {
    silo: &'a MemorySilo,
    items: Vec<Item>,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.silo.lock();
        for item in &self.items {
            state.in_flight.remove(item);
        }
    }
}

/// Lets others run once.
pub(crate) async fn give_way() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Silo for MemorySilo {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    async fn get(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
        let state = self.lock();
        Ok(pks.iter().map(|pk| state.get(model.id, *pk).cloned()).collect())
    }

    async fn page(&self, model: &Model, after: Option<Pk>, limit: usize) -> Result<Page<Stored>, StoreError> {
        let state = self.lock();
        let Some(table) = state.tables.get(&model.id) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let rows = table.range(above(after)..).map(|(_, stored)| stored.clone());
        Ok(page(rows, limit, |stored| stored.row.pk))
    }

    async fn referring(
        &self,
        model: &Model,
        key: &str,
        target: Pk,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        let Some(slot) = model.keys.iter().position(|declared| declared.field == key) else {
            let action = format!("reading {} by `{key}`, which is no key,", model.name);
            return Err(StoreError::new(StoreErrorKind::Refused, action));
        };
        let state = self.lock();
        Ok(page(state.references.to(model.id, slot, target, above(after)), limit, |pk| *pk))
    }

    async fn privileged(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        let state = self.lock();
        let range = (model.id, above(after))..=(model.id, Pk::MAX);
        Ok(page(state.privileged.range(range).map(|(_, pk)| *pk), limit, |pk| *pk))
    }

    async fn holders(&self, keys: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        let state = self.lock();
        Ok(keys.iter().map(|key| state.uniques.get(key).copied()).collect())
    }

    async fn reserve(&self, model: &Model, count: u64) -> Result<Pk, StoreError> {
        let exhausted = || {
            let action = format!("reserving {count} primary keys of {}", model.name);
            StoreError::new(StoreErrorKind::Refused, action)
        };
        let mut state = self.lock();
        let sequence = state.sequences.entry(model.id).or_insert(0);
        let last = i64::try_from(count).ok().and_then(|count| sequence.checked_add(count));
        let start = sequence.checked_add(1).ok_or_else(exhausted)?;
        *sequence = last.ok_or_else(exhausted)?;
        Ok(start)
    }

    async fn next_pk(&self, model: &Model) -> Result<Pk, StoreError> {
        let highest = self.lock().sequences.get(&model.id).copied().unwrap_or(0);
        highest.checked_add(1).ok_or_else(|| {
            let action = format!("giving the next primary key of {} away", model.name);
            StoreError::new(StoreErrorKind::Refused, action)
        })
    }

    async fn write(&self, transaction: &Transaction) -> Result<(), WriteError> {
        if let Some(write) = transaction.writes.iter().position(|write| !can_be_kept(write)) {
            return Err(WriteError::RowTooLarge { write });
        }
        if transaction.contradicts_itself() {
            let action = "writing a row or unique value twice in one transaction";
            return Err(StoreError::new(StoreErrorKind::Refused, action).into());
        }
        if transaction.items(&self.catalog) > TRANSACTION_ITEMS_LIMIT {
            let action = "writing a transaction of more items than a store takes";
            return Err(StoreError::new(StoreErrorKind::Refused, action).into());
        }
        let items = self.items(transaction);
        let hold = {
            let mut state = self.lock();
            if items.iter().any(|item| state.in_flight.contains(item)) {
                let error = StoreError::new(StoreErrorKind::Contention, "writing a transaction");
                return Err(WriteError::Store(error));
            }
            state.in_flight.extend(items.iter().cloned());
            Hold { silo: self, items }
        };
        give_way().await;
        let mut state = self.lock();
        let conflict = state.conflict(transaction);
        if conflict.is_empty() {
            state.apply(&self.catalog, transaction);
        }
        drop(state);
        drop(hold);
        if conflict.is_empty() { Ok(()) } else { Err(WriteError::Conflict(conflict)) }
    }

    async fn record_plan(&self, plan: &ImportPlan) -> Result<ImportPlan, StoreError> {
        Ok(self.lock().plans.entry(plan.import).or_insert_with(|| plan.clone()).clone())
    }

    async fn plan(&self, import: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        Ok(self.lock().plans.get(&import).cloned())
    }

    async fn chunk(&self, import: Uuid, position: &ChunkPosition) -> Result<Option<ImportChunk>, StoreError> {
        Ok(self.lock().chunks.get(&import).and_then(|chunks| chunks.get(position)).cloned())
    }

    async fn chunks(
        &self,
        import: Uuid,
        after: Option<ChunkPosition>,
        limit: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        let state = self.lock();
        let chunks = behind(state.chunks.get(&import), after);
        Ok(page(chunks, limit, ImportChunk::position))
    }

    async fn journal(
        &self,
        import: Uuid,
        after: Option<JournalPosition>,
        limit: usize,
    ) -> Result<Page<JournalEntry, JournalPosition>, StoreError> {
        let state = self.lock();
        let entries = behind(state.journals.get(&import), after);
        Ok(page(entries, limit, JournalEntry::position))
    }

    async fn replicate_chunks(&self, chunks: &[ImportChunk]) -> Result<(), StoreError> {
        let mut state = self.lock();
        for chunk in chunks {
            state.chunks.entry(chunk.import).or_default().insert(chunk.position(), chunk.clone());
        }
        Ok(())
    }
}

/// Whether the row fits, and what it was before if that is to be kept.
fn can_be_kept(write: &Write) -> bool {
    let image = write.journal().and(write.before());
    (write.deletes() || fits(&write.row().fields)) && image.is_none_or(|before| fits(&before.row.fields))
}

fn above(after: Option<Pk>) -> Pk {
    after.map_or(Pk::MIN, |after| after.saturating_add(1))
}

/// What stands behind a position, if anything is known.
fn behind<P: Ord, T: Clone>(all: Option<&BTreeMap<P, T>>, after: Option<P>) -> impl Iterator<Item = T> {
    let first = after.map_or(Bound::Unbounded, Bound::Excluded);
    all.map(|all| all.range((first, Bound::Unbounded))).into_iter().flatten().map(|(_, found)| found.clone())
}

fn page<T, C>(mut items: impl Iterator<Item = T>, limit: usize, position: impl Fn(&T) -> C) -> Page<T, C> {
    let taken: Vec<T> = items.by_ref().take(limit).collect();
    let next = if items.next().is_some() { taken.last().map(position) } else { None };
    Page { items: taken, next }
}
