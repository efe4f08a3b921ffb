//! `uploading_complete`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use artifacts::testing::{RAW_DATA, amend};
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::port::ReadRelocations;
use pipeline::relocation::{Place, RelocationFile};
use pipeline::task::OrderedTask;
use runtime::Handled;
use testkit::{Stage, proven};
use uploading_complete::UploadingComplete;

/// A relocation whose upload was declared with so many bytes.
async fn declared(bytes: u64) -> Stage {
    let stage = Stage::at(OrderedTask::UploadingComplete).await;
    let key = artifact::upload(stage.id);
    let (place, pinned, upload) = (Place::Uploads, None, None);
    let file = RelocationFile { kind: RAW_DATA, place, key, bytes, pinned, upload, proof: None };
    amend(&stage.ports.store, stage.id, vec![file], |_| ()).await;
    stage.faults.reset();
    stage
}

fn upload(stage: &Stage, content: &'static [u8]) {
    stage.objects.insert(Place::Uploads, &artifact::upload(stage.id), content);
}

async fn run(stage: &Stage) -> Handled {
    let (store, objects) = (Arc::clone(&stage.ports.store), Arc::clone(&stage.objects));
    stage.deliver(&UploadingComplete { store, objects }).await
}

async fn pinned_version(stage: &Stage) -> Option<String> {
    let file = stage.ports.store.file(stage.id, RAW_DATA).await.unwrap().unwrap();
    file.pinned.map(|pinned| pinned.version)
}

#[tokio::test]
async fn a_whole_file_goes_on_to_the_scan() {
    let stage = async || {
        let stage = declared(5).await;
        upload(&stage, b"whole");
        stage
    };
    let end = proven(stage, run).await;
    assert_eq!(end.answer.unwrap().next, Some(OrderedTask::PreprocessingScan));
}

#[tokio::test]
async fn the_version_that_was_found_whole_is_pinned() {
    let stage = declared(5).await;
    upload(&stage, b"first");
    upload(&stage, b"whole");
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(pinned_version(&stage).await.as_deref(), Some("2"));
    upload(&stage, b"later");
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(pinned_version(&stage).await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_file_that_was_pinned_elsewhere_stays_pinned() {
    let stage = declared(5).await;
    upload(&stage, b"whole");
    let mut file = stage.ports.store.file(stage.id, RAW_DATA).await.unwrap().unwrap();
    let etag = String::new();
    file.pinned = Some(pipeline::relocation::Pinned { version: "1".to_owned(), etag });
    amend(&stage.ports.store, stage.id, vec![file], |_| ()).await;
    upload(&stage, b"something longer");
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(stage.answer().unwrap().next, Some(OrderedTask::PreprocessingScan));
    assert_eq!(pinned_version(&stage).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn another_size_than_declared_is_a_verdict() {
    let stage = declared(6).await;
    upload(&stage, b"whole");
    assert_eq!(run(&stage).await, Handled::Done);
    let reason = stage.relocation().await.failure_reason.unwrap();
    assert_eq!(reason.code, ErrorCode::UploadIncomplete);
    assert!(reason.detail.contains("6 bytes were declared, 5 arrived"), "{}", reason.detail);
}

#[tokio::test]
async fn a_file_that_is_not_there_yet_is_waited_for() {
    let stage = declared(5).await;
    assert_eq!(run(&stage).await, Handled::Failed);
    assert_eq!(stage.answer(), None);
    upload(&stage, b"whole");
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(stage.answer().unwrap().next, Some(OrderedTask::PreprocessingScan));
}
