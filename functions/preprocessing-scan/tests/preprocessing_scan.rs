//! `preprocessing_scan`: what it takes along, and what it refuses, in its order.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use artifacts::testing::{RAW_DATA, TestKeys, amend, stored};
use catalog::Catalog;
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::event::{Event, Started};
use pipeline::kinds::Notified;
use pipeline::relocation::{Failure, Place};
use pipeline::task::OrderedTask;
use preprocessing_scan::PreprocessingScan;
use rstest::rstest;
use runtime::Handled;
use testkit::{Export, Setup, Stage, proven};

const MEMORY: u64 = 3008 << 20;

/// A relocation that wants these organisations, and this file.
async fn staged(slugs: &[String], tarball: Vec<u8>) -> Stage {
    let setup = Setup { slugs: slugs.to_vec(), ..Setup::default() };
    let stage = Stage::with(OrderedTask::PreprocessingScan, setup).await;
    let place = (Place::Uploads, artifact::upload(stage.id));
    let file = stored(&stage.objects, RAW_DATA, (place.0, &place.1), tarball);
    amend(&stage.ports.store, stage.id, vec![file], |_| ()).await;
    stage.faults.reset();
    stage
}

async fn run_with(stage: &Stage, validation_memory_bytes: u64, keys: TestKeys) -> Handled {
    let task = PreprocessingScan {
        store: Arc::clone(&stage.ports.store),
        objects: Arc::clone(&stage.objects),
        keys,
        catalog: Catalog::builtin(),
        validation_memory_bytes,
    };
    stage.deliver(&task).await
}

async fn run(stage: &Stage) -> Handled {
    run_with(stage, MEMORY, TestKeys::default()).await
}

fn slugs(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn sealed(export: &Export) -> Vec<u8> {
    TestKeys::default().sealed(&export.json())
}

/// So many organisations, `org-1` and on, of which one user is a member.
fn organizations(count: usize) -> Export {
    let export =
        (1..=count).fold(Export::new().user("ada"), |export, n| export.organization(&format!("org-{n}")));
    (1..=count).fold(export, |export, n| export.member(n, 1, "owner"))
}

/// The organisation `acme` with so many members.
fn crowd(count: usize) -> Export {
    let export =
        (1..=count).fold(Export::new().organization("acme"), |export, n| export.user(&format!("user-{n}")));
    (1..=count).fold(export, |export, n| export.member(1, n, "member"))
}

async fn refusal(slugs: &[String], tarball: Vec<u8>) -> Failure {
    let stage = staged(slugs, tarball).await;
    assert_eq!(run(&stage).await, Handled::Done);
    stage.relocation().await.failure_reason.unwrap()
}

#[tokio::test]
async fn the_members_of_the_wanted_organizations_come_along() {
    let stage = async || staged(&slugs(&["umbrella", "acme"]), sealed(&Export::acme())).await;
    let end = proven(stage, run).await;
    assert_eq!(end.answer.unwrap().next, Some(OrderedTask::PreprocessingTransfer));
    assert_eq!(end.notified, Some(Notified::Started));
    assert_eq!(end.events.last(), Some(&Event::Started(Started { users: 3 })));

    for (wanted, usernames) in [("acme", vec!["ada", "bob", "eve"]), ("umbrella", vec!["eve"])] {
        let stage = staged(&slugs(&[wanted]), sealed(&Export::acme())).await;
        run(&stage).await;
        assert_eq!(stage.relocation().await.want_usernames, Some(slugs(&usernames)));
    }
}

#[tokio::test]
async fn usernames_are_sorted() {
    let export = Export::new().organization("acme").user("zoe").user("Bob").user("ada");
    let export = (1..=3).fold(export, |export, n| export.member(1, n, "member"));
    let stage = staged(&slugs(&["acme"]), sealed(&export)).await;
    run(&stage).await;
    assert_eq!(stage.relocation().await.want_usernames, Some(slugs(&["Bob", "ada", "zoe"])));
}

#[tokio::test]
async fn the_limits_are_within_what_is_allowed() {
    let twenty: Vec<String> = (1..=20).map(|n| format!("org-{n}")).collect();
    let stage = staged(&twenty, sealed(&organizations(20))).await;
    run(&stage).await;
    assert_eq!(stage.answer().unwrap().next, Some(OrderedTask::PreprocessingTransfer));

    let stage = staged(&slugs(&["acme"]), sealed(&crowd(2_000))).await;
    run(&stage).await;
    assert_eq!(stage.relocation().await.want_usernames.unwrap().len(), 2_000);
}

/// Each file has the fault of its case and all those of the cases below it, as far as one file can.
#[rstest]
#[case::tarball(b"no tarball".repeat(200), ErrorCode::InvalidTarball)]
#[case::decryption(TestKeys::default().sealed_for_others(b"no json"), ErrorCode::ForeignPublicKey)]
#[case::json(TestKeys::default().sealed(b"no json"), ErrorCode::InvalidJson)]
#[case::json_at_the_end(TestKeys::default().sealed(br#"[{"model": "sentry.option", "pk": 1, "fields": {}}, 7]"#), ErrorCode::InvalidJson)]
#[case::slug(TestKeys::default().sealed(b"[]"), ErrorCode::MalformedSlug)]
#[tokio::test]
async fn the_first_fault_of_a_file_is_its_refusal(#[case] tarball: Vec<u8>, #[case] code: ErrorCode) {
    let failure = refusal(&slugs(&["missing", "-malformed"]), tarball).await;
    assert_eq!(failure.code, code, "{}", failure.detail);
}

#[tokio::test]
async fn a_file_without_users_lacks_those_first() {
    let failure = refusal(&slugs(&["missing"]), sealed(&Export::new().organization("acme"))).await;
    assert_eq!(failure.code, ErrorCode::NoUsers);
}

#[tokio::test]
async fn every_missing_organization_is_named_in_order_before_there_are_too_many() {
    let mut wanted: Vec<String> = (1..=21).map(|n| format!("org-{n}")).collect();
    wanted.extend(slugs(&["zebra", "giraffe", "ORG-1"]));
    let failure = refusal(&wanted, sealed(&organizations(21))).await;
    assert_eq!(failure.code, ErrorCode::MissingOrganizations);
    assert!(failure.detail.ends_with("(`ORG-1`, `giraffe`, `zebra`)"), "{}", failure.detail);
}

#[tokio::test]
async fn a_wanted_slug_that_several_organizations_have_is_refused() {
    let export = || organizations(21).organization("org-2").organization("other").organization("other");
    let wanted: Vec<String> = (1..=21).map(|n| format!("org-{n}")).collect();
    let failure = refusal(&wanted, sealed(&export())).await;
    assert_eq!(failure.code, ErrorCode::AmbiguousOrganizations, "it comes before there are too many");
    assert!(failure.detail.ends_with("(`org-2`)"), "{}", failure.detail);

    let stage = staged(&slugs(&["org-1"]), sealed(&export())).await;
    run(&stage).await;
    assert_eq!(stage.relocation().await.failure_reason, None, "what nobody wants may be as it is");
}

#[tokio::test]
async fn too_many_organizations_come_before_too_many_users() {
    let wanted: Vec<String> = (1..=21).map(|n| format!("org-{n}")).collect();
    let export = (2..=2_001).fold(organizations(21), |export, n| export.user(&format!("user-{n}")));
    let export = (2..=2_001).fold(export, |export, n| export.member(1, n, "member"));
    assert_eq!(refusal(&wanted, sealed(&export)).await.code, ErrorCode::TooManyOrganizations);
}

#[tokio::test]
async fn too_many_members_of_wanted_organizations_are_too_many_users() {
    assert_eq!(refusal(&slugs(&["acme"]), sealed(&crowd(2_001))).await.code, ErrorCode::TooManyUsers);
    let other = crowd(2_001).organization("small").user("ann").member(2, 2_002, "owner");
    let stage = staged(&slugs(&["small"]), sealed(&other)).await;
    run(&stage).await;
    assert_eq!(stage.relocation().await.want_usernames, Some(slugs(&["ann"])));
}

#[tokio::test]
async fn refusals_say_nothing_of_what_rows_say() {
    let row = br#"[{"model": "sentry.user", "pk": "hunter2", "fields": {}}]"#;
    let failure = refusal(&slugs(&["acme"]), TestKeys::default().sealed(row)).await;
    assert!(!failure.detail.contains("hunter2"), "{}", failure.detail);
}

#[tokio::test]
async fn what_a_sandbox_cannot_hold_is_refused_by_name() {
    // 150 MiB, of which the program itself takes its share.
    let memory = 160 << 20;
    let big = (1..=20_000).fold(crowd(3), |export, n| export.user(&format!("nobody-{n}")));
    let stage = staged(&slugs(&["acme"]), sealed(&big)).await;
    run_with(&stage, memory, TestKeys::default()).await;
    let failure = stage.relocation().await.failure_reason.unwrap();
    assert_eq!(failure.code, ErrorCode::TooLargeToValidate);
    assert!(failure.detail.contains("MiB"), "{}", failure.detail);
}

#[tokio::test]
async fn what_nobody_wants_does_not_count() {
    // Enough for the base, all keys, and a few rows; not for the whole file.
    let memory = 175 << 20;
    let big = (1..=20_000).fold(crowd(3), |export, n| export.user(&format!("nobody-{n}")));
    let stage = staged(&slugs(&["acme"]), sealed(&big)).await;
    run_with(&stage, memory, TestKeys::default()).await;
    assert_eq!(stage.answer().unwrap().next, Some(OrderedTask::PreprocessingTransfer));
}

#[tokio::test]
async fn what_no_organization_is_relocated_with_does_not_count() {
    let memory = 175 << 20;
    let mut rows: Vec<serde_json::Value> = serde_json::from_slice(&crowd(3).json()).unwrap();
    let value = "x".repeat(1_000_000);
    rows.extend((1..=20).map(|pk| {
        let fields = serde_json::json!({ "key": format!("option-{pk}"), "value": value });
        serde_json::json!({ "model": "sentry.option", "pk": pk, "fields": fields })
    }));
    let tarball = TestKeys::default().sealed(&serde_json::to_vec(&rows).unwrap());
    let stage = staged(&slugs(&["acme"]), tarball).await;
    run_with(&stage, memory, TestKeys::default()).await;
    assert_eq!(stage.answer().unwrap().next, Some(OrderedTask::PreprocessingTransfer));
}

#[tokio::test]
async fn a_key_service_that_does_not_answer_is_asked_again() {
    let stage = staged(&slugs(&["acme"]), sealed(&Export::acme())).await;
    let keys = TestKeys::default();
    keys.set_unreachable(true);
    assert_eq!(run_with(&stage, MEMORY, keys).await, Handled::Failed);
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(stage.answer().unwrap().next, Some(OrderedTask::PreprocessingTransfer));
}
