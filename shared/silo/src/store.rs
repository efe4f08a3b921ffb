//! What the engine asks of a silo.

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::sync::Arc;

use catalog::{Catalog, Model, ModelId, SiloKind};
use uuid::Uuid;

use crate::{
    ChunkPosition, Departure, Fields, ImportChunk, ImportPlan, JournalEntry, JournalPosition, Pk, Row,
    StoreError, Stored, UniqueKey, WriteError, volume,
};

/// Rows in primary key order, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C = Pk> {
    /// What was found; may be empty although more follows.
    pub items: Vec<T>,
    /// Hand this in to get what follows; none at the end.
    pub next: Option<C>,
}

/// Changes that happen together or not at all.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// The changes, no two of the same row or with the same unique value: a store refuses those.
    pub writes: Vec<Write>,
    /// The record that they happened; refused when it is there already.
    pub chunk: Option<ImportChunk>,
}

/// The most items that one transaction changes: as many as DynamoDB takes (DESIGN §4).
pub const TRANSACTION_ITEMS_LIMIT: usize = 100;

/// The most bytes of rows that go into one transaction: DynamoDB takes 4 MB, and rows are not all of it (DESIGN §3).
pub const TRANSACTION_BYTES: usize = 3_000_000;

impl Transaction {
    /// How many items this changes: rows, unique values that are taken or given up, what a journal tells of the rows,
    /// who is to be told that they went, the sequences that next primary keys are taken from, and the chunk. A store refuses more than [`TRANSACTION_ITEMS_LIMIT`].
    pub fn items(&self, catalog: &Catalog) -> usize {
        let mut values: HashSet<UniqueKey> = HashSet::new();
        for write in &self.writes {
            let given_up =
                write.before().map(|before| UniqueKey::of(catalog.model(write.model()), &before.row.fields));
            let (given_up, taken) = (given_up.unwrap_or_default(), write.takes());
            values.extend(taken.iter().filter(|key| !given_up.contains(key)).cloned());
            values.extend(given_up.into_iter().filter(|key| !taken.contains(key)));
        }
        let entries = self.writes.iter().filter(|write| write.journal().is_some()).count();
        let departures = usize::from(Departure::by(catalog, self).is_some());
        let chunks = usize::from(self.chunk.is_some());
        self.writes.len() + values.len() + entries + departures + self.numbered().len() + chunks
    }

    /// Changes in as few transactions as they fit into, in their order. They happen independently of each other.
    pub fn split(catalog: &Catalog, writes: impl IntoIterator<Item = Write>) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        // One item is left for those who are to be told that rows went.
        let (mut items, mut bytes) = (1, 0);
        for write in writes {
            let alone = Self { writes: vec![write], chunk: None };
            let (more_items, more_bytes) = (alone.items(catalog), alone.bytes());
            let fits =
                items + more_items <= TRANSACTION_ITEMS_LIMIT && bytes + more_bytes <= TRANSACTION_BYTES;
            match parts.last_mut().filter(|_| fits) {
                Some(part) => part.writes.extend(alone.writes),
                None => {
                    (items, bytes) = (1, 0);
                    parts.push(alone);
                }
            }
            (items, bytes) = (items + more_items, bytes + more_bytes);
        }
        parts
    }

    /// How large the rows are that it writes, at most; a row that goes weighs nothing.
    fn bytes(&self) -> usize {
        let written = self.writes.iter().filter(|write| !write.deletes);
        written.map(|write| volume(&write.row.fields)).sum()
    }

    /// The primary keys that rows take as the next ones of their models: the first and the last of each.
    pub fn numbered(&self) -> BTreeMap<ModelId, (Pk, Pk)> {
        let mut numbered = BTreeMap::new();
        for write in self.writes.iter().filter(|write| write.is_next) {
            let pk = write.row.pk;
            let (first, last) = numbered.entry(write.model).or_insert((pk, pk));
            (*first, *last) = (pk.min(*first), pk.max(*last));
        }
        numbered
    }

    /// Whether two changes are of the same row, or leave two rows with the same unique value.
    pub fn contradicts_itself(&self) -> bool {
        let (mut rows, mut values) = (HashSet::new(), HashSet::new());
        self.writes.iter().any(|write| {
            !rows.insert((write.model(), write.row().pk))
                || write.takes().iter().any(|key| !values.insert(key))
        })
    }
}

/// One change to one row: a new row, other fields for one that is there, or its end.
#[derive(Debug, Clone)]
pub struct Write {
    model: ModelId,
    before: Option<Stored>,
    row: Row,
    takes: Vec<UniqueKey>,
    deletes: bool,
    /// Whether its going concerns the other silo.
    leaves_tombstone: bool,
    /// Whether it takes the next primary key of its model.
    is_next: bool,
    /// The import whose journal tells of the change.
    journal: Option<Uuid>,
    /// The import that makes the change.
    made_by: Option<Uuid>,
}

/// How many changes of a row an import leaves room for between its first revision and that of another import.
const CHANGES: u64 = 1 << 16;

impl Write {
    /// A new row; its primary key and unique values must be free.
    pub fn insert(model: &Model, row: Row) -> Self {
        let takes = UniqueKey::of(model, &row.fields);
        Self {
            model: model.id,
            before: None,
            row,
            takes,
            deletes: false,
            leaves_tombstone: true,
            is_next: false,
            journal: None,
            made_by: None,
        }
    }

    /// A new row that takes the next primary key of its model ([`Silo::next_pk`]) in the very transaction, so that rows
    /// are seen in the order of their primary keys (DESIGN §4). Those of one transaction and model follow each other.
    pub fn insert_next(model: &Model, row: Row) -> Self {
        Self { is_next: true, ..Self::insert(model, row) }
    }

    /// Other fields for a row, under the same primary key. It must still be as it was read, and unique values
    /// that are new to it must be free.
    pub fn replace(model: &Model, before: Stored, fields: impl Into<Arc<Fields>>) -> Self {
        let row = Row::new(before.row.pk, fields);
        Self { before: Some(before), ..Self::insert(model, row) }
    }

    /// The end of a row: its primary key and its unique values are free afterwards, and no key of it leads anywhere. It
    /// must still be as it was read. Nothing is done about rows that refer to it, but where keys across silos may, the
    /// store keeps who is gone until all have been told ([`Reconcile::departures`](crate::Reconcile::departures)).
    pub fn delete(model: &Model, before: Stored) -> Self {
        let row = before.row.clone();
        Self { before: Some(before), takes: Vec::new(), deletes: true, ..Self::insert(model, row) }
    }

    /// The same end, which nobody elsewhere is told of: who makes it sees to the other silo as well.
    #[must_use]
    pub fn untold(self) -> Self {
        Self { leaves_tombstone: false, ..self }
    }

    /// The same change, to other fields.
    #[must_use]
    pub fn with_fields(self, model: &Model, fields: impl Into<Arc<Fields>>) -> Self {
        let row = Row::new(self.row.pk, fields);
        let Self { before, is_next, journal, made_by, .. } = self;
        Self { before, is_next, journal, made_by, ..Self::insert(model, row) }
    }

    /// The same change, of which the journal of an import is to tell: an entry is written with it.
    #[must_use]
    pub fn journaled(self, import: Uuid) -> Self {
        Self { journal: Some(import), ..self }
    }

    /// The same change, made by an import: what it inserts is told from every row that was there before.
    #[must_use]
    pub fn made_by(self, import: Uuid) -> Self {
        Self { made_by: Some(import), ..self }
    }

    /// The model of the row.
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// Whether the row goes.
    pub fn deletes(&self) -> bool {
        self.deletes
    }

    /// Whether rows elsewhere that refer to the row are to follow when it goes.
    pub fn leaves_tombstone(&self) -> bool {
        self.leaves_tombstone
    }

    /// The row as it was read, if it is to be replaced or to go.
    pub fn before(&self) -> Option<&Stored> {
        self.before.as_ref()
    }

    /// The row as it will be; one that goes, as it was.
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// The import whose journal tells of the change, if one does.
    pub fn journal(&self) -> Option<Uuid> {
        self.journal
    }

    /// The unique values that the row will have; one that goes has none.
    pub fn takes(&self) -> &[UniqueKey] {
        &self.takes
    }

    /// The revision that the row will have: each change is one more. A row that others wrote begins with 0, one that an
    /// import inserts with a number of that import, so that who has read a row of the same primary key, which is gone
    /// by now, does not take it for that one.
    pub fn revision(&self) -> u64 {
        match (&self.before, self.made_by) {
            (Some(before), _) => before.revision + 1,
            (None, Some(import)) => first_revision(import),
            (None, None) => 1,
        }
    }
}

/// Where the revisions of the rows begin that an import inserts: the last 12 hexadecimal digits of its uuid, which are
/// random, and 4 digits that count changes.
fn first_revision(import: Uuid) -> u64 {
    let (_, low) = import.as_u64_pair();
    low.wrapping_mul(CHANGES) + 1
}

/// A store of rows: one cell's, or control's. The contract suite says what each call
/// promises; an adapter that passes it can be used for either.
///
/// Models passed in come from the silo's own catalogue and live in it.
pub trait Silo: Send + Sync {
    /// The catalogue whose models this silo keeps.
    fn catalog(&self) -> &Arc<Catalog>;

    /// The rows with these primary keys, in the same order; none where there is no such row.
    fn get(
        &self,
        model: &Model,
        pks: &[Pk],
    ) -> impl Future<Output = Result<Vec<Option<Stored>>, StoreError>> + Send;

    /// Rows of a model by primary key, above `after`, at most `limit` (1 or more).
    fn page(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Stored>, StoreError>> + Send;

    /// Primary keys of the rows whose key field leads to `target`, ascending, above `after`, at most `limit`.
    fn referring(
        &self,
        model: &Model,
        key: &str,
        target: Pk,
        after: Option<Pk>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Pk>, StoreError>> + Send;

    /// Primary keys of the rows that have one of the model's privilege fields set, ascending, above `after`.
    fn privileged(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Pk>, StoreError>> + Send;

    /// The rows that have these unique values, in the same order.
    fn holders(&self, keys: &[UniqueKey])
    -> impl Future<Output = Result<Vec<Option<Pk>>, StoreError>> + Send;

    /// Sets `count` consecutive primary keys aside and returns the first; no row has them, and nobody else
    /// gets them.
    fn reserve(&self, model: &Model, count: u64) -> impl Future<Output = Result<Pk, StoreError>> + Send;

    /// The primary key that [`Write::insert_next`] takes if nobody else is faster: the one behind all that were given
    /// away; no row has it.
    fn next_pk(&self, model: &Model) -> impl Future<Output = Result<Pk, StoreError>> + Send;

    /// Writes a transaction whole or not at all, with what the journal has to tell of it. A row that does not fit
    /// ([`fits`](crate::fits)) is too large, and so is one that was there before and that the journal has to keep.
    fn write(&self, transaction: &Transaction) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Records the plan of an import unless one is recorded already, and returns the one that is.
    fn record_plan(&self, plan: &ImportPlan) -> impl Future<Output = Result<ImportPlan, StoreError>> + Send;

    /// The plan of an import.
    fn plan(&self, import: Uuid) -> impl Future<Output = Result<Option<ImportPlan>, StoreError>> + Send;

    /// The chunk whose batch begins at this position.
    fn chunk(
        &self,
        import: Uuid,
        position: &ChunkPosition,
    ) -> impl Future<Output = Result<Option<ImportChunk>, StoreError>> + Send;

    /// Chunks of an import in the order of their positions, behind `after`, at most `limit`.
    fn chunks(
        &self,
        import: Uuid,
        after: Option<ChunkPosition>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<ImportChunk, ChunkPosition>, StoreError>> + Send;

    /// Keeps copies of chunks of another silo. They need not all be there when it fails; doing it again is harmless,
    /// because the chunk of a batch never changes.
    fn replicate_chunks(&self, chunks: &[ImportChunk])
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The journal of an import in the order of its positions, behind `after`, at most `limit` entries.
    fn journal(
        &self,
        import: Uuid,
        after: Option<JournalPosition>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<JournalEntry, JournalPosition>, StoreError>> + Send;
}

/// The two silos that an instance consists of.
#[derive(Debug)]
pub struct Silos<'a, S> {
    /// Where tenants' rows live.
    pub cell: &'a S,
    /// Where users live, and what is global.
    pub control: &'a S,
}

// Not derived: a pair of references is copied whatever it refers to.
impl<S> Clone for Silos<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Silos<'_, S> {}

impl<'a, S: Silo> Silos<'a, S> {
    /// The silo that keeps a model's rows.
    pub fn of(&self, model: &Model) -> &'a S {
        match model.silo {
            SiloKind::Cell => self.cell,
            SiloKind::Control => self.control,
        }
    }
}
