//! What is asked of DynamoDB by an import of rows, which `cargo test -p platform usage -- --nocapture` prints, and by
//! those who reconcile keys across silos.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use catalog::{Catalog, Model};
use jiff::Timestamp;
use platform::{DynamoSilo, Usage};
use serde_json::json;
use silo::{
    Departed, ImportChunk, ImportKind, Mapped, Pass, Pk, Reconcile, Row, Silo, Transaction, WatermarkKey,
    Watermarks, Write,
};
use uuid::Uuid;

use crate::support;

const ROWS: Pk = 1_000;
/// 49 rows, a unique value of each, and the chunk are 99 items.
const BATCH: usize = 49;

#[tokio::test]
async fn a_thousand_rows_cost_what_they_must() {
    let Some(account) = support::account() else { return };
    let client = aws_sdk_dynamodb::Client::new(&account);
    let table = support::make_table(&client, "CellTable").await;
    let silo = DynamoSilo::new(client, table, Catalog::builtin());
    let model = silo.catalog().find("sentry.project").expect("the catalogue has projects");

    let start = silo.reserve(model, ROWS.unsigned_abs()).await.expect("primary keys");
    let pks: Vec<Pk> = (start..start + ROWS).collect();
    for batch in pks.chunks(BATCH) {
        let insert = |pk: &Pk| {
            let fields = json!({
                "slug": format!("project-{pk}"), "name": format!("Project {pk}"), "forced_color": null, "organization": 1,
                "public": false, "date_added": "2026-01-02T03:04:05.678Z", "status": 0, "first_event": null,
                "template": null, "platform": "python", "flags": "10",
            });
            Write::insert(model, Row::new(*pk, fields.as_object().expect("an object").clone()))
        };
        let mapped = |pk: &Pk| Mapped { source: 1_000_000 + pk, pk: *pk, kind: ImportKind::Inserted };
        let first = batch.first().copied().unwrap_or_default();
        let chunk = ImportChunk {
            import: Uuid::from_u128(1),
            model: model.name.clone(),
            min_ordinal: (first - start + 1).unsigned_abs(),
            mapped: batch.iter().map(mapped).collect(),
            identifiers: batch.iter().map(|pk| (*pk, format!("project-{pk}"))).collect(),
        };
        let transaction = Transaction { writes: batch.iter().map(insert).collect(), chunk: Some(chunk) };
        silo.write(&transaction).await.expect("a batch is written");
    }
    println!(
        "writing {ROWS} rows with one unique value and one key each, {BATCH} to a transaction:\n{}",
        silo.meter()
    );
    let usage = silo.meter().usage();
    let requests = |operation: &str| usage.get(operation).copied().unwrap_or_default().requests;
    assert_eq!(requests("TransactWriteItems"), 21);
    assert_eq!(requests("PutItem"), 4, "one for each block of 256");
    assert_eq!(requests("UpdateItem"), 1);
    let Usage { units, .. } = usage.get("TransactWriteItems").copied().unwrap_or_default();
    let each = units / 1_000.0;
    println!("{each:.2} units for each row in transactions");
}

/// How many bytes DynamoDB answered.
#[derive(Debug, Clone, Default)]
struct Answered(Arc<AtomicUsize>);

impl Intercept for Answered {
    fn name(&self) -> &'static str {
        "Answered"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        self.0.fetch_add(body.len(), Ordering::Relaxed);
        Ok(())
    }
}

async fn fill(silo: &DynamoSilo, model: &Model, pks: &[Pk], note: &str) {
    for batch in pks.chunks(25) {
        let member = |pk: &Pk| {
            let fields = json!({ "organization": pk, "user_id": 7, "token": null, "note": note });
            Write::insert(model, Row::new(*pk, fields.as_object().expect("an object").clone()))
        };
        let transaction = Transaction { writes: batch.iter().map(member).collect(), chunk: None };
        silo.write(&transaction).await.expect("a batch is written");
    }
}

#[tokio::test]
async fn where_keys_lead_is_read_without_the_rows() {
    let Some(account) = support::account() else { return };
    let answered = Answered::default();
    let client = Client::from_conf(Builder::from(&account).interceptor(answered.clone()).build());
    let table = support::make_table(&client, "CellTable").await;
    let silo = DynamoSilo::new(client, table, Catalog::builtin());
    let members = silo.catalog().find("sentry.organizationmember").expect("the catalogue has members");
    fill(&silo, members, &[1, 2, 3, 4, 5], &"x".repeat(100_000)).await;

    let before = answered.0.load(Ordering::Relaxed);
    let page = silo.targets(members, "user_id", None, 100).await.expect("a page");
    assert_eq!(page.items, [1, 2, 3, 4, 5].map(|pk| (pk, Some(7))));
    let targets = answered.0.load(Ordering::Relaxed) - before;
    assert!(targets < 5_000, "{targets} bytes");
    silo.page(members, None, 100).await.expect("a page");
    let rows = answered.0.load(Ordering::Relaxed) - before - targets;
    assert!(rows > 500_000, "{rows} bytes");
}

/// Tells what was asked for since it was asked last, by operation.
struct Asked<'a> {
    silo: &'a DynamoSilo,
    before: BTreeMap<&'static str, Usage>,
}

impl Asked<'_> {
    fn more(&mut self) -> Vec<(&'static str, u64)> {
        let now = self.silo.meter().usage();
        let before = |operation| self.before.get(operation).map_or(0, |usage: &Usage| usage.requests);
        let more = now.iter().map(|(operation, usage)| (*operation, usage.requests - before(*operation)));
        let more = more.filter(|(_, requests)| *requests > 0).collect();
        self.before = now;
        more
    }
}

async fn empty_silo() -> Option<DynamoSilo> {
    let client = Client::new(&support::account()?);
    let table = support::make_table(&client, "CellTable").await;
    Some(DynamoSilo::new(client, table, Catalog::builtin()))
}

#[tokio::test]
async fn a_run_with_nothing_to_do_asks_for_little() {
    let Some(silo) = empty_silo().await else { return };
    let members = silo.catalog().find("sentry.organizationmember").expect("the catalogue has members");
    let keys = |pass| members.keys.iter().map(move |key| WatermarkKey::new(members, key, pass));
    let watermarks: Vec<WatermarkKey> = keys(Pass::Rows).chain(keys(Pass::Tombstones)).collect();
    let mut asked = Asked { silo: &silo, before: silo.meter().usage() };

    silo.departures(100).await.expect("departures");
    assert_eq!(asked.more(), [("Query", 16)], "one for each partition");
    silo.watermarks(&watermarks).await.expect("watermarks");
    assert_eq!(asked.more(), [("BatchGetItem", 1)]);
    silo.highest(members).await.expect("a number");
    silo.last_tombstone().await.expect("a number");
    assert_eq!(asked.more(), [("GetItem", 2)]);
    silo.tombstones(0, 500).await.expect("tombstones");
    silo.open_imports().await.expect("imports");
    silo.targets(members, "user_id", None, 500).await.expect("a page");
    assert_eq!(asked.more(), [("Query", 3)]);
    silo.bury(&[], Timestamp::UNIX_EPOCH).await.expect("a burial");
    assert_eq!(asked.more(), []);
}

#[tokio::test]
async fn a_lot_is_buried_in_one_transaction() {
    let Some(silo) = empty_silo().await else { return };
    let mut asked = Asked { silo: &silo, before: silo.meter().usage() };
    let departed = |object| Departed { table: "auth_user".to_owned(), object };
    let lot: Vec<Departed> = (1..=49).map(departed).collect();
    silo.bury(&lot, Timestamp::UNIX_EPOCH).await.expect("a burial");
    assert_eq!(asked.more(), [("BatchGetItem", 1), ("GetItem", 1), ("TransactWriteItems", 1)]);
    silo.bury(&lot, Timestamp::UNIX_EPOCH).await.expect("a burial");
    assert_eq!(asked.more(), [("BatchGetItem", 1)], "they are buried already");
}

#[tokio::test]
async fn where_keys_lead_is_read_by_block() {
    let Some(silo) = empty_silo().await else { return };
    let members = silo.catalog().find("sentry.organizationmember").expect("the catalogue has members");
    let pks: Vec<Pk> = (200..600).collect();
    fill(&silo, members, &pks, "short").await;
    let mut asked = Asked { silo: &silo, before: silo.meter().usage() };
    let page = silo.targets(members, "user_id", None, 500).await.expect("a page");
    assert_eq!(page.items.len(), 400);
    assert_eq!(asked.more(), [("Query", 4)], "the blocks, and each of the three that there are");
    silo.next_pk(members).await.expect("a primary key");
    assert_eq!(asked.more(), [("GetItem", 2)], "the sequence, and whether there is a row");
}
