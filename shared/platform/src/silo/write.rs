//! Writing a transaction, and learning from DynamoDB's answer what stood in its way.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use catalog::{Model, ModelId};
use futures::future::try_join_all;
use silo::{
    Conflict, Departure, JournalEntry, Pk, StoreError, StoreErrorKind, Stored, Taken, Transaction, UniqueKey,
    Write, WriteError,
};

use super::departure::from_departure;
use super::import::record;
use super::item::{self, HOLDER};
use super::journal;
use super::{DynamoSilo, corrupt, failed, sequence};
use crate::ServiceError;
use crate::keys;
use crate::table::{
    Change, Condition, IS_FREE, NotWritten, TRANSACT_WRITE_ITEMS, condition_failed, hindrance,
};

/// What a change of the store stands for in the transaction.
enum Part {
    /// A row, by the position of its write.
    Row(usize),
    /// A unique value that the row of a write takes.
    Take(usize, UniqueKey),
    /// A unique value that the row of a write gives up.
    Free(usize, UniqueKey),
    /// What a journal tells of a write. It depends on nothing, so that it never fails.
    Entry,
    /// Who goes. It depends on nothing either.
    Departure,
    /// The sequence that rows of a model take their primary keys from.
    Sequence(ModelId),
    /// The chunk.
    Chunk,
}

impl DynamoSilo {
    pub(super) async fn write_transaction(&self, transaction: &Transaction) -> Result<(), WriteError> {
        let (parts, changes): (Vec<Part>, Vec<Change>) = self.changes(transaction)?.into_iter().unzip();
        if changes.is_empty() {
            return Ok(());
        }
        self.list_blocks(transaction).await?;
        match self.table.transact(changes).await {
            Ok(()) => Ok(()),
            Err(NotWritten::Failed(error)) => Err(failed(action(transaction))(error).into()),
            Err(NotWritten::Cancelled(reasons)) => Err(self.cancelled(transaction, &parts, &reasons)),
        }
    }

    fn changes(&self, transaction: &Transaction) -> Result<Vec<(Part, Change)>, WriteError> {
        if transaction.contradicts_itself() {
            let action = format!("{}, which has a row or unique value twice,", action(transaction));
            return Err(StoreError::new(StoreErrorKind::Refused, action).into());
        }
        let mut changes = Vec::new();
        for (position, write) in transaction.writes.iter().enumerate() {
            changes.extend(self.changes_of(position, write)?);
        }
        if let Some(departure) = Departure::by(&self.catalog, transaction) {
            let item = from_departure(&departure).map_err(corrupt(action(transaction)))?;
            changes.push((Part::Departure, Change::Set(item)));
        }
        for (model, (first, last)) in transaction.numbered() {
            let raise = sequence::raise(&self.catalog.model(model).name, first - 1, last);
            changes.push((Part::Sequence(model), raise));
        }
        if let Some(chunk) = &transaction.chunk {
            let key = keys::chunk(chunk.import, &chunk.position());
            let item = record(action(transaction), key, chunk)?;
            changes.push((Part::Chunk, Change::Put(item, Condition::new(IS_FREE, []))));
        }
        without_needless_frees(&mut changes);
        Ok(changes)
    }

    fn changes_of(&self, position: usize, write: &Write) -> Result<Vec<(Part, Change)>, WriteError> {
        let model = self.catalog.model(write.model());
        let row = write.row();
        if row.pk < 0 {
            let action = format!("writing {} {}: primary keys are not negative", model.name, row.pk);
            return Err(StoreError::new(StoreErrorKind::Refused, action).into());
        }
        let (condition, given_up) = match write.before() {
            None => (Condition::new(IS_FREE, []), Vec::new()),
            Some(before) => (is_still(before), UniqueKey::of(model, &before.row.fields)),
        };
        let change = if write.deletes() {
            Change::Delete(keys::row(&model.name, row.pk), condition)
        } else {
            let item = item::from_row(model, row, write.revision());
            Change::Put(item.ok_or(WriteError::RowTooLarge { write: position })?, condition)
        };
        let mut changes = vec![(Part::Row(position), change)];
        let taken = write.takes();
        for key in taken.iter().filter(|key| !given_up.contains(key)) {
            let change = Change::Put(item::from_unique(self.unique(key), row.pk), is_free_or_held_by(row.pk));
            changes.push((Part::Take(position, key.clone()), change));
        }
        for key in given_up.iter().filter(|key| !taken.contains(key)) {
            let change = Change::Delete(self.unique(key), is_free_or_held_by(row.pk));
            changes.push((Part::Free(position, key.clone()), change));
        }
        if let Some(entry) = JournalEntry::of(&self.catalog, write) {
            let item = journal::from_entry(&entry).ok_or(WriteError::RowTooLarge { write: position })?;
            changes.push((Part::Entry, Change::Set(item)));
        }
        Ok(changes)
    }

    /// Makes the blocks of new rows known before there is a row in them, so that paging finds it. They are not
    /// part of the transaction: transactions of one import share them.
    async fn list_blocks(&self, transaction: &Transaction) -> Result<(), StoreError> {
        let inserted = transaction.writes.iter().filter(|write| write.before().is_none());
        let blocks: HashSet<_> =
            inserted.map(|write| (write.model(), keys::block_of(write.row().pk))).collect();
        let listings = blocks.into_iter().map(async |(model, block)| {
            let key = keys::block(&self.catalog.model(model).name, block);
            self.listing((model, block)).get_or_try_init(|| self.table.put(key.attributes())).await.copied()
        });
        try_join_all(listings).await.map(drop).map_err(failed("listing the blocks of new rows"))
    }

    /// What a cancelled transaction failed of. What is no condition comes first, such as contention.
    fn cancelled(
        &self,
        transaction: &Transaction,
        parts: &[Part],
        reasons: &[CancellationReason],
    ) -> WriteError {
        if let Some(code) = hindrance(reasons) {
            return failed(action(transaction))(ServiceError::answered(TRANSACT_WRITE_ITEMS, code)).into();
        }
        let mut conflict = Conflict::default();
        for (part, reason) in parts.iter().zip(reasons) {
            if condition_failed(reason)
                && let Err(error) = self.learn(&mut conflict, part, reason)
            {
                return error.into();
            }
        }
        if conflict.is_empty() {
            let error = ServiceError::answered(TRANSACT_WRITE_ITEMS, "TransactionCanceledException");
            return failed(action(transaction))(error).into();
        }
        WriteError::Conflict(conflict)
    }

    fn learn(
        &self,
        conflict: &mut Conflict,
        part: &Part,
        reason: &CancellationReason,
    ) -> Result<(), StoreError> {
        match part {
            Part::Row(position) => conflict.changed.push(*position),
            Part::Chunk => conflict.chunk_exists = true,
            Part::Sequence(model) => conflict.outnumbered.push(*model),
            Part::Entry | Part::Departure => {}
            Part::Take(position, key) => {
                let action = || format!("reading who has {}", self.describe(key));
                let held = reason.item.clone().unwrap_or_default();
                let holder = item::to_number(&held, HOLDER).map_err(corrupt(action()))?;
                conflict.taken.push(Taken { write: *position, model: key.model, set: key.set, holder });
            }
            // A row that is not as it was read may have lost the value; its own part came before.
            Part::Free(position, _) if conflict.changed.contains(position) => {}
            Part::Free(_, key) => {
                let action = format!("freeing {}, which another row holds too,", self.describe(key));
                return Err(StoreError::new(StoreErrorKind::Corrupt, action));
            }
        }
        Ok(())
    }

    fn describe(&self, key: &UniqueKey) -> String {
        let model: &Model = self.catalog.model(key.model);
        let set = model.uniques.get(key.set).map(catalog::UniqueSet::name).unwrap_or_default();
        format!("a value of {set} in {}", model.name)
    }
}

fn action(transaction: &Transaction) -> String {
    format!("writing a transaction of {} rows", transaction.writes.len())
}

/// The row is as it was read. One that others wrote has no revision.
fn is_still(before: &Stored) -> Condition {
    let revision = AttributeValue::N(before.revision.to_string());
    let expression = match before.revision {
        0 => "attribute_exists(pk) AND (attribute_not_exists(revision) OR revision = :revision)",
        _ => "revision = :revision",
    };
    Condition::new(expression, [(":revision", revision)])
}

fn is_free_or_held_by(pk: Pk) -> Condition {
    let holder = AttributeValue::N(pk.to_string());
    Condition::new("attribute_not_exists(pk) OR holder = :holder", [(":holder", holder)])
}

/// A value that one row gives up and another takes is left to the taking, which fails and names the holder:
/// DynamoDB allows one change of an item, and so do we.
fn without_needless_frees(changes: &mut Vec<(Part, Change)>) {
    let taken = |part: &Part| if let Part::Take(_, key) = part { Some(key.clone()) } else { None };
    let taken: HashSet<UniqueKey> = changes.iter().filter_map(|(part, _)| taken(part)).collect();
    changes.retain(|(part, _)| !matches!(part, Part::Free(_, key) if taken.contains(key)));
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    use aws_sdk_dynamodb::{Client, Config};
    use catalog::Catalog;
    use serde_json::{Value, json};
    use silo::{Fields, ImportChunk, Row};
    use uuid::Uuid;

    use super::*;

    fn fields(value: &Value) -> Fields {
        value.as_object().expect("an object").clone()
    }

    fn user(name: &str, pk: Pk) -> Stored {
        Stored { row: Row::new(pk, fields(&json!({ "username": name }))), revision: 1 }
    }

    /// Makes no request.
    fn silo() -> DynamoSilo {
        let config = Config::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
        DynamoSilo::new(Client::from_conf(config), "Table", Catalog::builtin())
    }

    #[test]
    fn a_transaction_changes_as_many_items_as_it_says() {
        let (silo, import) = (silo(), Uuid::from_u128(7));
        let model = |name| silo.catalog.find(name).expect("the catalogue has it");
        let (users, organizations) = (model("sentry.user"), model("sentry.organization"));
        let organization = |pk, slug| Row::new(pk, fields(&json!({ "slug": slug })));
        let chunk = ImportChunk {
            import,
            model: users.name.clone(),
            min_ordinal: 1,
            mapped: Vec::new(),
            identifiers: Default::default(),
        };
        let writes = vec![
            Write::insert(organizations, organization(1, "given")).journaled(import),
            Write::insert_next(organizations, organization(2, "next")),
            Write::insert_next(organizations, organization(3, "next but one")),
            Write::delete(users, user("ada", 4)),
            Write::delete(users, user("bob", 5)),
            Write::delete(users, user("eve", 6)).untold(),
            Write::insert_next(users, user("ada", 7).row),
            Write::replace(users, user("dan", 8), fields(&json!({ "username": "don" }))).journaled(import),
        ];
        let whole = Transaction { writes, chunk: Some(chunk) };
        let parts = (0..whole.writes.len()).map(|write| {
            let writes = whole.writes.get(write).cloned().into_iter().collect();
            Transaction { writes, chunk: None }
        });
        for transaction in parts.chain([whole.clone(), Transaction::default()]) {
            let changes = silo.changes(&transaction).expect("changes");
            assert_eq!(changes.len(), transaction.items(&silo.catalog), "{transaction:?}");
        }
        // Rows, unique values (one goes from a user to another), entries of the journal, sequences, who goes, the chunk.
        assert_eq!(whole.items(&silo.catalog), 8 + 8 + 2 + 2 + 1 + 1);
    }
}
