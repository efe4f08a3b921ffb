//! `notifying_unhide`, undisturbed and disturbed in every way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use notifying_unhide::NotifyingUnhide;
use pipeline::commit::Actor;
use pipeline::port::CommitRelocations;
use pipeline::task::OrderedTask;
use pipeline::transition::admin;
use runtime::Handled;
use serde_json::json;
use testkit::{BOOKSHOPS, Export, OWNER, Setup, Stage, proven};

async fn stage() -> Stage {
    let slugs = vec!["acme".to_owned(), "umbrella".to_owned()];
    let stage = Stage::with(OrderedTask::NotifyingUnhide, Setup { slugs, ..Setup::default() }).await;
    stage.import(&Export::acme()).await;
    // Neither of these came with the import.
    stage.put("sentry.organization", 100, json!({"name": "ours", "slug": "ours", "status": 3}));
    stage.put("sentry.organization", 101, json!({"name": "gone", "slug": "gone", "status": 1}));
    stage
}

async fn run(stage: &Stage) -> Handled {
    stage.deliver(&NotifyingUnhide { cell: Arc::clone(&stage.cell) }).await
}

async fn statuses(stage: &Stage) -> Vec<(String, i64)> {
    let rows = stage.rows("sentry.organization").await.into_values();
    rows.map(|row| (row["slug"].as_str().unwrap().to_owned(), row["status"].as_i64().unwrap())).collect()
}

#[tokio::test]
async fn what_was_imported_becomes_active_and_nothing_else_changes() {
    let disturbed = proven(stage, run).await;
    assert_eq!(disturbed.answer.unwrap().next, Some(OrderedTask::NotifyingUsers));

    let stage = stage().await;
    let hidden =
        [("acme", 3), ("umbrella", 3), ("ours", 3), ("gone", 1)].map(|(slug, s)| (slug.to_owned(), s));
    assert_eq!(statuses(&stage).await, hidden);
    run(&stage).await;
    let shown =
        [("acme", 0), ("umbrella", 0), ("ours", 3), ("gone", 1)].map(|(slug, s)| (slug.to_owned(), s));
    assert_eq!(statuses(&stage).await, shown);
    assert_eq!(stage.journal().await, [], "what the import brought goes with it, whatever its status");
}

#[tokio::test]
async fn an_aborted_relocation_stays_hidden() {
    let stage = stage().await;
    let relocation = stage.relocation().await;
    let abort = admin::abort(&relocation, Actor::User(OWNER), relocation.date_updated).unwrap();
    stage.ports.store.commit(abort).await.unwrap();
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(statuses(&stage).await[0], ("acme".to_owned(), 3));
}

#[tokio::test]
async fn another_applications_organizations_are_shown_by_its_own_words() {
    let setup = Setup::bookshops();
    let bookshops = async || {
        let stage = Stage::with(OrderedTask::NotifyingUnhide, setup.clone()).await;
        stage.import_file(BOOKSHOPS, silo::Filter::OrganizationSlugs(setup.slugs.clone())).await;
        stage.put("bookshop.shop", 90, json!({"handle": "ours", "name": "ours", "state": "waiting"}));
        stage
    };
    proven(&bookshops, run).await;
    let stage = bookshops().await;
    let states = async || {
        let rows = stage.rows("bookshop.shop").await.into_values();
        rows.map(|row| row["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["waiting", "waiting", "waiting"]);
    run(&stage).await;
    assert_eq!(states().await, ["open", "open", "waiting"]);
}
