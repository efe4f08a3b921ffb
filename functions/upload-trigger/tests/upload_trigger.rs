//! What S3's events come to, in every order and number.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Dispatch};
use pipeline::ids::Generation;
use pipeline::kinds::Status;
use pipeline::memory::When;
use pipeline::port::{Clock, CommitError, CommitRelocations};
use pipeline::transition::admin;
use rstest::rstest;
use serde_json::json;
use testkit::{Log, OWNER, Setup, Stage};
use upload_trigger::{ObjectCreated, UploadTrigger};

fn event(key: &str, size: u64) -> ObjectCreated {
    let event = json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3",
        "detail": {
            "version": "0", "bucket": {"name": "uploads"}, "reason": "CompleteMultipartUpload",
            "object": {"key": key, "size": size, "etag": "e", "version-id": "v", "sequencer": "0"},
        },
    });
    serde_json::from_value(event).unwrap()
}

async fn handle(stage: &Stage, key: &str, size: u64) -> Result<(), CommitError> {
    let trigger =
        UploadTrigger { store: Arc::clone(&stage.ports.store), clock: Box::new(stage.clock.clone()) };
    trigger.handle(&event(key, size)).await
}

fn key(stage: &Stage) -> String {
    pipeline::artifact::upload(stage.id)
}

fn runs(stage: &Stage) -> usize {
    let outbox = stage.ports.store.outbox();
    outbox.iter().filter(|entry| matches!(entry.dispatch, Dispatch::StartRun(_))).count()
}

#[tokio::test]
async fn an_upload_starts_one_run_however_often_it_is_told() {
    let stage = Stage::awaiting_upload(Setup::default()).await;
    for _ in 0..3 {
        handle(&stage, &key(&stage), 1).await.unwrap();
    }
    assert_eq!(runs(&stage), 1);
    assert_eq!(stage.relocation().await.generation, Generation(1));
}

#[tokio::test]
async fn a_file_of_another_size_fails_the_relocation() {
    let stage = Stage::awaiting_upload(Setup::default()).await;
    handle(&stage, &key(&stage), 2).await.unwrap();
    let relocation = stage.relocation().await;
    assert_eq!(relocation.failure_reason.unwrap().code, ErrorCode::UploadIncomplete);
    assert_eq!(stage.ports.store.lock_of(OWNER), None);
    // A second look does not find it better.
    handle(&stage, &key(&stage), 1).await.unwrap();
    assert_eq!(stage.relocation().await.status, Status::Failure);
}

#[rstest]
#[case::another_name("uploads/5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90/other.tar")]
#[case::nobodys("uploads/00000000-0000-0000-0000-000000000000/raw-relocation-data.tar")]
#[case::a_way_up("uploads/../5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90/raw-relocation-data.tar")]
#[case::an_artifact("runs/5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90/in/raw-relocation-data.tar")]
#[case::no_key("")]
#[tokio::test]
async fn what_is_no_upload_of_ours_is_dropped(#[case] key: &str) {
    let stage = Stage::awaiting_upload(Setup::default()).await;
    handle(&stage, key, 1).await.unwrap();
    assert_eq!(runs(&stage), 0);
}

#[tokio::test]
async fn an_upload_that_was_given_up_starts_nothing() {
    let stage = Stage::awaiting_upload(Setup::default()).await;
    let relocation = stage.relocation().await;
    let abandon = admin::abandon_upload(&relocation, Actor::User(OWNER), stage.clock.now()).unwrap();
    stage.ports.store.commit(abandon).await.unwrap();
    handle(&stage, &key(&stage), 1).await.unwrap();
    assert_eq!(runs(&stage), 0);
}

#[tokio::test]
async fn it_can_be_killed_anywhere() {
    for when in [When::Before, When::After] {
        for call in 1..=3 {
            let stage = Stage::awaiting_upload(Setup::default()).await;
            stage.faults.fail_call(call, when);
            assert!(handle(&stage, &key(&stage), 1).await.is_err(), "{when:?} call {call}");
            handle(&stage, &key(&stage), 1).await.unwrap();
            assert_eq!(runs(&stage), 1, "{when:?} call {call}");
        }
    }
}

/// S3's events do not say how often they were delivered, so that no line has an attempt.
#[tokio::test]
async fn its_lines_belong_to_the_run_that_the_upload_begins() {
    let stage = Stage::awaiting_upload(Setup::default()).await;
    let log = Log::new();
    handle(&stage, &key(&stage), 1).await.unwrap();
    log.assert_about(stage.relocation().await.trace(), "upload-trigger", None);
}
