//! A silo in a table of DynamoDB (DESIGN §4).

mod departure;
mod import;
mod item;
mod journal;
mod read;
mod reconcile;
mod schedules;
mod sequence;
mod tombstone;
mod watermark;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use catalog::{Catalog, Model, ModelId};
use silo::{
    ChunkPosition, ImportChunk, ImportPlan, JournalEntry, JournalPosition, Page, Pk, Silo, StoreError,
    StoreErrorKind, Stored, Transaction, UniqueKey, WriteError,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

pub use self::departure::DepartureRecord;
pub use self::schedules::DynamoSchedules;
use crate::keys;
use crate::service::Nature;
use crate::table::Table;
use crate::{Meter, ServiceError};

/// The rows of one silo in one table.
///
/// Reads see every write that ended before they began, except those by foreign key and by privilege: they go
/// through indexes, which follow within moments.
#[derive(Debug)]
pub struct DynamoSilo {
    table: Table,
    catalog: Arc<Catalog>,
    /// The blocks that are listed or being listed: listing is for ever, so that this never goes stale, and batches that
    /// are written at once do not each list the block that they share.
    listed: Mutex<HashMap<(ModelId, Pk), Listing>>,
}

/// Whether a block is listed, shared by all who need it to be.
type Listing = Arc<OnceCell<()>>;

impl DynamoSilo {
    /// The silo in the table of this name.
    pub fn new(client: Client, table: impl Into<String>, catalog: Arc<Catalog>) -> Self {
        Self { table: Table::new(client, table), catalog, listed: Mutex::default() }
    }

    /// The silo in the table of this name, for programs that need nothing else of AWS.
    pub fn connect(aws: &SdkConfig, table: impl Into<String>, catalog: Arc<Catalog>) -> Self {
        Self::new(Client::new(aws), table, catalog)
    }

    /// What DynamoDB was asked through this value, and what it charged.
    pub fn meter(&self) -> &Meter {
        self.table.meter()
    }

    fn listing(&self, block: (ModelId, Pk)) -> Listing {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(listed.entry(block).or_default())
    }
}

/// A request that failed, as the engine knows failures.
fn failed(action: impl Into<String>) -> impl FnOnce(ServiceError) -> StoreError {
    move |error| {
        let kind = match error.nature() {
            Nature::Contended => StoreErrorKind::Contention,
            Nature::Throttled => StoreErrorKind::Throttled,
            Nature::Unavailable => StoreErrorKind::Unavailable,
            Nature::Refused => StoreErrorKind::Refused,
        };
        StoreError::with_source(kind, action, error)
    }
}

/// An item that cannot be read, as the engine knows failures.
fn corrupt(action: impl Into<String>) -> impl FnOnce(item::Corrupt) -> StoreError {
    move |error| StoreError::with_source(StoreErrorKind::Corrupt, action, error)
}

impl Silo for DynamoSilo {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    async fn get(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.read_rows(model, pks).await
    }

    async fn page(&self, model: &Model, after: Option<Pk>, limit: usize) -> Result<Page<Stored>, StoreError> {
        self.read_page(model, after, limit).await
    }

    async fn referring(
        &self,
        model: &Model,
        key: &str,
        target: Pk,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.read_referring(model, key, target, after, limit).await
    }

    async fn privileged(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        self.read_index(keys::PRIVILEGED, model.name.clone(), after, limit).await
    }

    async fn holders(&self, keys: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        self.read_holders(keys).await
    }

    async fn reserve(&self, model: &Model, count: u64) -> Result<Pk, StoreError> {
        self.reserve_keys(model, count).await
    }

    async fn next_pk(&self, model: &Model) -> Result<Pk, StoreError> {
        self.next_key(model).await
    }

    async fn write(&self, transaction: &Transaction) -> Result<(), WriteError> {
        self.write_transaction(transaction).await
    }

    async fn record_plan(&self, plan: &ImportPlan) -> Result<ImportPlan, StoreError> {
        self.write_plan(plan).await
    }

    async fn plan(&self, import: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        self.read_plan(import).await
    }

    async fn chunk(&self, import: Uuid, position: &ChunkPosition) -> Result<Option<ImportChunk>, StoreError> {
        self.read_chunk(import, position).await
    }

    async fn chunks(
        &self,
        import: Uuid,
        after: Option<ChunkPosition>,
        limit: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        self.read_chunks(import, after, limit).await
    }

    async fn replicate_chunks(&self, chunks: &[ImportChunk]) -> Result<(), StoreError> {
        self.write_replicas(chunks).await
    }

    async fn journal(
        &self,
        import: Uuid,
        after: Option<JournalPosition>,
        limit: usize,
    ) -> Result<Page<JournalEntry, JournalPosition>, StoreError> {
        self.read_journal(import, after, limit).await
    }
}
