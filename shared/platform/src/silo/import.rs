//! Plans and chunks, and which imports are open.

use serde::Serialize;
use silo::{ChunkPosition, ImportChunk, ImportPlan, Page, StoreError, StoreErrorKind};
use uuid::Uuid;

use super::item::{self, Corrupt};
use super::read::{from_sort_key, of_partition};
use super::{DynamoSilo, corrupt, failed};
use crate::keys::{self, Key, PK, SK};
use crate::table::{Condition, IS_FREE, Item, Written};

impl DynamoSilo {
    pub(super) async fn write_plan(&self, plan: &ImportPlan) -> Result<ImportPlan, StoreError> {
        let action = || format!("recording the plan of import {}", plan.import);
        let item = record(action(), keys::plan(plan.import), plan)?;
        match self.table.put_if(item, &Condition::new(IS_FREE, [])).await.map_err(failed(action()))? {
            Written::Done(_) => Ok(plan.clone()),
            Written::Refused(recorded) => item::to_record(&recorded).map_err(corrupt(action())),
        }
    }

    pub(super) async fn read_plan(&self, import: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        let action = || format!("reading the plan of import {import}");
        let item = self.table.get(keys::plan(import)).await.map_err(failed(action()))?;
        item.as_ref().map(item::to_record).transpose().map_err(corrupt(action()))
    }

    pub(super) async fn read_chunk(
        &self,
        import: Uuid,
        position: &ChunkPosition,
    ) -> Result<Option<ImportChunk>, StoreError> {
        let action =
            || format!("reading chunk {} {} of import {import}", position.model, position.min_ordinal);
        let item = self.table.get(keys::chunk(import, position)).await.map_err(failed(action()))?;
        item.as_ref().map(item::to_record).transpose().map_err(corrupt(action()))
    }

    pub(super) async fn read_chunks(
        &self,
        import: Uuid,
        after: Option<ChunkPosition>,
        limit: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        let action = || format!("reading the chunks of import {import}");
        // Behind a chunk stands whatever begins with a higher ordinal. No name begins with a blank.
        let behind = |after: ChunkPosition| {
            keys::chunk(import, &ChunkPosition { min_ordinal: after.min_ordinal.saturating_add(1), ..after })
                .sk
        };
        let first = after.map_or_else(|| " ".to_owned(), behind);
        let query = self.table.query().consistent_read(true);
        let query = from_sort_key(query, PK, keys::import(import), first);
        // The plan may be among them.
        let (mut items, more) = self.table.page(query, limit + 1).await.map_err(failed(action()))?;
        items.retain(|item| item::to_sort(item) != Some(keys::PLAN));
        let more = more || items.len() > limit;
        let chunks = items.iter().take(limit).map(item::to_record);
        let chunks: Vec<ImportChunk> = chunks.collect::<Result<_, Corrupt>>().map_err(corrupt(action()))?;
        let next = chunks.last().map(ImportChunk::position).filter(|_| more);
        Ok(Page { items: chunks, next })
    }

    pub(super) async fn write_replicas(&self, chunks: &[ImportChunk]) -> Result<(), StoreError> {
        let action = || format!("keeping replicas of {} chunks", chunks.len());
        let replica =
            |chunk: &ImportChunk| record(action(), keys::chunk(chunk.import, &chunk.position()), chunk);
        let items = chunks.iter().map(replica).collect::<Result<Vec<_>, _>>()?;
        self.table.put_many(items).await.map_err(failed(action()))
    }

    pub(super) async fn write_open(&self, import: Uuid, is_open: bool) -> Result<(), StoreError> {
        let key = keys::open_import(import);
        let noted =
            if is_open { self.table.put(key.attributes()).await } else { self.table.delete(key).await };
        noted.map_err(failed(format!("noting whether import {import} is open")))
    }

    pub(super) async fn read_open_imports(&self) -> Result<Vec<Uuid>, StoreError> {
        let action = "reading which imports are open";
        let query = of_partition(self.table.query().consistent_read(true), keys::OPEN_IMPORTS);
        let (items, _) = self.table.page(query, usize::MAX).await.map_err(failed(action))?;
        let import = |item| item::to_sort(item).and_then(|sort| sort.parse().ok());
        let imports = items.iter().map(|item| import(item).ok_or(Corrupt::Attribute(SK)));
        imports.collect::<Result<_, Corrupt>>().map_err(corrupt(action))
    }
}

/// A plan or a chunk as an item.
pub(super) fn record(action: String, key: Key, record: &impl Serialize) -> Result<Item, StoreError> {
    match item::from_record(key, record) {
        Ok(Some(item)) => Ok(item),
        Ok(None) => Err(StoreError::new(StoreErrorKind::Refused, action)),
        Err(error) => Err(corrupt(action)(error)),
    }
}
