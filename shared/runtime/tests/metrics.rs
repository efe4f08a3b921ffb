//! Figures are log lines that CloudWatch understands, and each thing is counted once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

use std::time::Duration;

use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Commit};
use pipeline::ids::{Generation, Trace, Turn};
use pipeline::kinds::Step;
use pipeline::message::{TaskMessage, TaskToken};
use pipeline::port::Clock;
use pipeline::relocation::Relocation;
use pipeline::task::OrderedTask;
use pipeline::transition::{Cause, Finished, Outcome, Start, admin, fail, finish, start, undo};
use pipeline::undo::{CameTo, UndoCall, Wish};
use rstest::rstest;
use runtime::{metrics, telemetry};
use serde_json::json;
use testkit::{Log, OWNER, Stage};

#[test]
fn a_figure_is_a_line_in_the_embedded_metric_format() {
    // Figures are no lines of the log: they are written whatever its level.
    let log = Log::with(&[("RUST_LOG", "error"), ("CELL", "us")]);
    let id = "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().unwrap();
    let span = telemetry::span("importing", Some(2));
    telemetry::join(&span, Trace::new(id, Generation(1)));
    span.in_scope(|| metrics::attempt_ended("importing", Duration::from_millis(1500)));
    let line = log.lines().remove(0);
    let at = line["_aws"]["Timestamp"].as_i64().unwrap();
    assert!(at > 1_700_000_000_000, "in milliseconds: {at}");
    let directive = json!({
        "Namespace": "Relocation",
        "Dimensions": [["cell"], ["cell", "task"]],
        "Metrics": [{ "Name": "TaskDuration", "Unit": "Milliseconds" }],
    });
    assert_eq!(line["_aws"]["CloudWatchMetrics"], json!([directive]));
    let members =
        ["TaskDuration", "cell", "task", "relocation", "trace", "attempt"].map(|name| line[name].clone());
    let trace = format!("{id}-1");
    assert_eq!(json!(members), json!([1500.0, "us", "importing", id, trace, 2]));
}

#[test]
fn a_rate_needs_rows_and_time() {
    let log = Log::new();
    metrics::rows_done("importing", 0, Duration::from_secs(1));
    metrics::rows_done("importing", 5, Duration::ZERO);
    metrics::rows_done("importing", 500, Duration::from_secs(4));
    assert_eq!(log.figures(), [("RowsPerSecond".to_owned(), Some("importing".to_owned()), 125.0)]);
}

/// Commits that the pipeline's own transitions make of a relocation whose last task is due.
struct Scene {
    before: Relocation,
    started: Relocation,
    message: TaskMessage,
}

impl Scene {
    async fn new() -> Self {
        let stage = Stage::at(OrderedTask::Completed).await;
        let before = stage.relocation().await;
        let message = TaskMessage {
            uuid: stage.id,
            generation: before.generation,
            task: OrderedTask::Completed,
            turn: Turn(0),
            token: TaskToken::new("t"),
            build: None,
        };
        let Start::Run(commit) = start(Some(&before), None, &message, stage.clock.now()) else {
            panic!("the task's turn has come")
        };
        Self { before, started: commit.relocation, message }
    }

    fn finished(&self, finished: Finished) -> Commit {
        finish(&self.started, &self.message, finished, self.started.date_updated).unwrap().0
    }

    fn failed_by(&self, code: ErrorCode, cause: &Cause) -> Commit {
        fail(&self.started, code.into(), cause, self.started.date_updated).unwrap()
    }
}

#[rstest]
#[case::success(|scene: &Scene| scene.finished(Finished::next()), &["RelocationsSucceeded"])]
#[case::another_turn(|scene: &Scene| scene.finished(Finished::again(1)), &[])]
#[case::bad_file(
    |scene: &Scene| scene.finished(Outcome::Fail(ErrorCode::NoUsers.into()).into()),
    &["TasksFailed", "RelocationsRefused"],
)]
#[case::broken(
    |scene: &Scene| scene.finished(Outcome::Fail(ErrorCode::CompletedFailed.into()).into()),
    &["TasksFailed", "RelocationsFailed"],
)]
#[case::died(
    |scene: &Scene| scene.failed_by(ErrorCode::TaskDied, &Cause::Visit(scene.message.visit())),
    &["TasksFailed", "RelocationsFailed"],
)]
#[case::run_lost(
    |scene: &Scene| scene.failed_by(ErrorCode::TaskDied, &Cause::Pipeline("run-failed")),
    &["RelocationsFailed"],
)]
#[case::upload_never_came(
    |scene: &Scene| scene.failed_by(ErrorCode::UploadExpired, &Cause::Pipeline("expire")),
    &["RelocationsRefused"],
)]
#[case::aborted(
    |scene: &Scene| admin::abort(&scene.started, Actor::User(OWNER), scene.started.date_updated).unwrap(),
    &["RelocationsStopped"],
)]
#[case::pause_scheduled(
    |scene: &Scene| {
        let before = Relocation { step: Step::Uploading, ..scene.before.clone() };
        admin::pause(&before, None, Actor::User(OWNER), before.date_updated).unwrap()
    },
    &[],
)]
#[tokio::test]
async fn a_commit_counts_what_ends_by_it(#[case] commit: fn(&Scene) -> Commit, #[case] expected: &[&str]) {
    let scene = Scene::new().await;
    let commit = commit(&scene);
    let log = Log::new();
    metrics::committed(&commit);
    let figures = log.figures();
    let names: Vec<_> = figures.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, expected);
    for (name, task, value) in &figures {
        let of_task = name.starts_with("Tasks").then(|| "completed".to_owned());
        assert_eq!((task, *value), (&of_task, 1.0), "{name}");
    }
}

/// An administrator's decision, made at the task that a step begins with, is no failure of that task.
#[tokio::test]
async fn a_cancelled_relocation_has_no_failed_task() {
    let stage = Stage::at(OrderedTask::Importing).await;
    let now = stage.clock.now();
    let before = Relocation { scheduled_cancel_at_step: Some(Step::Importing), ..stage.relocation().await };
    let Start::End(commit, _) = start(Some(&before), None, &stage.message(), now) else {
        panic!("the relocation is cancelled")
    };
    let log = Log::new();
    metrics::committed(&commit);
    assert_eq!(log.figures(), [("RelocationsStopped".to_owned(), None, 1.0)]);
}

/// What staff see for themselves, a rehearsal and a refusal, calls no operator.
#[rstest]
#[case::broke_off(false, CameTo::BrokeOff(ErrorCode::UndoBrokeOff.into()), true)]
#[case::rehearsal_broke_off(true, CameTo::BrokeOff(ErrorCode::UndoBrokeOff.into()), false)]
#[case::refused(false, CameTo::Obstructed(ErrorCode::UndoObstructed.into()), false)]
#[case::done(false, CameTo::Done, false)]
#[tokio::test]
async fn undoing_that_broke_off_calls_an_operator(
    #[case] dry_run: bool,
    #[case] came_to: CameTo,
    #[case] is_counted: bool,
) {
    let stage = Stage::at(OrderedTask::Importing).await;
    stage.abort().await;
    let now = stage.clock.now();
    let wish = Wish { cascade: false, dry_run };
    let asked = undo::ask(&stage.relocation().await, wish, Duration::MAX, OWNER, now).unwrap();
    let call = UndoCall { uuid: stage.id, undo: 1 };
    let ended = undo::end(&asked.relocation, call, came_to, now).unwrap();
    let log = Log::new();
    metrics::committed(&asked);
    metrics::committed(&ended);
    let counted = ("GivenUp".to_owned(), Some("undo-relocation".to_owned()), 1.0);
    assert_eq!(log.figures(), Vec::from_iter(is_counted.then_some(counted)));
}
