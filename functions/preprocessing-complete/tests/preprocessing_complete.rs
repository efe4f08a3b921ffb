//! `preprocessing_complete`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use artifacts::testing::{amend, input};
use pipeline::artifact;
use pipeline::ids::RelocationId;
use pipeline::kinds::FileKind;
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use pipeline::validation::Validation;
use preprocessing_complete::PreprocessingComplete;
use rstest::rstest;
use runtime::Handled;
use testkit::{Stage, proven};

const KINDS: [FileKind; 3] =
    [FileKind::RawUserData, FileKind::BaselineConfigValidationData, FileKind::CollidingUsersValidationData];

fn lists(id: RelocationId) -> [String; 3] {
    [artifact::validation_plan(id), artifact::kms_config(id), artifact::filter_usernames(id)]
}

/// A relocation that has everything but one list and one file: the record names it, but it is not there.
async fn stage_without(list: Option<usize>, kind: Option<FileKind>) -> Stage {
    let stage = Stage::at(OrderedTask::PreprocessingComplete).await;
    for (n, key) in lists(stage.id).into_iter().enumerate() {
        if list != Some(n) {
            stage.objects.insert(Place::Artifacts, &key, "");
        }
    }
    let mut files = KINDS.map(|kind| input(&stage.objects, stage.id, kind, b"sealed".to_vec()));
    for file in files.iter_mut().filter(|file| kind == Some(file.kind)) {
        file.key += ".gone";
    }
    let files = files.into_iter().collect();
    amend(&stage.ports.store, stage.id, files, |_| ()).await;
    stage.faults.reset();
    stage
}

async fn run(stage: &Stage) -> Handled {
    let (store, objects) = (Arc::clone(&stage.ports.store), Arc::clone(&stage.objects));
    stage.deliver(&PreprocessingComplete { store, objects }).await
}

#[tokio::test]
async fn the_validation_is_created_once_everything_is_there() {
    let end = proven(async || stage_without(None, None).await, run).await;
    assert_eq!(end.answer.unwrap().next, Some(OrderedTask::ValidatingStart));

    let stage = stage_without(None, None).await;
    run(&stage).await;
    assert_eq!(stage.relocation().await.validation, Some(Validation::new()));
}

#[rstest]
#[case::plan(Some(0), None)]
#[case::key_reference(Some(1), None)]
#[case::usernames(Some(2), None)]
#[case::baseline(None, Some(FileKind::BaselineConfigValidationData))]
#[case::users(None, Some(FileKind::CollidingUsersValidationData))]
#[case::raw_data(None, Some(FileKind::RawUserData))]
#[tokio::test]
async fn what_is_not_there_yet_is_waited_for(#[case] list: Option<usize>, #[case] kind: Option<FileKind>) {
    let stage = stage_without(list, kind).await;
    assert_eq!(run(&stage).await, Handled::Failed);
    assert_eq!(stage.relocation().await.validation, None);
}

#[tokio::test]
async fn a_file_that_the_record_does_not_name_is_waited_for() {
    let stage = Stage::at(OrderedTask::PreprocessingComplete).await;
    for key in lists(stage.id) {
        stage.objects.insert(Place::Artifacts, &key, "");
    }
    assert_eq!(run(&stage).await, Handled::Failed);
}
