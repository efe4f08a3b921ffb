//! Primary keys that are given away once.

use aws_sdk_dynamodb::types::AttributeValue;
use catalog::Model;
use silo::{Pk, StoreError, StoreErrorKind};

use super::item;
use super::{DynamoSilo, corrupt, failed};
use crate::keys;
use crate::table::{Condition, Written};

/// The highest primary key given away.
const LAST: &str = "highest";

impl DynamoSilo {
    /// Rows may have brought their own primary keys: a range with a row in it is passed over, and each further
    /// time twice as many primary keys with it.
    pub(super) async fn reserve_keys(&self, model: &Model, count: u64) -> Result<Pk, StoreError> {
        let action = || format!("reserving {count} primary keys of {}", model.name);
        let refused = || StoreError::new(StoreErrorKind::Refused, action());
        let count = Pk::try_from(count).map_err(|_| refused())?;
        let mut passed_over: Pk = 0;
        loop {
            let taken = count.checked_add(passed_over).ok_or_else(refused)?;
            let last = self.advance(model, taken).await?.ok_or_else(refused)?;
            let start = last - count + 1;
            if !self.has_rows(model, start, last).await? {
                return Ok(start);
            }
            passed_over = passed_over.saturating_mul(2).max(count);
        }
    }

    /// Raises the sequence and returns its new end; none when that would exceed 64 bits.
    async fn advance(&self, model: &Model, count: Pk) -> Result<Option<Pk>, StoreError> {
        let action = || format!("raising the sequence of {} by {count}", model.name);
        let number = |number: Pk| AttributeValue::N(number.to_string());
        let condition = Condition::new(
            "attribute_not_exists(highest) OR highest <= :bound",
            [(":count", number(count)), (":bound", number(Pk::MAX - count))],
        );
        let update = self.table.update_if(keys::sequence(&model.name), "ADD highest :count", &condition);
        match update.await.map_err(failed(action()))? {
            Written::Done(sequence) => item::to_number(&sequence, LAST).map(Some).map_err(corrupt(action())),
            Written::Refused(_) => Ok(None),
        }
    }

    async fn has_rows(&self, model: &Model, start: Pk, last: Pk) -> Result<bool, StoreError> {
        let mut from = start;
        while from <= last {
            let Some(block) = self.read_blocks(model, from, 1).await?.0.first().copied() else {
                return Ok(false);
            };
            let first = self.read_block(model, block, from, 1).await?;
            match first.first() {
                Some(stored) => return Ok(stored.row.pk <= last),
                None => from = keys::end_of_block(block).saturating_add(1),
            }
        }
        Ok(false)
    }
}
