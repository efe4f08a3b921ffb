//! Each behaviour of SPEC §10, on the silo in memory and on the one in DynamoDB.

use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, SiloKind};
use deletion::{
    CrossSiloKey, Deleted, DeletionError, PassReport, Reconciled, Reconciler, RowId, Settings, Unwatched,
    delete, look_after,
};
use jiff::Timestamp;
use platform::DynamoSilo;
use serde_json::{Value, json};
use silo::{
    Departed, Departure, Filter, ImportFlags, ImportPlan, MemorySilo, Pass, Pk, PkRange, Reconcile, Row,
    Silo, Silos, Transaction, UniqueKey, Watermark, WatermarkKey, Watermarks, Write,
};
use uuid::Uuid;

use super::support::{account, make_table};

/// A small application: what happens to rows whose user is gone, in every way there is.
const MODELS: &str = r#"
[[model]]
name = "app.user"
silo = "control"
scope = "user"
[model.fields]
name = "text"

[[model]]
name = "app.org"
silo = "cell"
scope = "organization"
unique = [{ fields = ["slug"] }]
[model.fields]
slug = "text"

[[model]]
name = "app.rule"
silo = "cell"
scope = "organization"
[model.fields]
org = "key(app.org) cascade"

[[model]]
name = "app.incident"
silo = "cell"
scope = "organization"
[model.fields]
org  = "key(app.org) cascade"
rule = "key(app.rule) protect"

[[model]]
name = "app.member"
silo = "cell"
scope = "organization"
unique = [{ fields = ["org", "user"] }]
[model.fields]
org  = "key(app.org)? cascade"
user = "cross-silo-key(app.user)? cascade"

[[model]]
name = "app.note"
silo = "cell"
scope = "organization"
[model.fields]
author = "cross-silo-key(app.user)? set-null"
member = "key(app.member)? cascade"
org    = "key(app.org)? set-null"

[[model]]
name = "app.log"
silo = "cell"
scope = "organization"
[model.fields]
user = "cross-silo-key(app.user) do-nothing"
org  = "key(app.org)? do-nothing"

[[model]]
name = "app.seat"
silo = "cell"
scope = "organization"
[model.fields]
user = "cross-silo-key(app.user) protect"

[[model]]
name = "app.replica"
silo = "control"
scope = "user"
[model.fields]
org = "cross-silo-key(app.org) cascade"
"#;

fn catalog() -> Arc<Catalog> {
    Arc::new(Catalog::parse(MODELS).unwrap())
}

async fn in_memory() -> Option<MemorySilo> {
    Some(MemorySilo::new(catalog()))
}

async fn in_dynamodb() -> Option<DynamoSilo> {
    let client = aws_sdk_dynamodb::Client::new(&account()?);
    let table = make_table(&client, "CellTable").await;
    Some(DynamoSilo::new(client, table, catalog()))
}

/// Makes two tests of each case.
macro_rules! on_both_silos {
    ($($case:ident)+) => {
        mod memory { $(#[tokio::test] async fn $case() { super::$case(&super::in_memory().await.unwrap()).await; })+ }
        mod dynamodb {
            $(#[tokio::test] async fn $case() {
                if let Some(silo) = super::in_dynamodb().await {
                    Box::pin(super::$case(&silo)).await;
                }
            })+
        }
    };
}

on_both_silos! {
    rows_go_with_what_depends_on_them
    values_of_rows_that_go_are_free
    rows_that_stay_stand_in_the_way
    rows_that_go_too_stand_in_nobodys_way
    more_than_a_chunk_of_dependents_goes
    a_deletion_that_was_stopped_goes_on
    who_was_given_to_somebody_else_meanwhile_stays
    what_came_too_late_is_looked_after
    nothing_to_do_changes_nothing
    no_tombstone_moves_the_rows_watermark_alone
    a_tombstone_cascades_to_rows_and_their_dependents
    a_tombstone_takes_the_key_away
    a_tombstone_does_nothing_where_the_key_says_so
    what_tombstones_cannot_do_is_refused
    what_is_no_key_across_silos_is_refused
    a_row_that_was_written_after_its_tombstone_is_found
    rows_of_control_are_reconciled_as_those_of_the_cell
    several_models_of_tombstones_are_told_apart
    batches_are_bounded_by_ids
    a_gap_is_skipped
    more_than_a_chunk_keeps_the_watermark
    more_rows_go_before_tombstones
    tombstones_have_to_settle
    an_open_import_bounds_the_rows
    who_is_overtaken_moves_nothing
    a_job_that_was_stopped_keeps_the_watermark
    transaction_ids_are_a_chain
}

fn fields(value: &Value) -> silo::Fields {
    value.as_object().unwrap().clone()
}

async fn put(silo: &impl Silo, model: &str, pk: Pk, value: Value) {
    let model = silo.catalog().find(model).unwrap();
    let writes = vec![Write::insert(model, Row::new(pk, fields(&value)))];
    silo.write(&Transaction { writes, chunk: None }).await.unwrap();
}

async fn row(silo: &impl Silo, model: &str, pk: Pk) -> Option<Value> {
    let model = silo.catalog().find(model).unwrap();
    let found = silo.get(model, &[pk]).await.unwrap().pop().flatten()?;
    Some(Value::Object(found.row.fields.as_ref().clone()))
}

async fn pks(silo: &impl Silo, model: &str) -> Vec<Pk> {
    let rows = super::all_rows(silo, silo.catalog().find(model).unwrap()).await;
    rows.into_iter().map(|row| row.pk).collect()
}

async fn bury(silo: &impl Reconcile, table: &str, object: Pk) {
    silo.bury(&[Departed { table: table.to_owned(), object }], now()).await.unwrap();
}

fn now() -> Timestamp {
    "2026-02-03T04:05:06Z".parse().unwrap()
}

fn settings(batch: u64) -> Settings {
    Settings { batch, settling: Duration::ZERO }
}

async fn job(
    silo: &impl Reconcile,
    model: &str,
    field: &str,
    settings: Settings,
) -> Result<Reconciled, DeletionError> {
    let kind = silo.catalog().find(model).map_or(SiloKind::Cell, |model| model.silo);
    let key = CrossSiloKey::find(silo.catalog(), kind, model, field)?;
    let reconciler = Reconciler { silo, settings, now: now(), fresh: "fresh".to_owned() };
    reconciler.reconcile(key, &mut Unwatched).await
}

async fn run(silo: &impl Reconcile, model: &str, field: &str, batch: u64) -> Reconciled {
    job(silo, model, field, settings(batch)).await.unwrap()
}

/// Runs a job until it has nothing more to do.
async fn settle(silo: &impl Reconcile, model: &str, field: &str) {
    for _ in 0..50 {
        if !run(silo, model, field, 500).await.has_more() {
            return;
        }
    }
    panic!("the job does not come to an end");
}

async fn watermark(silo: &impl Watermarks, model: &str, field: &str, pass: Pass) -> Option<Watermark> {
    let key = WatermarkKey { model: model.to_owned(), field: field.to_owned(), pass };
    silo.watermarks(&[key]).await.unwrap().pop().flatten()
}

async fn value(silo: &impl Watermarks, model: &str, field: &str, pass: Pass) -> Option<Pk> {
    watermark(silo, model, field, pass).await.map(|watermark| watermark.value)
}

fn bounds(pass: &PassReport) -> (Pk, Pk) {
    (pass.low, pass.up)
}

async fn delete_row(silo: &impl Silo, model: &str, pk: Pk) -> Result<Deleted, DeletionError> {
    delete(silo, silo.catalog().find(model).unwrap(), &[pk], &mut Unwatched).await
}

async fn organisation(silo: &impl Silo) {
    put(silo, "app.org", 1, json!({ "slug": "one" })).await;
    put(silo, "app.org", 2, json!({ "slug": "two" })).await;
    put(silo, "app.rule", 1, json!({ "org": 1 })).await;
    put(silo, "app.member", 1, json!({ "org": 1, "user": 1 })).await;
    put(silo, "app.member", 2, json!({ "org": 2, "user": 1 })).await;
    put(silo, "app.note", 1, json!({ "author": null, "member": 1, "org": null })).await;
    put(silo, "app.note", 2, json!({ "author": null, "member": null, "org": 1 })).await;
    put(silo, "app.log", 1, json!({ "user": 1, "org": 1 })).await;
}

// ---- Within a silo -------------------------------------------------------------------------------------

async fn rows_go_with_what_depends_on_them(silo: &impl Reconcile) {
    organisation(silo).await;
    let done = delete_row(silo, "app.org", 1).await.unwrap();
    let deleted: Vec<(&str, u64)> =
        done.deleted.iter().map(|(model, rows)| (model.as_str(), *rows)).collect();
    assert_eq!(deleted, [("app.member", 1), ("app.note", 1), ("app.org", 1), ("app.rule", 1)]);
    assert_eq!((done.keys(), done.was_stopped), (1, false));
    assert_eq!(pks(silo, "app.org").await, [2]);
    assert_eq!(pks(silo, "app.member").await, [2]);
    assert_eq!(pks(silo, "app.rule").await, [0; 0]);
    assert_eq!(row(silo, "app.note", 2).await, Some(json!({ "author": null, "member": null, "org": null })));
    assert_eq!(row(silo, "app.log", 1).await, Some(json!({ "user": 1, "org": 1 })), "nothing is done to it");
    assert_eq!(delete_row(silo, "app.org", 1).await.unwrap(), Deleted::default(), "what is gone");
}

async fn values_of_rows_that_go_are_free(silo: &impl Reconcile) {
    organisation(silo).await;
    let org = silo.catalog().find("app.org").unwrap();
    let slug = UniqueKey::of(org, &fields(&json!({ "slug": "one" })));
    delete_row(silo, "app.org", 1).await.unwrap();
    assert_eq!(silo.holders(&slug).await.unwrap(), [None]);
    put(silo, "app.org", 3, json!({ "slug": "one" })).await;
}

async fn rows_that_stay_stand_in_the_way(silo: &impl Reconcile) {
    organisation(silo).await;
    put(silo, "app.incident", 7, json!({ "org": 2, "rule": 1 })).await;
    let before =
        (pks(silo, "app.member").await, pks(silo, "app.note").await, silo.departures(9).await.unwrap());
    for (model, pk) in [("app.rule", 1), ("app.org", 1)] {
        match delete_row(silo, model, pk).await.unwrap_err() {
            DeletionError::Protected { rows } => {
                assert_eq!(rows, [RowId { model: "app.incident".to_owned(), pk: 7 }]);
            }
            other => panic!("{other}"),
        }
    }
    let after =
        (pks(silo, "app.member").await, pks(silo, "app.note").await, silo.departures(9).await.unwrap());
    assert_eq!(after, before, "nothing is deleted");
}

async fn rows_that_go_too_stand_in_nobodys_way(silo: &impl Reconcile) {
    organisation(silo).await;
    put(silo, "app.incident", 7, json!({ "org": 1, "rule": 1 })).await;
    delete_row(silo, "app.org", 1).await.unwrap();
    assert_eq!(pks(silo, "app.incident").await, [0; 0]);
}

async fn more_than_a_chunk_of_dependents_goes(silo: &impl Reconcile) {
    put(silo, "app.org", 1, json!({ "slug": "one" })).await;
    many(silo, "app.note", 230, |_| json!({ "author": null, "member": null, "org": 1 })).await;
    many(silo, "app.member", 230, |pk| json!({ "org": 1, "user": pk })).await;
    let done = delete_row(silo, "app.org", 1).await.unwrap();
    assert_eq!((done.deleted["app.member"], done.nulled["app.note.org"]), (230, 230));
    assert_eq!(pks(silo, "app.member").await, [0; 0]);
}

/// So many rows, from 1 on.
async fn many(silo: &impl Silo, model: &str, count: Pk, row: impl Fn(Pk) -> Value) {
    let model = silo.catalog().find(model).unwrap();
    let writes = (1..=count).map(|pk| Write::insert(model, Row::new(pk, fields(&row(pk)))));
    for transaction in Transaction::split(silo.catalog(), writes) {
        silo.write(&transaction).await.unwrap();
    }
}

async fn a_deletion_that_was_stopped_goes_on(silo: &impl Reconcile) {
    organisation(silo).await;
    many(silo, "app.incident", 3, |_| json!({ "org": 1, "rule": 1 })).await;
    let org = silo.catalog().find("app.org").unwrap();
    let mut runs = 0;
    loop {
        // Each time a little further.
        runs += 1;
        let mut left = runs * 4;
        let mut watch = || {
            left -= 1;
            left > 0
        };
        let done = delete(silo, org, &[1], &mut watch).await.unwrap();
        if !done.was_stopped {
            break;
        }
        assert!(row(silo, "app.org", 1).await.is_some(), "it goes last");
    }
    assert!(runs > 2, "it was never stopped");
    assert_eq!((pks(silo, "app.org").await, pks(silo, "app.rule").await), (vec![2], vec![]));
}

/// Gives a row to somebody else at a call, counted down.
struct GivesAway<'a, S> {
    silo: &'a S,
    calls_left: usize,
    row: (&'a str, Pk),
    key: &'a str,
    to: Pk,
    has_given: bool,
}

impl<S: Silo> deletion::Watch for GivesAway<'_, S> {
    async fn goes_on(&mut self, _: &Deleted) -> bool {
        let is_time = self.calls_left == 0;
        self.calls_left = self.calls_left.wrapping_sub(1);
        let model = self.silo.catalog().find(self.row.0).unwrap();
        if is_time && let Some(stored) = self.silo.get(model, &[self.row.1]).await.unwrap().pop().flatten() {
            let mut fields = stored.row.fields.as_ref().clone();
            fields.insert(self.key.to_owned(), self.to.into());
            let writes = vec![Write::replace(model, stored, Arc::new(fields))];
            self.silo.write(&Transaction { writes, chunk: None }).await.unwrap();
            self.has_given = true;
        }
        true
    }
}

async fn who_was_given_to_somebody_else_meanwhile_stays(silo: &impl Reconcile) {
    organisation(silo).await;
    let org = silo.catalog().find("app.org").unwrap();
    let key = CrossSiloKey::find(silo.catalog(), SiloKind::Cell, "app.member", "user").unwrap();
    let (mut given, mut gone) = ([0, 0], [0, 0]);
    for (calls_left, pk) in (0..8).zip(10..) {
        put(silo, "app.org", pk, json!({ "slug": pk.to_string() })).await;
        put(silo, "app.rule", pk, json!({ "org": pk })).await;
        put(silo, "app.member", pk, json!({ "org": null, "user": pk })).await;
        let mut watch =
            GivesAway { silo, calls_left, row: ("app.rule", pk), key: "org", to: 2, has_given: false };
        delete(silo, org, &[pk], &mut watch).await.unwrap();
        let left = watch.has_given.then(|| json!({ "org": 2 }));
        assert_eq!(row(silo, "app.rule", pk).await, left, "given away at call {calls_left}");
        assert_eq!(row(silo, "app.org", pk).await, None);
        *if left.is_some() { &mut given[0] } else { &mut gone[0] } += 1;

        bury(silo, "app_user", pk).await;
        let reconciler = Reconciler { silo, settings: settings(500), now: now(), fresh: "fresh".to_owned() };
        let mut watch =
            GivesAway { silo, calls_left, row: ("app.member", pk), key: "user", to: 2, has_given: false };
        while reconciler.reconcile(key, &mut watch).await.unwrap().has_more() {}
        let left = watch.has_given.then(|| json!({ "org": null, "user": 2 }));
        assert_eq!(row(silo, "app.member", pk).await, left, "given away at call {calls_left}");
        *if left.is_some() { &mut given[1] } else { &mut gone[1] } += 1;
    }
    assert!(given.iter().chain(&gone).all(|count| *count > 0), "{given:?} {gone:?}");
}

async fn what_came_too_late_is_looked_after(silo: &impl Reconcile) {
    organisation(silo).await;
    delete_row(silo, "app.org", 1).await.unwrap();
    // As if the index had not shown them.
    put(silo, "app.member", 9, json!({ "org": 1, "user": 3 })).await;
    put(silo, "app.note", 9, json!({ "author": null, "member": 9, "org": null })).await;
    put(silo, "app.note", 8, json!({ "author": null, "member": null, "org": 1 })).await;
    let departed = vec![Departed { table: "app_org".to_owned(), object: 1 }];
    let done = look_after(silo, &Departure { departed }, &mut Unwatched).await.unwrap();
    assert_eq!((done.rows(), done.keys()), (2, 1));
    assert_eq!(pks(silo, "app.member").await, [2]);
    let there = vec![Departed { table: "app_org".to_owned(), object: 2 }];
    let done = look_after(silo, &Departure { departed: there }, &mut Unwatched).await.unwrap();
    assert_eq!(done, Deleted::default(), "who is there is left alone");
}

// ---- Across silos --------------------------------------------------------------------------------------

async fn nothing_to_do_changes_nothing(silo: &impl Reconcile) {
    let done = run(silo, "app.member", "user", 500).await;
    assert!(!done.has_more() && done.tombstones.is_some());
    for pass in [Pass::Rows, Pass::Tombstones] {
        assert_eq!(watermark(silo, "app.member", "user", pass).await, None, "{pass}");
    }
    put(silo, "app.member", 5, json!({ "org": null, "user": 1 })).await;
    bury(silo, "app_user", 2).await;
    settle(silo, "app.member", "user").await;
    let passes = [Pass::Rows, Pass::Tombstones];
    let mut before = Vec::new();
    for pass in passes {
        before.push(watermark(silo, "app.member", "user", pass).await);
    }
    for _ in 0..3 {
        assert_eq!(run(silo, "app.member", "user", 500).await.lag(now()), None);
    }
    for (pass, before) in passes.into_iter().zip(before) {
        assert_eq!(watermark(silo, "app.member", "user", pass).await, before, "{pass}");
    }
}

async fn no_tombstone_moves_the_rows_watermark_alone(silo: &impl Reconcile) {
    put(silo, "app.member", 7, json!({ "org": null, "user": 1 })).await;
    let done = run(silo, "app.member", "user", 500).await;
    assert_eq!(bounds(&done.rows), (6, 7));
    assert_eq!(value(silo, "app.member", "user", Pass::Rows).await, Some(7));
    assert_eq!(value(silo, "app.member", "user", Pass::Tombstones).await, None);
    assert_eq!(pks(silo, "app.member").await, [7]);
}

async fn a_tombstone_cascades_to_rows_and_their_dependents(silo: &impl Reconcile) {
    for (pk, user) in [(1, Some(10)), (2, Some(11)), (3, None)] {
        put(silo, "app.member", pk, json!({ "org": null, "user": user })).await;
        put(silo, "app.note", pk, json!({ "author": 10, "member": pk, "org": null })).await;
    }
    settle(silo, "app.member", "user").await;
    bury(silo, "app_user", 10).await;
    let done = run(silo, "app.member", "user", 500).await;
    let tombstones = done.tombstones.clone().unwrap();
    assert_eq!((tombstones.deleted, tombstones.has_more), (1, true), "what deletes runs again");
    assert_eq!(done.lag(now() + Duration::from_secs(7)), Some(Duration::from_secs(7)));
    assert_eq!(value(silo, "app.member", "user", Pass::Tombstones).await, None, "the watermark stays");
    let done = run(silo, "app.member", "user", 500).await;
    assert!(!done.has_more());
    assert_eq!(value(silo, "app.member", "user", Pass::Tombstones).await, Some(1));
    assert_eq!(pks(silo, "app.member").await, [2, 3]);
    assert_eq!(pks(silo, "app.note").await, [2, 3]);
    assert_eq!(row(silo, "app.note", 2).await.unwrap()["author"], 10, "another key's job");
}

async fn a_tombstone_takes_the_key_away(silo: &impl Reconcile) {
    many(silo, "app.note", 230, |pk| json!({ "author": 10 + pk % 2, "member": null, "org": null })).await;
    settle(silo, "app.note", "author").await;
    bury(silo, "app_user", 10).await;
    let done = run(silo, "app.note", "author", 500).await;
    let tombstones = done.tombstones.unwrap();
    assert_eq!((tombstones.nulled, tombstones.has_more), (115, false));
    assert_eq!(value(silo, "app.note", "author", Pass::Tombstones).await, Some(1));
    assert_eq!(row(silo, "app.note", 2).await.unwrap()["author"], Value::Null);
    assert_eq!(row(silo, "app.note", 3).await.unwrap()["author"], 11);
    assert_eq!(pks(silo, "app.note").await.len(), 230);
}

async fn a_tombstone_does_nothing_where_the_key_says_so(silo: &impl Reconcile) {
    put(silo, "app.log", 1, json!({ "user": 10, "org": null })).await;
    bury(silo, "app_user", 10).await;
    let done = run(silo, "app.log", "user", 500).await;
    assert!(!done.has_more());
    assert_eq!(value(silo, "app.log", "user", Pass::Rows).await, Some(1));
    assert_eq!(value(silo, "app.log", "user", Pass::Tombstones).await, Some(1));
    assert_eq!(row(silo, "app.log", 1).await, Some(json!({ "user": 10, "org": null })));
}

async fn what_tombstones_cannot_do_is_refused(silo: &impl Reconcile) {
    put(silo, "app.seat", 1, json!({ "user": 10 })).await;
    bury(silo, "app_user", 10).await;
    let error = job(silo, "app.seat", "user", settings(500)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "app.seat.user says `protect` of rows whose target is gone, which cannot be done across silos"
    );
    assert!(!error.retryable());
    assert_eq!(pks(silo, "app.seat").await, [1]);
}

async fn what_is_no_key_across_silos_is_refused(silo: &impl Reconcile) {
    for (model, field, says) in [
        ("app.member", "nothing", "app.member has no key across silos in `nothing`"),
        ("app.member", "org", "app.member has no key across silos in `org`"),
        ("app.org", "slug", "app.org has no key across silos in `slug`"),
        ("app.nothing", "user", "no model app.nothing lives in this silo"),
    ] {
        assert_eq!(job(silo, model, field, settings(500)).await.unwrap_err().to_string(), says);
    }
    let error = CrossSiloKey::find(silo.catalog(), SiloKind::Control, "app.member", "user").unwrap_err();
    assert_eq!(error.to_string(), "no model app.member lives in this silo");
}

async fn a_row_that_was_written_after_its_tombstone_is_found(silo: &impl Reconcile) {
    bury(silo, "app_user", 10).await;
    settle(silo, "app.member", "user").await;
    assert_eq!(value(silo, "app.member", "user", Pass::Tombstones).await, Some(1));
    put(silo, "app.member", 1, json!({ "org": null, "user": 10 })).await;
    put(silo, "app.note", 1, json!({ "author": 10, "member": 1, "org": null })).await;
    let done = run(silo, "app.member", "user", 500).await;
    assert_eq!((done.rows.deleted, done.tombstones), (1, None));
    settle(silo, "app.member", "user").await;
    assert_eq!((pks(silo, "app.member").await, pks(silo, "app.note").await), (vec![], vec![]));
}

async fn rows_of_control_are_reconciled_as_those_of_the_cell(silo: &impl Reconcile) {
    put(silo, "app.replica", 1, json!({ "org": 4 })).await;
    put(silo, "app.replica", 2, json!({ "org": 5 })).await;
    bury(silo, "app_org", 5).await;
    settle(silo, "app.replica", "org").await;
    assert_eq!(pks(silo, "app.replica").await, [1]);
}

async fn several_models_of_tombstones_are_told_apart(silo: &impl Reconcile) {
    for pk in 1..=3 {
        put(silo, "app.member", pk, json!({ "org": null, "user": pk })).await;
        put(silo, "app.replica", pk, json!({ "org": pk })).await;
    }
    for (table, object) in [("app_org", 1), ("app_user", 2), ("other_table", 3), ("app_org", 3)] {
        bury(silo, table, object).await;
    }
    settle(silo, "app.member", "user").await;
    settle(silo, "app.replica", "org").await;
    assert_eq!(pks(silo, "app.member").await, [1, 3]);
    assert_eq!(pks(silo, "app.replica").await, [2]);
    for (model, field) in [("app.member", "user"), ("app.replica", "org")] {
        assert_eq!(value(silo, model, field, Pass::Tombstones).await, Some(4), "{model}");
    }
}

async fn batches_are_bounded_by_ids(silo: &impl Reconcile) {
    for pk in [11, 12, 13, 15] {
        put(silo, "app.member", pk, json!({ "org": null, "user": pk })).await;
    }
    for object in 1..=3 {
        bury(silo, "app_user", object).await;
    }
    let expected = [
        (1, vec![(10, 11), (11, 12), (12, 13), (14, 15)], vec![(0, 1), (1, 2), (2, 3)]),
        (2, vec![(10, 12), (12, 14), (14, 15)], vec![(0, 2), (2, 3)]),
        (500, vec![(10, 15)], vec![(0, 3)]),
    ];
    for (batch, rows, tombstones) in expected {
        let (mut row_bounds, mut tombstone_bounds) = (Vec::new(), Vec::new());
        loop {
            let done = run(silo, "app.member", "user", batch).await;
            row_bounds.extend(Some(bounds(&done.rows)).filter(|(low, up)| low < up));
            let pass = done.tombstones.as_ref().map(bounds);
            tombstone_bounds.extend(pass.filter(|(low, up)| low < up));
            if !done.has_more() {
                break;
            }
        }
        assert_eq!((row_bounds, tombstone_bounds), (rows, tombstones), "batch {batch}");
        for pass in [Pass::Rows, Pass::Tombstones] {
            // From the beginning again.
            let key = WatermarkKey { model: "app.member".to_owned(), field: "user".to_owned(), pass };
            let moved = watermark(silo, "app.member", "user", pass).await.unwrap();
            assert!(silo.move_watermark(&key, Some(&moved), &moved.moved_to(0)).await.unwrap());
        }
    }
}

async fn a_gap_is_skipped(silo: &impl Reconcile) {
    for pk in [1, 2, 1_000_000, 1_000_001] {
        put(silo, "app.member", pk, json!({ "org": null, "user": pk })).await;
    }
    let first = run(silo, "app.member", "user", 500).await;
    assert_eq!((bounds(&first.rows), first.rows.has_more), ((0, 500), true));
    let second = run(silo, "app.member", "user", 500).await;
    assert_eq!((bounds(&second.rows), second.rows.has_more), ((999_999, 1_000_001), false));
}

async fn more_than_a_chunk_keeps_the_watermark(silo: &impl Reconcile) {
    many(silo, "app.member", 250, |pk| json!({ "org": pk, "user": 10 })).await;
    settle(silo, "app.member", "user").await;
    bury(silo, "app_user", 10).await;
    let mut deleted = Vec::new();
    loop {
        let done = run(silo, "app.member", "user", 500).await;
        let tombstones = done.tombstones.clone().unwrap();
        deleted.push(tombstones.deleted);
        let moved = value(silo, "app.member", "user", Pass::Tombstones).await;
        assert_eq!(moved.is_some(), !done.has_more());
        if !done.has_more() {
            break;
        }
    }
    assert_eq!(deleted, [100, 100, 50, 0]);
    assert_eq!(pks(silo, "app.member").await, [0; 0]);
}

async fn more_rows_go_before_tombstones(silo: &impl Reconcile) {
    many(silo, "app.member", 3, |pk| json!({ "org": pk, "user": pk })).await;
    bury(silo, "app_user", 9).await;
    let first = run(silo, "app.member", "user", 2).await;
    assert_eq!((first.rows.has_more, first.tombstones), (true, None));
    let second = run(silo, "app.member", "user", 2).await;
    assert_eq!(second.tombstones.as_ref().map(bounds), Some((0, 1)));
}

async fn tombstones_have_to_settle(silo: &impl Reconcile) {
    put(silo, "app.member", 1, json!({ "org": null, "user": 10 })).await;
    let settings = Settings { batch: 500, settling: Duration::from_mins(1) };
    let at = async |seconds| {
        let departed = Departed { table: "app_user".to_owned(), object: seconds };
        let created = now() - Duration::from_secs(seconds.unsigned_abs());
        silo.bury(&[departed], created).await.unwrap();
    };
    job(silo, "app.member", "user", settings).await.unwrap();
    // The second is young, so that the third, which is old, has to wait for it.
    for age in [60, 59, 61] {
        at(age).await;
    }
    let done = job(silo, "app.member", "user", settings).await.unwrap();
    let tombstones = done.tombstones.unwrap();
    assert_eq!((bounds(&tombstones), tombstones.has_more, tombstones.ahead), ((0, 1), false, 2));
}

async fn an_open_import_bounds_the_rows(silo: &impl Reconcile) {
    let ranges = [("app.member".to_owned(), PkRange { start: 4, rows: 3, automatic: 0 })];
    let plan = ImportPlan {
        import: Uuid::from_u128(1),
        scope: catalog::ImportScope::Organization,
        flags: ImportFlags::default(),
        filter: Filter::All,
        source_version: "1".to_owned(),
        now: now(),
        key: [0; 32],
        transaction_items: 99,
        ranges: ranges.into(),
    };
    let silos = Silos { cell: silo, control: silo };
    for pk in [1, 2, 9] {
        put(silo, "app.member", pk, json!({ "org": pk, "user": 10 + pk })).await;
    }
    settle(silo, "app.member", "user").await;
    assert_eq!(value(silo, "app.member", "user", Pass::Rows).await, Some(9));
    silo.record_plan(&plan).await.unwrap();
    silos.open_import(&plan).await.unwrap();
    assert_eq!(value(silo, "app.member", "user", Pass::Rows).await, Some(3));
    bury(silo, "app_user", 15).await;
    settle(silo, "app.member", "user").await;
    assert_eq!(value(silo, "app.member", "user", Pass::Rows).await, Some(3), "bounded from above");
    put(silo, "app.member", 5, json!({ "org": 5, "user": 15 })).await;
    settle(silo, "app.member", "user").await;
    assert!(row(silo, "app.member", 5).await.is_some(), "not yet");
    silos.close_import(plan.import).await.unwrap();
    settle(silo, "app.member", "user").await;
    assert_eq!(value(silo, "app.member", "user", Pass::Rows).await, Some(9));
    assert_eq!(pks(silo, "app.member").await, [1, 2, 9]);
}

async fn who_is_overtaken_moves_nothing(silo: &impl Reconcile) {
    put(silo, "app.member", 1, json!({ "org": null, "user": 1 })).await;
    let key = CrossSiloKey::find(silo.catalog(), SiloKind::Cell, "app.member", "user").unwrap();
    let watermark_key = WatermarkKey::new(key.model, key.key, Pass::Rows);
    let elsewhere = Watermark::fresh("elsewhere").moved_to(0);
    let reconciler = Reconciler { silo, settings: settings(500), now: now(), fresh: "fresh".to_owned() };
    // Whoever watches is asked behind the reading and before the writing.
    struct Overtakes<'a, S>(&'a S, WatermarkKey, Watermark);
    impl<S: Watermarks> deletion::Watch for Overtakes<'_, S> {
        async fn goes_on(&mut self, _: &Deleted) -> bool {
            self.0.move_watermark(&self.1, None, &self.2).await.unwrap_or(false)
        }
    }
    let mut overtakes = Overtakes(silo, watermark_key, elsewhere.clone());
    let done = reconciler.reconcile(key, &mut overtakes).await.unwrap();
    assert!(done.rows.was_overtaken && !done.has_more() && done.tombstones.is_none());
    assert_eq!(watermark(silo, "app.member", "user", Pass::Rows).await, Some(elsewhere));
}

async fn a_job_that_was_stopped_keeps_the_watermark(silo: &impl Reconcile) {
    many(silo, "app.note", 250, |_| json!({ "author": 10, "member": null, "org": null })).await;
    settle(silo, "app.note", "author").await;
    bury(silo, "app_user", 10).await;
    let key = CrossSiloKey::find(silo.catalog(), SiloKind::Cell, "app.note", "author").unwrap();
    let mut nulled = Vec::new();
    loop {
        let reconciler = Reconciler { silo, settings: settings(500), now: now(), fresh: "fresh".to_owned() };
        let mut left = 2;
        let mut watch = || {
            left -= 1;
            left > 0
        };
        let done = reconciler.reconcile(key, &mut watch).await.unwrap();
        nulled.push(done.tombstones.as_ref().map(|pass| pass.nulled));
        if !done.has_more() {
            break;
        }
        assert_eq!(value(silo, "app.note", "author", Pass::Tombstones).await, None);
    }
    assert_eq!(nulled, [Some(100), Some(100), Some(50), Some(0)][..nulled.len()]);
    assert!(super::all_rows(silo, key.model).await.iter().all(|row| row.key("author").is_none()));
}

async fn transaction_ids_are_a_chain(silo: &impl Reconcile) {
    many(silo, "app.member", 3, |pk| json!({ "org": pk, "user": pk })).await;
    // printf fresh | sha1sum, and so on.
    let chain = [
        "67a4c84cb83788005285d9c9e6f6d6c046b4c39e",
        "75099534fea907d58a495f280b442068b40e1463",
        "2edf9e8e3cedb2203b0a95ee8d4ac08dbd586dfa",
    ];
    for (transaction, value) in chain.into_iter().zip(1..) {
        run(silo, "app.member", "user", 1).await;
        let expected = Watermark { value, transaction: transaction.to_owned() };
        assert_eq!(watermark(silo, "app.member", "user", Pass::Rows).await, Some(expected));
    }
}
