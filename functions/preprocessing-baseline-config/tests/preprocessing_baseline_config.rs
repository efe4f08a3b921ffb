//! `preprocessing_baseline_config`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use artifacts::testing::TestKeys;
use pipeline::artifact;
use pipeline::kinds::FileKind;
use pipeline::port::ReadRelocations;
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use preprocessing_baseline_config::PreprocessingBaselineConfig;
use runtime::Handled;
use serde_json::{Value, json};
use testkit::{Stage, proven};

const KIND: FileKind = FileKind::BaselineConfigValidationData;

async fn stage() -> Stage {
    let stage = Stage::at(OrderedTask::PreprocessingBaselineConfig).await;
    stage.put("sentry.user", 20, json!({"username": "admin", "email": "", "is_staff": true}));
    stage.put("sentry.option", 30, json!({"key": "mail.from", "value": "a"}));
    stage.put("sentry.organization", 40, json!({"name": "ours", "slug": "ours", "status": 0}));
    stage
}

async fn run(stage: &Stage) -> Handled {
    let scratch = tempfile::tempdir().unwrap();
    let task = PreprocessingBaselineConfig {
        objects: Arc::clone(&stage.objects),
        keys: TestKeys::default(),
        cell: Arc::clone(&stage.cell),
        control: Arc::clone(&stage.control),
        entropy: stage.entropy(),
        scratch: scratch.path().to_owned(),
    };
    stage.deliver(&task).await
}

#[tokio::test]
async fn the_configuration_is_exported_and_recorded() {
    let end = proven(stage, run).await;
    assert_eq!(end.answer.unwrap().next, Some(OrderedTask::PreprocessingCollidingUsers));

    let stage = stage().await;
    run(&stage).await;
    let tarball = stage.objects.content(Place::Artifacts, &artifact::input(stage.id, KIND)).unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&TestKeys::default().unsealed(&tarball)).unwrap();
    let models: Vec<&str> = rows.iter().map(|row| row["model"].as_str().unwrap()).collect();
    assert_eq!(models, ["sentry.option", "sentry.user"], "privileged users and options, and nothing else");
    assert_eq!(rows[1]["fields"]["username"], "admin");

    let file = stage.ports.store.file(stage.id, KIND).await.unwrap().unwrap();
    assert_eq!((file.place, file.key), (Place::Artifacts, artifact::input(stage.id, KIND)));
    assert_eq!(file.bytes, tarball.len() as u64);
    assert_eq!(file.pinned.unwrap().version, "1");
}
