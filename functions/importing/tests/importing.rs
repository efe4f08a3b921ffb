//! `importing`, undisturbed and disturbed in every way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use artifacts::testing::TestKeys;
use importing::{Importing, report_key};
use pipeline::code::ErrorCode;
use pipeline::kinds::{Provenance, Status};
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use runtime::Handled;
use serde_json::{Value, json};
use testkit::{Export, Setup, Stage, proven};

async fn stage_of(setup: Setup, export: &Export) -> Stage {
    let raw = TestKeys::default().sealed(&export.json());
    let stage = Stage::with(OrderedTask::Importing, Setup { raw, ..setup }).await;
    stage.put("sentry.user", 20, json!({"username": "ada", "email": "", "is_unclaimed": false}));
    stage.put("sentry.organization", 30, json!({"name": "ours", "slug": "acme", "status": 0}));
    stage
}

async fn stage() -> Stage {
    stage_of(Setup::default(), &Export::acme()).await
}

async fn run(stage: &Stage) -> Handled {
    let task = Importing {
        store: Arc::clone(&stage.ports.store),
        objects: Arc::clone(&stage.objects),
        keys: Arc::new(TestKeys::default()),
        cell: Arc::clone(&stage.cell),
        control: Arc::clone(&stage.control),
        entropy: stage.entropy(),
    };
    stage.deliver(&task).await
}

/// The named rows of a model, with what a test asks about them.
async fn named(stage: &Stage, model: &str, name: &str, field: &str) -> Vec<(String, Value)> {
    let rows = stage.rows(model).await.into_values();
    rows.map(|row| (row[name].as_str().unwrap().to_owned(), row.get(field).cloned().unwrap_or_default()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wanted_is_imported_once() {
    let disturbed = proven(stage, run).await;
    assert_eq!(disturbed.answer.unwrap().next, Some(OrderedTask::Postprocessing));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_hosted_export_is_hidden_and_merges_nobody() {
    let stage = stage().await;
    run(&stage).await;
    let organizations = named(&stage, "sentry.organization", "slug", "status").await;
    let [(ours, active), (theirs, hidden)] = organizations.as_slice() else { panic!("{organizations:?}") };
    assert_eq!((ours.as_str(), active), ("acme", &json!(0)));
    assert!(theirs.starts_with("acme-") && *hidden == json!(3), "{theirs} {hidden}");
    let users: Vec<_> = named(&stage, "sentry.user", "username", "is_unclaimed").await;
    let users: Vec<_> = users.iter().map(|(name, _)| name.as_str()).collect();
    let [_, "ada", new_ada, "bob", "eve"] = users.as_slice() else { panic!("{users:?}") };
    assert!(new_ada.starts_with("ada-"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_another_cell_merges_users() {
    let setup = Setup { provenance: Provenance::SaasToSaas, ..Setup::default() };
    let stage = stage_of(setup, &Export::acme()).await;
    run(&stage).await;
    let users: Vec<_> = named(&stage, "sentry.user", "username", "is_unclaimed").await;
    assert_eq!(users.len(), 4, "the owner, ada, bob and eve");
    assert_eq!(users[1], ("ada".to_owned(), json!(false)), "who was here is not touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_what_became_of_the_rows() {
    let stage = stage().await;
    run(&stage).await;
    let report = stage.objects.content(Place::Artifacts, &report_key(stage.id)).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(
        report["models"]["sentry.organization"],
        json!({
            "in_file": 2, "inserted": 1, "existing": 0, "overwritten": 0, "existing_own": 0, "overwritten_own": 0,
            "renamed": 1, "out_of_scope": 0, "filtered": 1, "dropped": 0,
        })
    );
    assert_eq!(report["renamed"][0]["from"], "acme");
    assert_eq!(report_key(stage.id), format!("runs/{}/out/import-report.json", stage.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_imported_fails_the_relocation_and_names_itself() {
    let export = Export::acme().user("").member(1, 4, "member");
    let stage = stage_of(Setup::default(), &export).await;
    assert_eq!(run(&stage).await, Handled::Done);
    let relocation = stage.relocation().await;
    let failure = relocation.failure_reason.unwrap();
    assert_eq!((relocation.status, failure.code), (Status::Failure, ErrorCode::ImportRejected));
    assert!(failure.detail.contains("sentry.user row 4 (primary key 4)"), "{}", failure.detail);
}
