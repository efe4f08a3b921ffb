//! Whatever happens to them, the silo in memory and the one in DynamoDB hold the same and say the same.

use catalog::{Catalog, Model};
use platform::DynamoSilo;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use silo::{
    Conflict, MemorySilo, Pk, Row, Silo, StoreError, Stored, Transaction, UniqueKey, Write, WriteError,
};

use crate::support;

/// A change to a member, as far as it can be said without knowing what is there.
#[derive(Debug, Clone)]
struct Change {
    pk: Pk,
    fields: Value,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Insert,
    /// Replaces the row as it was when the test first saw it, or as it is.
    Replace {
        stale: bool,
    },
    /// Deletes it, likewise.
    Delete {
        stale: bool,
    },
}

fn change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![
        3 => Just(Kind::Insert),
        3 => Just(Kind::Replace { stale: false }),
        1 => Just(Kind::Replace { stale: true }),
        1 => Just(Kind::Delete { stale: false }),
        1 => Just(Kind::Delete { stale: true }),
    ];
    let key = || prop_oneof![1 => Just(Value::Null), 3 => (1..4_i64).prop_map(|key| json!(key))];
    let token = prop_oneof![2 => Just(Value::Null), 1 => "[ab]".prop_map(Value::String)];
    // On both sides of a block's border.
    (250..262_i64, key(), key(), token, kind).prop_map(|(pk, user, inviter, token, kind)| Change {
        pk,
        fields: json!({ "organization": 1, "user_id": user, "inviter_id": inviter, "token": token, "n": 1.50 }),
        kind,
    })
}

/// What became of a transaction, comparable.
#[derive(Debug, PartialEq)]
enum Answer {
    Written,
    Conflict(Conflict),
    TooLarge(usize),
    Failed(silo::StoreErrorKind),
}

fn answer(written: Result<(), WriteError>) -> Answer {
    match written {
        Ok(()) => Answer::Written,
        Err(WriteError::Conflict(mut conflict)) => {
            conflict.taken.sort_by_key(|taken| (taken.write, taken.set));
            conflict.changed.sort_unstable();
            Answer::Conflict(conflict)
        }
        Err(WriteError::RowTooLarge { write }) => Answer::TooLarge(write),
        Err(WriteError::Store(StoreError { kind, .. })) => Answer::Failed(kind),
    }
}

async fn transaction(
    silo: &impl Silo,
    model: &Model,
    changes: &[Change],
    first_seen: &[Stored],
) -> Transaction {
    let mut writes = Vec::new();
    for change in changes {
        let row = Row::new(change.pk, change.fields.as_object().cloned().unwrap_or_default());
        let now = silo.get(model, &[change.pk]).await.expect("a read").remove(0);
        let before = match change.kind {
            Kind::Insert => None,
            Kind::Replace { stale: false } | Kind::Delete { stale: false } => now,
            Kind::Replace { stale: true } | Kind::Delete { stale: true } => {
                first_seen.iter().find(|stored| stored.row.pk == change.pk).cloned()
            }
        };
        writes.push(match before {
            None => Write::insert(model, row),
            Some(before) if matches!(change.kind, Kind::Delete { .. }) => Write::delete(model, before),
            Some(before) => Write::replace(model, before, row.fields),
        });
    }
    Transaction { writes, chunk: None }
}

/// All that can be read of a model.
#[derive(Debug, PartialEq)]
struct Everything {
    rows: Vec<Stored>,
    references: Vec<Vec<Pk>>,
    holders: Vec<Option<Pk>>,
}

async fn everything(silo: &impl Silo, model: &Model) -> Everything {
    let rows = silo.page(model, None, 100).await.expect("a page").items;
    let mut references = Vec::new();
    for key in &model.keys {
        for target in 1..4 {
            let page = silo.referring(model, &key.field, target, None, 100).await.expect("a page");
            references.push(page.items);
        }
    }
    let uniques: Vec<UniqueKey> =
        rows.iter().flat_map(|stored| UniqueKey::of(model, &stored.row.fields)).collect();
    let holders = silo.holders(&uniques).await.expect("holders");
    Everything { rows, references, holders }
}

async fn agree(transactions: Vec<Vec<Change>>, memory: MemorySilo, dynamo: DynamoSilo) {
    let model = memory.catalog().find("sentry.organizationmember").expect("the catalogue has members");
    let mut first_seen: Vec<Stored> = Vec::new();
    for changes in transactions {
        let batch = transaction(&memory, model, &changes, &first_seen).await;
        assert_eq!(answer(memory.write(&batch).await), answer(dynamo.write(&batch).await), "{batch:?}");
        let rows = memory.page(model, None, 100).await.expect("a page").items;
        for stored in &rows {
            if first_seen.iter().all(|seen| seen.row.pk != stored.row.pk) {
                first_seen.push(stored.clone());
            }
        }
        assert_eq!(everything(&memory, model).await, everything(&dynamo, model).await, "after {batch:?}");
    }
}

#[test]
fn both_silos_agree() {
    if support::account().is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let histories = prop::collection::vec(prop::collection::vec(change(), 1..5), 1..12);
    let result = runner.run(&histories, |transactions| {
        runtime.block_on(async {
            let Some(account) = support::account() else { return };
            let client = aws_sdk_dynamodb::Client::new(&account);
            let table = support::make_table(&client, "CellTable").await;
            let dynamo = DynamoSilo::new(client, table, Catalog::builtin());
            agree(transactions, MemorySilo::new(Catalog::builtin()), dynamo).await;
        });
        Ok(())
    });
    result.expect("both silos agree");
}
