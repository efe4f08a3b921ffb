//! Reading rows, the indexes over them, and who has a unique value.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use catalog::Model;
use silo::{Page, Pk, StoreError, StoreErrorKind, Stored, UniqueKey};

use super::item::{self, Corrupt, HOLDER};
use super::{DynamoSilo, corrupt, failed};
use crate::keys::{self, Key, PK, SK};
use crate::table::Item;

/// How many blocks are listed at least when a page is read.
const BLOCKS: usize = 16;

/// The attributes that a row is found by.
pub(super) const ROW_KEY: &str = "pk, sk";

impl DynamoSilo {
    pub(super) async fn read_rows(
        &self,
        model: &Model,
        pks: &[Pk],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        let action = || format!("reading {} rows of {}", pks.len(), model.name);
        let keys = pks.iter().filter(|pk| **pk >= 0).map(|pk| keys::row(&model.name, *pk)).collect();
        let items = self.table.get_many(keys).await.map_err(failed(action()))?;
        let rows = items.iter().map(|item| item::to_row(item).map(|stored| (stored.row.pk, stored)));
        let rows: HashMap<Pk, Stored> = rows.collect::<Result<_, Corrupt>>().map_err(corrupt(action()))?;
        Ok(pks.iter().map(|pk| rows.get(pk).cloned()).collect())
    }

    pub(super) async fn read_page(
        &self,
        model: &Model,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Stored>, StoreError> {
        let page = self.walk(model, after, limit, None, item::to_row).await?;
        Ok(Page { items: page.items.into_iter().map(|(_, stored)| stored).collect(), next: page.next })
    }

    /// Where a key leads stands beside the fields of a row, however large those are; they are not asked for.
    pub(super) async fn read_targets(
        &self,
        model: &Model,
        key: &str,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<(Pk, Option<Pk>)>, StoreError> {
        let slot = keys::slot(slot_of(model, key)?);
        let attributes = format!("{ROW_KEY}, {slot}");
        self.walk(model, after, limit, Some(&attributes), |item| item::to_target(item, &slot)).await
    }

    /// Rows by primary key, as they are read from their items: through the blocks that may have some.
    async fn walk<T>(
        &self,
        model: &Model,
        mut after: Option<Pk>,
        limit: usize,
        attributes: Option<&str>,
        read: impl Fn(&Item) -> Result<T, Corrupt> + Sync,
    ) -> Result<Page<(Pk, T)>, StoreError> {
        let read = |item: &Item| Ok((item::to_pk(item)?, read(item)?));
        let mut rows = Vec::new();
        while rows.len() < limit {
            let Some(from) = above(after) else { break };
            let (blocks, more) = self.read_blocks(model, from, BLOCKS).await?;
            for block in blocks {
                let left = limit - rows.len();
                rows.extend(self.read_block(model, block, from, left, attributes, &read).await?);
                if rows.len() >= limit {
                    break;
                }
                after = Some(keys::end_of_block(block));
            }
            if rows.len() < limit && !more {
                return Ok(Page { items: rows, next: None });
            }
        }
        let next = rows.last().map(|(pk, _)| *pk);
        Ok(Page { items: rows, next })
    }

    /// The first blocks that may have rows with this primary key or a higher one, and whether more follow.
    pub(super) async fn read_blocks(
        &self,
        model: &Model,
        from: Pk,
        limit: usize,
    ) -> Result<(Vec<Pk>, bool), StoreError> {
        let action = || format!("listing the blocks of {}", model.name);
        let first = keys::block(&model.name, keys::block_of(from)).sk;
        let query =
            from_sort_key(self.table.query().consistent_read(true), PK, keys::blocks(&model.name), first);
        let (items, more) = self.table.page(query, limit).await.map_err(failed(action()))?;
        let blocks =
            items.iter().map(item::to_pk).collect::<Result<_, Corrupt>>().map_err(corrupt(action()))?;
        Ok((blocks, more))
    }

    /// The rows of a block with this primary key or a higher one: these attributes, or all of them.
    pub(super) async fn read_block<T>(
        &self,
        model: &Model,
        block: Pk,
        from: Pk,
        limit: usize,
        attributes: Option<&str>,
        read: impl Fn(&Item) -> Result<T, Corrupt>,
    ) -> Result<Vec<T>, StoreError> {
        let action = || format!("reading block {block} of {}", model.name);
        let partition = keys::rows(&model.name, block);
        let query = self.table.query().consistent_read(true);
        let query = query.set_projection_expression(attributes.map(str::to_owned));
        let query = from_sort_key(query, PK, partition, keys::row_sort(from));
        let (items, _) = self.table.page(query, limit).await.map_err(failed(action()))?;
        items.iter().map(read).collect::<Result<_, Corrupt>>().map_err(corrupt(action()))
    }

    pub(super) async fn read_referring(
        &self,
        model: &Model,
        key: &str,
        target: Pk,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        let slot = keys::slot(slot_of(model, key)?);
        let reference = keys::reference(&model.name, key, target);
        self.read_index(&slot, reference, after, limit).await
    }

    /// The primary keys under one value of an index.
    pub(super) async fn read_index(
        &self,
        index: &str,
        value: String,
        after: Option<Pk>,
        limit: usize,
    ) -> Result<Page<Pk>, StoreError> {
        let action = || format!("reading index {index} at {value}");
        let Some(from) = above(after) else { return Ok(Page { items: Vec::new(), next: None }) };
        let query = self.table.query().index_name(index);
        let query = from_sort_key(query, index, value.clone(), keys::row_sort(from));
        let (items, more) = self.table.page(query, limit).await.map_err(failed(action()))?;
        let pks =
            items.iter().map(item::to_pk).collect::<Result<Vec<Pk>, Corrupt>>().map_err(corrupt(action()))?;
        let next = pks.last().copied().filter(|_| more);
        Ok(Page { items: pks, next })
    }

    pub(super) async fn read_holders(&self, uniques: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        let action = || format!("reading the holders of {} unique values", uniques.len());
        let wanted: Vec<Key> = uniques.iter().map(|key| self.unique(key)).collect();
        let items = self.table.get_many(wanted.clone()).await.map_err(failed(action()))?;
        let holders = items.iter().map(|item| Ok((item.get(PK).cloned(), item::to_number(item, HOLDER)?)));
        let holders: Vec<(Option<AttributeValue>, Pk)> =
            holders.collect::<Result<_, Corrupt>>().map_err(corrupt(action()))?;
        let holders: HashMap<&str, Pk> = holders
            .iter()
            .filter_map(|(pk, holder)| Some((pk.as_ref()?.as_s().ok()?.as_str(), *holder)))
            .collect();
        Ok(wanted.iter().map(|key| holders.get(key.pk.as_str()).copied()).collect())
    }

    /// The key of a unique value's item.
    pub(super) fn unique(&self, key: &UniqueKey) -> Key {
        let model = self.catalog.model(key.model);
        let set = model.uniques.get(key.set).map(catalog::UniqueSet::name).unwrap_or_default();
        keys::unique(&model.name, &set, key)
    }
}

/// The lowest primary key above another, if there is one. None is negative.
pub(super) fn above(after: Option<Pk>) -> Option<Pk> {
    after.map_or(Some(0), |after| after.max(-1).checked_add(1))
}

/// The position of a key among those of its model.
fn slot_of(model: &Model, key: &str) -> Result<usize, StoreError> {
    model.keys.iter().position(|declared| declared.field == key).ok_or_else(|| {
        let action = format!("reading {} by `{key}`, which is no key,", model.name);
        StoreError::new(StoreErrorKind::Refused, action)
    })
}

/// Narrows a query to one partition.
pub(super) fn of_partition(query: QueryFluentBuilder, partition: impl Into<String>) -> QueryFluentBuilder {
    query
        .key_condition_expression("pk = :partition")
        .expression_attribute_values(":partition", AttributeValue::S(partition.into()))
}

/// Narrows a query to one partition, from one sort key on.
pub(super) fn from_sort_key(
    query: QueryFluentBuilder,
    partition_name: &str,
    partition: String,
    first: String,
) -> QueryFluentBuilder {
    query
        .key_condition_expression("#partition = :partition AND #sort >= :first")
        .expression_attribute_names("#partition", partition_name)
        .expression_attribute_names("#sort", SK)
        .expression_attribute_values(":partition", AttributeValue::S(partition))
        .expression_attribute_values(":first", AttributeValue::S(first))
}
