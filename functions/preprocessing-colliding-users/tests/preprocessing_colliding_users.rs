//! `preprocessing_colliding_users`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use artifacts::testing::TestKeys;
use pipeline::artifact;
use pipeline::kinds::FileKind;
use pipeline::port::ReadRelocations;
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use preprocessing_colliding_users::PreprocessingCollidingUsers;
use runtime::Handled;
use serde_json::{Value, json};
use testkit::{Stage, proven};

const KIND: FileKind = FileKind::CollidingUsersValidationData;

async fn stage_with(list: &'static str) -> Stage {
    let stage = Stage::at(OrderedTask::PreprocessingCollidingUsers).await;
    for (pk, name) in [(20, "eve"), (21, "stranger")] {
        stage.put("sentry.user", pk, json!({"username": name, "email": format!("{name}@example.com")}));
        let email = json!({"user": pk, "email": format!("{name}@example.com"), "is_verified": true});
        stage.put("sentry.useremail", pk, email);
    }
    stage.put("sentry.option", 30, json!({"key": "mail.from", "value": "a"}));
    stage.objects.insert(Place::Artifacts, &artifact::filter_usernames(stage.id), list);
    stage
}

async fn run(stage: &Stage) -> Handled {
    let scratch = tempfile::tempdir().unwrap();
    let task = PreprocessingCollidingUsers {
        objects: Arc::clone(&stage.objects),
        keys: TestKeys::default(),
        cell: Arc::clone(&stage.cell),
        control: Arc::clone(&stage.control),
        entropy: stage.entropy(),
        scratch: scratch.path().to_owned(),
    };
    stage.deliver(&task).await
}

fn exported(stage: &Stage) -> Vec<Value> {
    let tarball = stage.objects.content(Place::Artifacts, &artifact::input(stage.id, KIND)).unwrap();
    serde_json::from_slice(&TestKeys::default().unsealed(&tarball)).unwrap()
}

#[tokio::test]
async fn the_users_on_the_list_are_exported_and_recorded() {
    let stage = async || stage_with("eve\n").await;
    let end = proven(stage, run).await;
    assert_eq!(end.answer.unwrap().next, Some(OrderedTask::PreprocessingComplete));

    let stage = stage().await;
    run(&stage).await;
    let rows = exported(&stage);
    let found: Vec<(&str, &Value)> =
        rows.iter().map(|row| (row["model"].as_str().unwrap(), &row["pk"])).collect();
    assert_eq!(found, [("sentry.user", &json!(20)), ("sentry.useremail", &json!(20))]);
    let file = stage.ports.store.file(stage.id, KIND).await.unwrap().unwrap();
    assert_eq!((file.place, file.key), (Place::Artifacts, artifact::input(stage.id, KIND)));
}

#[tokio::test]
async fn nobody_on_the_list_is_an_export_of_nothing() {
    let stage = stage_with("").await;
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(exported(&stage), Vec::<Value>::new());
}

#[tokio::test]
async fn a_list_that_is_not_there_yet_is_waited_for() {
    let stage = Stage::at(OrderedTask::PreprocessingCollidingUsers).await;
    assert_eq!(run(&stage).await, Handled::Failed);
    assert_eq!(stage.answer(), None);
}
