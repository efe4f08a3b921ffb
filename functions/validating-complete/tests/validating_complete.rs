//! `validating_complete`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;

use artifacts::ValidationPlan;
use artifacts::testing::amend;
use pipeline::artifact::{self, Folder};
use pipeline::code::ErrorCode;
use pipeline::event::{Event, ValidationFinished};
use pipeline::ids::BuildId;
use pipeline::kinds::{Status, ValidationStatus};
use pipeline::port::Clock;
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use pipeline::validation::Validation;
use rstest::rstest;
use runtime::Handled;
use testkit::{Stage, proven};
use validating_complete::ValidatingComplete;

const A_FINDING: &str = r#"[{"finding": "ComparatorFinding", "kind": "UnequalJSON", "left_pk": 1,
    "on": {"model": "sentry.user", "ordinal": 1}, "reason": "hunter2", "right_pk": 1}]"#;

/// A relocation whose second validation run has left empty findings files.
async fn stage() -> (Stage, BuildId) {
    let stage = Stage::at(OrderedTask::ValidatingComplete).await;
    let mut validation = Validation::new();
    let now = stage.clock.now();
    let given_up = validation.start_run(stage.id, now).unwrap();
    validation.conclude(given_up, ValidationStatus::Timeout);
    let build = validation.start_run(stage.id, now).unwrap();
    validation.attempts.last_mut().unwrap().ended_at = Some(now);
    amend(&stage.ports.store, stage.id, vec![], |record| record.validation = Some(validation)).await;
    for key in ValidationPlan::new(vec![]).findings(build) {
        stage.objects.insert(Place::Artifacts, &key, "[]\n");
    }
    // What the run that was given up may have left is none of this one's business.
    put(&stage, "compare-baseline-config-1.json", A_FINDING);
    stage.faults.reset();
    (stage, build)
}

fn put(stage: &Stage, name: &str, content: &'static str) {
    let key = artifact::named(stage.id, Folder::Findings, name).unwrap();
    stage.objects.insert(Place::Artifacts, &key, content);
}

async fn run(stage: &Stage) -> Handled {
    stage.deliver(&ValidatingComplete { objects: Arc::clone(&stage.objects) }).await
}

async fn verdict(stage: &Stage) -> ValidationStatus {
    stage.relocation().await.validation.unwrap().status
}

#[tokio::test]
async fn no_findings_are_a_valid_import() {
    let end = proven(async || stage().await.0, run).await;
    assert_eq!(end.answer.unwrap().next, Some(OrderedTask::Importing));
    let (stage, build) = stage().await;
    let finished = Event::ValidationFinished(ValidationFinished { build, status: ValidationStatus::Valid });
    assert_eq!(end.events.last(), Some(&finished));
    run(&stage).await;
    assert_eq!(verdict(&stage).await, ValidationStatus::Valid);
}

#[rstest]
#[case("compare-colliding-users-2.json")]
#[case("import-raw-relocation-data-2.json")]
#[case("export-something-new-2.json")]
#[tokio::test]
async fn any_finding_is_an_invalid_one(#[case] name: &str) {
    let faulty = async || {
        let (stage, _) = stage().await;
        put(&stage, name, A_FINDING);
        stage
    };
    let end = proven(faulty, run).await;
    assert_eq!(end.status, Status::Failure);
    let failure = end.failure.unwrap();
    assert_eq!(failure.code, ErrorCode::ValidationFindings);
    assert!(failure.detail.ends_with(&format!("(Findings: 1 in {name}.)")), "{}", failure.detail);
    assert!(!failure.detail.contains("hunter2"));
    let stage = faulty().await;
    run(&stage).await;
    assert_eq!(verdict(&stage).await, ValidationStatus::Invalid);
}

#[tokio::test]
async fn a_run_that_stopped_at_a_finding_left_no_further_files() {
    let stage = Stage::at(OrderedTask::ValidatingComplete).await;
    let mut validation = Validation::new();
    validation.start_run(stage.id, stage.clock.now()).unwrap();
    amend(&stage.ports.store, stage.id, vec![], |record| record.validation = Some(validation)).await;
    put(&stage, "import-raw-relocation-data-1.json", A_FINDING);
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(stage.answer().unwrap().code, Some(ErrorCode::ValidationFindings));
}

#[tokio::test]
async fn what_a_run_says_of_itself_is_skipped() {
    let (stage, _) = stage().await;
    put(&stage, "artifacts-prefixes-are-okay-2.json", A_FINDING);
    put(&stage, "notes-2.txt", "nothing that could be read");
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(verdict(&stage).await, ValidationStatus::Valid);
}

#[tokio::test]
async fn an_unreadable_file_is_read_again() {
    let (stage, _) = stage().await;
    put(&stage, "compare-colliding-users-2.json", "[{");
    assert_eq!(run(&stage).await, Handled::Failed);
    put(&stage, "compare-colliding-users-2.json", "[]");
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(verdict(&stage).await, ValidationStatus::Valid);
}

#[tokio::test]
async fn a_missing_file_is_waited_for() {
    let stage = Stage::at(OrderedTask::ValidatingComplete).await;
    let mut validation = Validation::new();
    let build = validation.start_run(stage.id, stage.clock.now()).unwrap();
    amend(&stage.ports.store, stage.id, vec![], |record| record.validation = Some(validation)).await;
    let keys: Vec<String> = ValidationPlan::new(vec![]).findings(build).collect();
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(run(&stage).await, Handled::Failed, "{n} of {} files", keys.len());
        stage.objects.insert(Place::Artifacts, key, "[]");
        // Each of these tries is an attempt; there are not enough for all files.
        amend(&stage.ports.store, stage.id, vec![], |record| record.latest_task_attempts = 0).await;
    }
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(verdict(&stage).await, ValidationStatus::Valid);
}
