//! Numbers that are given away once: primary keys, and the ids of tombstones.

use catalog::Model;
use silo::{Pk, StoreError, StoreErrorKind};

use super::item::{self, from_number};
use super::read::ROW_KEY;
use super::{DynamoSilo, corrupt, failed};
use crate::keys;
use crate::table::{Change, Condition, Written};

/// The highest number given away.
const LAST: &str = "highest";

/// How often primary keys are passed over because a row has the next one. Each time twice as many are, so that only
/// others who take them as fast keep it from its end.
const NEXT_TRIES: u32 = 16;

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

    /// The primary key behind the highest one. If a row brought it along, more are set aside, for nobody, until there
    /// is one behind them that is free.
    pub(super) async fn next_key(&self, model: &Model) -> Result<Pk, StoreError> {
        let action = || format!("giving the next primary key of {} away", model.name);
        for tries in 0..NEXT_TRIES {
            let next = self.read_highest(&model.name).await?.checked_add(1);
            let next = next.ok_or_else(|| StoreError::new(StoreErrorKind::Refused, action()))?;
            let row = self.table.get(keys::row(&model.name, next)).await.map_err(failed(action()))?;
            if row.is_none() {
                return Ok(next);
            }
            self.reserve_keys(model, 1 << tries).await?;
        }
        Err(StoreError::new(StoreErrorKind::Contention, action()))
    }

    /// The highest number of a sequence that was given away; 0 if none was.
    pub(super) async fn read_highest(&self, sequence: &str) -> Result<Pk, StoreError> {
        let action = || format!("reading the sequence of {sequence}");
        let item = self.table.get(keys::sequence(sequence)).await.map_err(failed(action()))?;
        item.map_or(Ok(0), |item| item::to_number(&item, LAST)).map_err(corrupt(action()))
    }

    /// Raises the sequence and returns its new end; none when that would exceed 64 bits.
    async fn advance(&self, model: &Model, count: Pk) -> Result<Option<Pk>, StoreError> {
        let action = || format!("raising the sequence of {} by {count}", model.name);
        let condition = Condition::new(
            "attribute_not_exists(highest) OR highest <= :bound",
            [(":count", from_number(count)), (":bound", from_number(Pk::MAX - count))],
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
            let first = self.read_block(model, block, from, 1, Some(ROW_KEY), item::to_pk).await?;
            match first.first() {
                Some(pk) => return Ok(*pk <= last),
                None => from = keys::end_of_block(block).saturating_add(1),
            }
        }
        Ok(false)
    }
}

/// Raises a sequence as a part of a transaction, if its highest number is still the one before.
pub(super) fn raise(sequence: &str, before: Pk, last: Pk) -> Change {
    let mut item = keys::sequence(sequence).attributes();
    item.insert(LAST.to_owned(), from_number(last));
    let expression = match before {
        0 => "attribute_not_exists(pk) OR highest = :before",
        _ => "highest = :before",
    };
    Change::Put(item, Condition::new(expression, [(":before", from_number(before))]))
}
