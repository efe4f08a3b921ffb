//! One table: requests that are counted, asked again where that is DynamoDB's way of answering, and whose
//! failures say nothing of their content.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, KeysAndAttributes, Put, PutRequest, ReturnConsumedCapacity,
    ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, WriteRequest,
};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::keys::Key;
use crate::{Meter, ServiceError};

/// The attributes of an item.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Holds of keys under which there is no item.
pub(crate) const IS_FREE: &str = "attribute_not_exists(pk)";

const BATCH_GET_ITEM: &str = "BatchGetItem";
const BATCH_WRITE_ITEM: &str = "BatchWriteItem";
const DELETE_ITEM: &str = "DeleteItem";
const GET_ITEM: &str = "GetItem";
const PUT_ITEM: &str = "PutItem";
const QUERY: &str = "Query";
pub(crate) const TRANSACT_WRITE_ITEMS: &str = "TransactWriteItems";
const UPDATE_ITEM: &str = "UpdateItem";

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// The most keys that one `BatchGetItem` takes.
const BATCH: usize = 100;
/// The most items that one `BatchWriteItem` takes.
const WRITE_BATCH: usize = 25;
/// How many `BatchGetItem` of one call are under way at once.
const CONCURRENT_BATCHES: usize = 4;
/// How often what DynamoDB did not get to is asked for.
const TRIES: u32 = 8;
/// The longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    client: Client,
    name: String,
    meter: Meter,
}

/// An expression that must hold of the item that is there, with the values that it names.
#[derive(Debug)]
pub(crate) struct Condition {
    expression: &'static str,
    values: Item,
}

impl Condition {
    pub(crate) fn new<const N: usize>(expression: &'static str, values: [(&str, AttributeValue); N]) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { expression, values }
    }

    // DynamoDB refuses an empty list of values.
    fn values(&self) -> Option<Item> {
        Some(self.values.clone()).filter(|values| !values.is_empty())
    }
}

/// A part of a transaction.
#[derive(Debug)]
pub(crate) enum Change {
    /// An item takes the place of what is there, if the condition holds of that.
    Put(Item, Condition),
    /// An item takes the place of what is there, whatever that is.
    Set(Item),
    /// What is there goes, if the condition holds of it.
    Delete(Key, Condition),
}

/// What became of a conditional write.
pub(crate) enum Written {
    /// It was written; an update has its new attributes.
    Done(Item),
    /// The condition does not hold of the item that is there.
    Refused(Item),
}

/// Why a transaction was not written.
pub(crate) enum NotWritten {
    /// For each of its changes, what was the matter.
    Cancelled(Vec<CancellationReason>),
    /// The request failed.
    Failed(ServiceError),
}

impl Table {
    pub(crate) fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into(), meter: Meter::default() }
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// An item, as of now.
    pub(crate) async fn get(&self, key: Key) -> Result<Option<Item>, ServiceError> {
        self.meter.request(GET_ITEM);
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key.attributes()));
        let request = request.consistent_read(true).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(|error| ServiceError::new(GET_ITEM, error))?;
        self.meter.consumed(GET_ITEM, &answer.consumed_capacity);
        Ok(answer.item)
    }

    /// The items that exist under these keys, as of now, in any order.
    pub(crate) async fn get_many(&self, mut keys: Vec<Key>) -> Result<Vec<Item>, ServiceError> {
        // DynamoDB refuses a key that is there twice.
        keys.sort_unstable();
        keys.dedup();
        let batches: Vec<Vec<Item>> =
            keys.chunks(BATCH).map(|batch| batch.iter().cloned().map(Key::attributes).collect()).collect();
        let batches = stream::iter(batches.into_iter().map(|batch| self.get_batch(batch)));
        let items: Vec<Vec<Item>> = batches.buffer_unordered(CONCURRENT_BATCHES).try_collect().await?;
        Ok(items.into_iter().flatten().collect())
    }

    async fn get_batch(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, ServiceError> {
        let mut items = Vec::with_capacity(keys.len());
        for tries in 0..TRIES {
            pause(tries).await;
            self.meter.request(BATCH_GET_ITEM);
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| ServiceError::malformed(BATCH_GET_ITEM, error))?;
            let request = self.client.batch_get_item().request_items(&self.name, wanted);
            let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = request.send().await.map_err(|error| ServiceError::new(BATCH_GET_ITEM, error))?;
            self.meter.consumed(BATCH_GET_ITEM, answer.consumed_capacity());
            items.extend(answer.responses.into_iter().flatten().flat_map(|(_, found)| found));
            keys = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys).collect();
            if keys.is_empty() {
                return Ok(items);
            }
        }
        Err(ServiceError::answered(BATCH_GET_ITEM, "ProvisionedThroughputExceeded"))
    }

    /// A query of this table, to be completed and handed to [`Table::page`].
    pub(crate) fn query(&self) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.name);
        query.return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// The items of a query, at most `limit`, and whether more may follow. A page of DynamoDB ends after 1 MB;
    /// this one does not.
    pub(crate) async fn page(
        &self,
        query: QueryFluentBuilder,
        limit: usize,
    ) -> Result<(Vec<Item>, bool), ServiceError> {
        let mut items = Vec::new();
        let mut start = None;
        while items.len() < limit {
            self.meter.request(QUERY);
            let left = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let request = query.clone().limit(left).set_exclusive_start_key(start);
            let answer = request.send().await.map_err(|error| ServiceError::new(QUERY, error))?;
            self.meter.consumed(QUERY, &answer.consumed_capacity);
            items.extend(answer.items.into_iter().flatten());
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok((items, false));
            }
        }
        Ok((items, true))
    }

    /// Writes an item, whatever was there.
    pub(crate) async fn put(&self, item: Item) -> Result<(), ServiceError> {
        self.meter.request(PUT_ITEM);
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item));
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(|error| ServiceError::new(PUT_ITEM, error))?;
        self.meter.consumed(PUT_ITEM, &answer.consumed_capacity);
        Ok(())
    }

    /// Writes items whatever is there, many at a time. When it fails, some may be written.
    pub(crate) async fn put_many(&self, items: Vec<Item>) -> Result<(), ServiceError> {
        let malformed = |error| ServiceError::malformed(BATCH_WRITE_ITEM, error);
        let put = |item| PutRequest::builder().set_item(Some(item)).build();
        let puts = items.into_iter().map(put).collect::<Result<Vec<_>, _>>().map_err(malformed)?;
        let puts: Vec<WriteRequest> =
            puts.into_iter().map(|put| WriteRequest::builder().put_request(put).build()).collect();
        for batch in puts.chunks(WRITE_BATCH) {
            self.put_batch(batch.to_vec()).await?;
        }
        Ok(())
    }

    async fn put_batch(&self, mut puts: Vec<WriteRequest>) -> Result<(), ServiceError> {
        for tries in 0..TRIES {
            pause(tries).await;
            self.meter.request(BATCH_WRITE_ITEM);
            let request = self.client.batch_write_item().request_items(&self.name, puts);
            let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = request.send().await.map_err(|error| ServiceError::new(BATCH_WRITE_ITEM, error))?;
            self.meter.consumed(BATCH_WRITE_ITEM, answer.consumed_capacity());
            puts = answer.unprocessed_items.into_iter().flatten().flat_map(|(_, left)| left).collect();
            if puts.is_empty() {
                return Ok(());
            }
        }
        Err(ServiceError::answered(BATCH_WRITE_ITEM, "ProvisionedThroughputExceeded"))
    }

    /// Removes an item, if there is one.
    pub(crate) async fn delete(&self, key: Key) -> Result<(), ServiceError> {
        self.meter.request(DELETE_ITEM);
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key.attributes()));
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(|error| ServiceError::new(DELETE_ITEM, error))?;
        self.meter.consumed(DELETE_ITEM, &answer.consumed_capacity);
        Ok(())
    }

    /// Writes an item if the condition holds of what is there.
    pub(crate) async fn put_if(&self, item: Item, condition: &Condition) -> Result<Written, ServiceError> {
        self.meter.request(PUT_ITEM);
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(answer) => {
                self.meter.consumed(PUT_ITEM, &answer.consumed_capacity);
                Ok(Written::Done(Item::new()))
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Written::Refused(failed.item.clone().unwrap_or_default()))
                }
                _ => Err(ServiceError::new(PUT_ITEM, error)),
            },
        }
    }

    /// Removes an item if the condition holds of what is there.
    pub(crate) async fn delete_if(&self, key: Key, condition: &Condition) -> Result<Written, ServiceError> {
        self.meter.request(DELETE_ITEM);
        let request = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(answer) => {
                self.meter.consumed(DELETE_ITEM, &answer.consumed_capacity);
                Ok(Written::Done(Item::new()))
            }
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Written::Refused(failed.item.clone().unwrap_or_default()))
                }
                _ => Err(ServiceError::new(DELETE_ITEM, error)),
            },
        }
    }

    /// Changes attributes of an item, making it if need be, if the condition holds of what is there. The update
    /// shares its values with the condition.
    pub(crate) async fn update_if(
        &self,
        key: Key,
        update: &'static str,
        condition: &Condition,
    ) -> Result<Written, ServiceError> {
        self.meter.request(UPDATE_ITEM);
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .update_expression(update)
            .condition_expression(condition.expression)
            .set_expression_attribute_values(condition.values())
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            Ok(answer) => {
                self.meter.consumed(UPDATE_ITEM, &answer.consumed_capacity);
                Ok(Written::Done(answer.attributes.unwrap_or_default()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Written::Refused(failed.item.clone().unwrap_or_default()))
                }
                _ => Err(ServiceError::new(UPDATE_ITEM, error)),
            },
        }
    }

    /// Makes all changes or none.
    pub(crate) async fn transact(&self, changes: Vec<Change>) -> Result<(), NotWritten> {
        let items = changes.into_iter().map(|change| self.part(change)).collect::<Result<Vec<_>, _>>();
        let items = items.map_err(|error| ServiceError::malformed(TRANSACT_WRITE_ITEMS, error));
        self.meter.request(TRANSACT_WRITE_ITEMS);
        let request =
            self.client.transact_write_items().set_transact_items(Some(items.map_err(NotWritten::Failed)?));
        match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
            Ok(answer) => {
                self.meter.consumed(TRANSACT_WRITE_ITEMS, answer.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    Err(NotWritten::Cancelled(cancelled.cancellation_reasons().to_vec()))
                }
                _ => Err(NotWritten::Failed(ServiceError::new(TRANSACT_WRITE_ITEMS, error))),
            },
        }
    }

    fn part(&self, change: Change) -> Result<TransactWriteItem, BuildError> {
        let part = TransactWriteItem::builder();
        let tell = ReturnValuesOnConditionCheckFailure::AllOld;
        let part = match change {
            Change::Put(item, condition) => {
                let put = Put::builder().table_name(&self.name).set_item(Some(item));
                let put = put.condition_expression(condition.expression);
                let put = put.set_expression_attribute_values(condition.values());
                part.put(put.return_values_on_condition_check_failure(tell).build()?)
            }
            Change::Set(item) => {
                part.put(Put::builder().table_name(&self.name).set_item(Some(item)).build()?)
            }
            Change::Delete(key, condition) => {
                let delete = Delete::builder().table_name(&self.name).set_key(Some(key.attributes()));
                let delete = delete.condition_expression(condition.expression);
                let delete = delete.set_expression_attribute_values(condition.values());
                part.delete(delete.return_values_on_condition_check_failure(tell).build()?)
            }
        };
        Ok(part.build())
    }
}

/// What kept DynamoDB from a transaction that it cancelled, by its code, if it was more than a condition. Then it may
/// not have looked at every condition, and the next try tells.
pub(crate) fn hindrance(reasons: &[CancellationReason]) -> Option<&str> {
    let mut codes = reasons.iter().filter_map(CancellationReason::code);
    codes.find(|code| !matches!(*code, "None" | CONDITION_FAILED))
}

/// Whether a change of a cancelled transaction was refused because its condition does not hold.
pub(crate) fn condition_failed(reason: &CancellationReason) -> bool {
    reason.code() == Some(CONDITION_FAILED)
}

/// Waits before a try: not before the first, and then each time up to twice as long, by chance, so that those who
/// were turned away together do not come back together.
pub(crate) async fn pause(tries: u32) {
    let Some(doublings) = tries.checked_sub(1) else { return };
    tokio::time::sleep(FIRST_WAIT.saturating_mul(1 << doublings.min(6)).mul_f64(fastrand::f64())).await;
}
