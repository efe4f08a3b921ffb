//! `preprocessing_transfer`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use artifacts::testing::{RAW_DATA, amend, stored};
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::port::ReadRelocations;
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use preprocessing_transfer::PreprocessingTransfer;
use runtime::Handled;
use serde_json::json;
use testkit::{Stage, proven};

async fn stage() -> Stage {
    let stage = Stage::at(OrderedTask::PreprocessingTransfer).await;
    for (pk, name) in [(20, "eve"), (21, "Bob"), (22, "stranger")] {
        stage.put("sentry.user", pk, json!({"username": name, "email": ""}));
    }
    let key = artifact::upload(stage.id);
    let file = stored(&stage.objects, RAW_DATA, (Place::Uploads, &key), b"the pinned version".to_vec());
    stage.objects.insert(Place::Uploads, &key, b"what the customer uploaded later".as_slice());
    amend(&stage.ports.store, stage.id, vec![file], |_| ()).await;
    stage.faults.reset();
    stage
}

async fn run(stage: &Stage) -> Handled {
    let task = PreprocessingTransfer {
        store: Arc::clone(&stage.ports.store),
        objects: Arc::clone(&stage.objects),
        control: Arc::clone(&stage.control),
        seal_key_id: "arn:aws:kms:eu-central-1:111122223333:key/1".to_owned(),
    };
    stage.deliver(&task).await
}

fn artifact_text(stage: &Stage, key: &str) -> String {
    String::from_utf8(stage.objects.content(Place::Artifacts, key).unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn everything_that_validation_needs_is_put_in_place() {
    let end = proven(stage, run).await;
    assert_eq!(end.answer.unwrap().next, Some(OrderedTask::PreprocessingBaselineConfig));

    let stage = stage().await;
    run(&stage).await;
    insta::assert_snapshot!("validation-plan", artifact_text(&stage, &artifact::validation_plan(stage.id)));
    insta::assert_snapshot!("kms-config", artifact_text(&stage, &artifact::kms_config(stage.id)));
    // Of ada, bob and eve, two are here, one of them spelt otherwise.
    assert_eq!(artifact_text(&stage, &artifact::filter_usernames(stage.id)), "Bob\neve\n");
}

#[tokio::test]
async fn the_pinned_version_is_copied_and_the_record_names_the_copy() {
    let stage = stage().await;
    run(&stage).await;
    let file = stage.ports.store.file(stage.id, RAW_DATA).await.unwrap().unwrap();
    assert_eq!((file.place, file.bytes), (Place::Artifacts, 18));
    assert_eq!(file.key, artifact::input(stage.id, RAW_DATA));
    assert_eq!(artifact_text(&stage, &file.key), "the pinned version");
    assert_eq!(file.pinned.unwrap().version, "1");
}

#[tokio::test]
async fn a_file_that_is_in_place_already_stays() {
    let stage = stage().await;
    let key = artifact::input(stage.id, RAW_DATA);
    let file = stored(&stage.objects, RAW_DATA, (Place::Artifacts, &key), b"copied before".to_vec());
    amend(&stage.ports.store, stage.id, vec![file.clone()], |_| ()).await;
    run(&stage).await;
    assert_eq!(stage.ports.store.file(stage.id, RAW_DATA).await.unwrap(), Some(file));
}

#[tokio::test]
async fn nobody_wanted_is_an_empty_list() {
    let stage = stage().await;
    amend(&stage.ports.store, stage.id, vec![], |record| record.want_usernames = Some(vec![])).await;
    run(&stage).await;
    assert_eq!(artifact_text(&stage, &artifact::filter_usernames(stage.id)), "");
}

#[tokio::test]
async fn a_record_that_was_never_scanned_fails() {
    let stage = stage().await;
    amend(&stage.ports.store, stage.id, vec![], |record| record.want_usernames = None).await;
    assert_eq!(run(&stage).await, Handled::Done);
    let code = stage.answer().unwrap().code;
    assert_eq!(code, Some(ErrorCode::PreprocessingTransferFailed));
}
