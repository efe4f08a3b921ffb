//! How far keys across silos are reconciled, and what came of it last.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use silo::{CascadeRun, StoreError, Watermark, WatermarkKey};

use super::import::record;
use super::item::{self, Corrupt, from_number};
use super::read::of_partition;
use super::{DynamoSilo, corrupt, failed};
use crate::keys::{self, Key};
use crate::table::{Condition, IS_FREE, Item, Written};

// DynamoDB reserves `value` and `transaction` in expressions.
const REACHED: &str = "reached";
const TRANSACTION: &str = "transactionId";

impl DynamoSilo {
    pub(super) async fn read_watermarks(
        &self,
        wanted: &[WatermarkKey],
    ) -> Result<Vec<Option<Watermark>>, StoreError> {
        let action = || format!("reading {} watermarks", wanted.len());
        let items = self.table.get_many(wanted.iter().map(keys::watermark).collect()).await;
        let items = items.map_err(failed(action()))?;
        let items: HashMap<Key, &Item> =
            items.iter().filter_map(|item| Some((Key::of_item(item)?, item))).collect();
        let watermarks = wanted.iter().map(|key| items.get(&keys::watermark(key)).copied());
        let watermarks = watermarks.map(|item| item.map(to_watermark).transpose());
        watermarks.collect::<Result<_, Corrupt>>().map_err(corrupt(action()))
    }

    pub(super) async fn write_watermark(
        &self,
        key: &WatermarkKey,
        from: Option<&Watermark>,
        to: &Watermark,
    ) -> Result<bool, StoreError> {
        let item = from_watermark(key, to);
        let written = self.table.put_if(item, &is_still(from)).await;
        match written.map_err(failed(format!("moving the watermark of {key}")))? {
            Written::Done(_) => Ok(true),
            Written::Refused(_) => Ok(false),
        }
    }

    pub(super) async fn write_run(&self, run: &CascadeRun) -> Result<(), StoreError> {
        let action = || format!("noting a run for {}.{}", run.model, run.field);
        let item = record(action(), keys::cascade(&run.model, &run.field), run)?;
        self.table.put(item).await.map_err(failed(action()))
    }

    pub(super) async fn read_runs(&self) -> Result<Vec<CascadeRun>, StoreError> {
        let action = "reading the last runs";
        let query = of_partition(self.table.query().consistent_read(true), keys::CASCADES);
        let (items, _) = self.table.page(query, usize::MAX).await.map_err(failed(action))?;
        items.iter().map(item::to_record).collect::<Result<_, Corrupt>>().map_err(corrupt(action))
    }
}

/// The watermark is as it was read.
fn is_still(from: Option<&Watermark>) -> Condition {
    let Some(Watermark { value, transaction }) = from else { return Condition::new(IS_FREE, []) };
    Condition::new(
        "reached = :reached AND transactionId = :transaction",
        [(":reached", from_number(*value)), (":transaction", AttributeValue::S(transaction.clone()))],
    )
}

fn from_watermark(key: &WatermarkKey, watermark: &Watermark) -> Item {
    let mut item = keys::watermark(key).attributes();
    item.insert(REACHED.to_owned(), from_number(watermark.value));
    item.insert(TRANSACTION.to_owned(), AttributeValue::S(watermark.transaction.clone()));
    item
}

fn to_watermark(item: &Item) -> Result<Watermark, Corrupt> {
    let transaction = item::text(item, TRANSACTION)?.to_owned();
    Ok(Watermark { value: item::to_number(item, REACHED)?, transaction })
}
