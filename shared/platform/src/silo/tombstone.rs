//! Tombstones, by id and by object.

use std::collections::{HashMap, HashSet};
use std::iter;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use jiff::Timestamp;
use silo::{Departed, Pk, StoreError, StoreErrorKind, TRANSACTION_ITEMS_LIMIT, Tombstone};

use super::item::{self, Corrupt, from_number};
use super::read::{above, from_sort_key};
use super::{DynamoSilo, corrupt, failed, sequence};
use crate::ServiceError;
use crate::keys::relocations::time;
use crate::keys::{self, Key, PK};
use crate::service::Nature;
use crate::table::{Change, Condition, IS_FREE, Item, NotWritten, TRANSACT_WRITE_ITEMS, hindrance, pause};

/// How many are buried in one transaction: each has two items, and all have the sequence.
const LOT: usize = (TRANSACTION_ITEMS_LIMIT - 1) / 2;
/// How often a lot is read anew because somebody else takes ids meanwhile.
const TRIES: u32 = 8;

const TABLE: &str = "table";
const OBJECT: &str = "object";
const ID: &str = "id";
const CREATED: &str = "created";

impl DynamoSilo {
    pub(super) async fn write_tombstones(
        &self,
        departed: &[Departed],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        let each: Vec<&Departed> = departed.iter().filter(|departed| seen.insert(*departed)).collect();
        for lot in each.chunks(LOT) {
            self.bury_lot(lot, now).await?;
        }
        Ok(())
    }

    async fn bury_lot(&self, lot: &[&Departed], now: Timestamp) -> Result<(), StoreError> {
        for tries in 0..TRIES {
            pause(tries).await;
            let unburied = self.unburied(lot).await?;
            if unburied.is_empty() || self.try_to_bury(&unburied, now).await? {
                return Ok(());
            }
        }
        Err(StoreError::new(StoreErrorKind::Contention, burying(lot)))
    }

    /// Those who have no tombstone.
    async fn unburied<'a>(&self, lot: &[&'a Departed]) -> Result<Vec<&'a Departed>, StoreError> {
        let keys = lot.iter().map(|departed| keys::tombstone_of(departed)).collect();
        let items = self.table.get_many(keys).await.map_err(failed(burying(lot)))?;
        let buried: HashSet<Key> = items.iter().filter_map(Key::of_item).collect();
        let left = lot.iter().filter(|departed| !buried.contains(&keys::tombstone_of(departed)));
        Ok(left.copied().collect())
    }

    /// Buries them under the next ids, if nobody else takes those or buries one of them; says whether that is so.
    async fn try_to_bury(&self, lot: &[&Departed], now: Timestamp) -> Result<bool, StoreError> {
        let before = self.read_highest(keys::TOMBSTONES).await?;
        let tombstone = |id, departed: &Departed| Tombstone { id, departed: departed.clone(), created: now };
        let ids = (1..).map(|offset| before.saturating_add(offset));
        let tombstones: Vec<Tombstone> = ids.zip(lot).map(|(id, departed)| tombstone(id, departed)).collect();
        let last = tombstones.last().map_or(before, |tombstone| tombstone.id);
        let items = tombstones.iter().flat_map(|tombstone| [by_id(tombstone), by_object(tombstone)]);
        let puts = items.map(|item| Change::Put(item, Condition::new(IS_FREE, [])));
        let changes = iter::once(sequence::raise(keys::TOMBSTONES, before, last)).chain(puts).collect();
        match self.table.transact(changes).await {
            Ok(()) => Ok(true),
            Err(NotWritten::Failed(error)) => Err(failed(burying(lot))(error)),
            Err(NotWritten::Cancelled(reasons)) => lost_race(lot, &reasons),
        }
    }

    pub(super) async fn read_tombstones(
        &self,
        after: Pk,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        let action = || format!("reading the tombstones behind {after}");
        let Some(first) = above(Some(after)) else { return Ok(Vec::new()) };
        let Key { pk, sk } = keys::tombstone(first);
        let query = from_sort_key(self.table.query().consistent_read(true), PK, pk, sk);
        let (items, _) = self.table.page(query, limit).await.map_err(failed(action()))?;
        items.iter().map(to_tombstone).collect::<Result<_, Corrupt>>().map_err(corrupt(action()))
    }

    pub(super) async fn read_tombstones_of(
        &self,
        table: &str,
        objects: &[Pk],
    ) -> Result<Vec<Option<Tombstone>>, StoreError> {
        let action = || format!("reading the tombstones of {} objects of {table}", objects.len());
        let departed = objects.iter().map(|object| Departed { table: table.to_owned(), object: *object });
        let departed: Vec<Departed> = departed.collect();
        let keys = departed.iter().map(keys::tombstone_of).collect();
        let items = self.table.get_many(keys).await.map_err(failed(action()))?;
        let items: HashMap<Key, Item> =
            items.into_iter().filter_map(|item| Some((Key::of_item(&item)?, item))).collect();
        let tombstone = |departed: Departed| {
            let item = items.get(&keys::tombstone_of(&departed));
            item.map(|item| to_tombstone_of(departed, item)).transpose()
        };
        departed.into_iter().map(tombstone).collect::<Result<_, Corrupt>>().map_err(corrupt(action()))
    }
}

/// Somebody else was faster, unless it was more than that that kept the transaction from being written.
fn lost_race(lot: &[&Departed], reasons: &[CancellationReason]) -> Result<bool, StoreError> {
    let hindrance = hindrance(reasons).map(|code| ServiceError::answered(TRANSACT_WRITE_ITEMS, code));
    match hindrance {
        Some(error) if error.nature() != Nature::Contended => Err(failed(burying(lot))(error)),
        _ => Ok(false),
    }
}

fn burying(lot: &[&Departed]) -> String {
    format!("burying {} who are gone", lot.len())
}

fn by_id(tombstone: &Tombstone) -> Item {
    let Departed { table, object } = &tombstone.departed;
    let mut item = keys::tombstone(tombstone.id).attributes();
    item.insert(TABLE.to_owned(), AttributeValue::S(table.clone()));
    item.insert(OBJECT.to_owned(), from_number(*object));
    item.insert(CREATED.to_owned(), AttributeValue::S(time(tombstone.created)));
    item
}

fn to_tombstone(item: &Item) -> Result<Tombstone, Corrupt> {
    let departed =
        Departed { table: item::text(item, TABLE)?.to_owned(), object: item::to_number(item, OBJECT)? };
    Ok(Tombstone { id: item::to_pk(item)?, departed, created: item::to_time(item, CREATED)? })
}

fn by_object(tombstone: &Tombstone) -> Item {
    let mut item = keys::tombstone_of(&tombstone.departed).attributes();
    item.insert(ID.to_owned(), from_number(tombstone.id));
    item.insert(CREATED.to_owned(), AttributeValue::S(time(tombstone.created)));
    item
}

fn to_tombstone_of(departed: Departed, item: &Item) -> Result<Tombstone, Corrupt> {
    Ok(Tombstone { id: item::to_number(item, ID)?, departed, created: item::to_time(item, CREATED)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_comes_back_from_either_item() {
        let departed = Departed { table: "auth_user".to_owned(), object: -5 };
        let created = "2026-01-02T12:00:00.123456789Z".parse().expect("a time");
        let tombstone = Tombstone { id: 17, departed: departed.clone(), created };
        assert_eq!(to_tombstone(&by_id(&tombstone)).expect("a tombstone"), tombstone);
        assert_eq!(to_tombstone_of(departed, &by_object(&tombstone)).expect("a tombstone"), tombstone);
    }

    #[test]
    fn only_races_are_run_again() {
        let reasons = |codes: [&str; 2]| codes.map(|code| CancellationReason::builder().code(code).build());
        for lost in [
            ["ConditionalCheckFailed", "None"],
            ["TransactionConflict", "None"],
            ["ConditionalCheckFailed", "TransactionConflict"],
        ] {
            assert!(!lost_race(&[], &reasons(lost)).expect("a race"), "{lost:?}");
        }
        for (code, kind) in
            [("ThrottlingError", StoreErrorKind::Throttled), ("ValidationError", StoreErrorKind::Refused)]
        {
            let error = lost_race(&[], &reasons(["ConditionalCheckFailed", code])).expect_err(code);
            assert_eq!(error.kind, kind, "{code}");
        }
    }
}
