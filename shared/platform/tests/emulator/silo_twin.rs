//! Whatever happens to them, the silo in memory and the one in DynamoDB hold the same and say the same.

use std::collections::BTreeSet;
use std::time::Duration;

use catalog::{Catalog, Model};
use jiff::Timestamp;
use platform::DynamoSilo;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use silo::{
    Conflict, Departed, Departure, MemorySilo, Pass, Pk, Reconcile, Row, Silo, StoreError, Stored, Tombstone,
    Transaction, UniqueKey, Watermark, WatermarkKey, Watermarks, Write, WriteError,
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
    targets: Vec<Vec<(Pk, Option<Pk>)>>,
    holders: Vec<Option<Pk>>,
    departures: BTreeSet<Departure>,
}

async fn everything(silo: &impl Reconcile, model: &Model) -> Everything {
    let rows = silo.page(model, None, 100).await.expect("a page").items;
    let (mut references, mut targets) = (Vec::new(), Vec::new());
    for key in &model.keys {
        targets.push(silo.targets(model, &key.field, None, 100).await.expect("a page").items);
        for target in 1..4 {
            let page = silo.referring(model, &key.field, target, None, 100).await.expect("a page");
            references.push(page.items);
        }
    }
    let uniques: Vec<UniqueKey> =
        rows.iter().flat_map(|stored| UniqueKey::of(model, &stored.row.fields)).collect();
    let holders = silo.holders(&uniques).await.expect("holders");
    let departures = silo.departures(100).await.expect("departures");
    let departures = departures.into_iter().map(|pending| pending.departure).collect();
    Everything { rows, references, targets, holders, departures }
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

/// What is done about tombstones and watermarks.
#[derive(Debug, Clone)]
enum Step {
    Bury(Vec<Departed>),
    /// Moves a watermark from where it was at some step.
    Move {
        from: Option<usize>,
        to: Pk,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let departed = ("[ab]", -1..8_i64).prop_map(|(table, object)| Departed { table, object });
    prop_oneof![
        prop::collection::vec(departed, 0..6).prop_map(Step::Bury),
        (prop::option::of(0..4_usize), -1..3_i64).prop_map(|(from, to)| Step::Move { from, to }),
    ]
}

async fn reconcile_alike(steps: Vec<Step>, memory: MemorySilo, dynamo: DynamoSilo) {
    let (model, field) = ("sentry.organizationmember".to_owned(), "user_id".to_owned());
    let key = WatermarkKey { model, field, pass: Pass::Rows };
    let mut known = vec![Watermark::fresh("fresh")];
    for (position, step) in steps.into_iter().enumerate() {
        match &step {
            Step::Bury(departed) => {
                let now = Timestamp::UNIX_EPOCH + Duration::from_nanos(position as u64);
                memory.bury(departed, now).await.expect("a burial");
                dynamo.bury(departed, now).await.expect("a burial");
            }
            Step::Move { from, to } => {
                let from = from.and_then(|from| known.get(from)).cloned();
                let to = from.as_ref().or(known.first()).expect("one is known").moved_to(*to);
                let moved = memory.move_watermark(&key, from.as_ref(), &to).await.expect("a move");
                assert_eq!(
                    dynamo.move_watermark(&key, from.as_ref(), &to).await.expect("a move"),
                    moved,
                    "{step:?}"
                );
                known.insert(0, to);
            }
        }
        assert_eq!(reconciled(&memory, &key).await, reconciled(&dynamo, &key).await, "after {step:?}");
    }
}

/// All that can be read of tombstones, and a watermark.
async fn reconciled(
    silo: &impl Reconcile,
    key: &WatermarkKey,
) -> (Vec<Tombstone>, Vec<Option<Tombstone>>, Pk, Vec<Option<Watermark>>) {
    let by_id = silo.tombstones(2, 100).await.expect("tombstones");
    let objects: Vec<Pk> = (-1..8).rev().collect();
    let by_object = silo.tombstones_of("a", &objects).await.expect("tombstones");
    let last = silo.last_tombstone().await.expect("an id");
    (by_id, by_object, last, silo.watermarks(std::slice::from_ref(key)).await.expect("a watermark"))
}

#[test]
fn both_silos_agree() {
    let histories = prop::collection::vec(prop::collection::vec(change(), 1..5), 1..12);
    with_twins(&histories, agree);
}

#[test]
fn both_silos_reconcile_alike() {
    with_twins(&prop::collection::vec(step(), 1..12), reconcile_alike);
}

/// Runs histories on two empty silos each, if there is an emulator.
fn with_twins<H: std::fmt::Debug, F: Future<Output = ()>>(
    histories: &impl Strategy<Value = H>,
    run: impl Fn(H, MemorySilo, DynamoSilo) -> F,
) {
    if support::account().is_none() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let result = runner.run(histories, |history| {
        runtime.block_on(async {
            let Some(account) = support::account() else { return };
            let client = aws_sdk_dynamodb::Client::new(&account);
            let table = support::make_table(&client, "CellTable").await;
            let dynamo = DynamoSilo::new(client, table, Catalog::builtin());
            run(history, MemorySilo::new(Catalog::builtin()), dynamo).await;
        });
        Ok(())
    });
    result.expect("both silos agree");
}
