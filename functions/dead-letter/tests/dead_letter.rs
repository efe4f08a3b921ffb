//! What every kind of dead letter comes to.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use dead_letter::DeadLetter;
use pipeline::code::ErrorCode;
use pipeline::event::Event;
use pipeline::ids::BuildId;
use pipeline::kinds::{Status, UndoStatus, ValidationStatus};
use pipeline::memory::{MemoryTokens, When};
use pipeline::message::Verdict;
use pipeline::port::{Clock, CommitRelocations};
use pipeline::task::OrderedTask;
use pipeline::transition::undo::ask;
use pipeline::undo::Wish;
use rstest::rstest;
use runtime::{Handled, Received};
use serde_json::{Value, json};
use testkit::{Log, OWNER, Stage};

/// A relocation at a task, and the tokens that somebody waits for.
struct Scene {
    stage: Stage,
    tokens: Arc<MemoryTokens>,
}

impl Scene {
    async fn at(task: OrderedTask) -> Self {
        let stage = Stage::at(task).await;
        let tokens = Arc::new(MemoryTokens::with_faults(stage.faults.clone()));
        Self { stage, tokens }
    }

    async fn deliver(&self, body: &str) -> Handled {
        let function = DeadLetter {
            store: Arc::clone(&self.stage.ports.store),
            tokens: Arc::clone(&self.tokens),
            clock: Box::new(self.stage.clock.clone()),
        };
        let received = Received { body: body.to_owned(), receipt: "r".to_owned(), deliveries: 1 };
        function.handle(&received).await
    }

    /// A task's message as the machine sent it.
    fn visit(&self) -> Value {
        serde_json::to_value(self.stage.message()).unwrap()
    }

    /// The machine's report of a run.
    fn run(&self) -> Value {
        let Stage { id, task, .. } = self.stage;
        json!({"uuid": id, "generation": 1, "task": task, "turn": 0, "error": "States.Timeout"})
    }

    /// A message that asked for a validation run.
    fn validation(&self) -> Value {
        let build = BuildId { relocation: self.stage.id, run: 1 };
        json!({"uuid": self.stage.id, "build": build, "generation": 1})
    }
}

#[rstest]
#[tokio::test]
async fn the_relocation_fails_once(
    #[values(OrderedTask::UploadingComplete, OrderedTask::ValidatingPoll, OrderedTask::Importing)]
    task: OrderedTask,
    #[values(Scene::visit, Scene::run)] letter: fn(&Scene) -> Value,
) {
    for when in [When::Before, When::After] {
        for call in 0..=6 {
            let scene = Scene::at(task).await;
            let letter = letter(&scene).to_string();
            if call > 0 {
                scene.stage.faults.fail_call(call, when);
            }
            while scene.deliver(&letter).await == Handled::Failed {}
            scene.stage.faults.reset();
            assert_eq!(scene.deliver(&letter).await, Handled::Done, "a repeated letter");
            let relocation = scene.stage.relocation().await;
            assert_eq!(relocation.status, Status::Failure);
            assert_eq!(relocation.failure_reason.unwrap().code, ErrorCode::TaskDied);
            let events = scene.stage.events();
            let failures = events.iter().filter(|event| matches!(event, Event::Failed(_)));
            assert_eq!(failures.count(), 1, "{when:?} call {call}");
        }
    }
}

#[tokio::test]
async fn a_visit_that_died_answers_its_token() {
    let scene = Scene::at(OrderedTask::Importing).await;
    scene.deliver(&scene.visit().to_string()).await;
    let answer = scene.tokens.answer_of(&scene.stage.message().token).unwrap();
    assert_eq!((answer.outcome, answer.code), (Verdict::Failed, Some(ErrorCode::TaskDied)));
}

#[tokio::test]
async fn a_letter_of_an_earlier_run_changes_nothing() {
    let scene = Scene::at(OrderedTask::Importing).await;
    for mut letter in [scene.visit(), scene.run()] {
        letter["generation"] = json!(0);
        assert_eq!(scene.deliver(&letter.to_string()).await, Handled::Done);
    }
    assert_eq!(scene.stage.relocation().await.status, Status::InProgress);
}

#[tokio::test]
async fn a_validation_run_that_died_ends_its_attempt() {
    for call in 0..=2 {
        let scene = Scene::at(OrderedTask::ValidatingPoll).await;
        let build = BuildId { relocation: scene.stage.id, run: 1 };
        if call > 0 {
            scene.stage.faults.fail_call(call, When::After);
        }
        let letter = json!({"uuid": scene.stage.id, "build": build}).to_string();
        while scene.deliver(&letter).await == Handled::Failed {}
        scene.stage.faults.reset();
        let relocation = scene.stage.relocation().await;
        assert_eq!(relocation.status, Status::InProgress, "another run may do better");
        let attempt = relocation.validation.unwrap().attempts.remove(0);
        assert_eq!((attempt.build, attempt.status), (build, ValidationStatus::Failure));
    }
}

#[tokio::test]
async fn undoing_that_died_breaks_off_once() {
    for when in [When::Before, When::After] {
        for call in 0..=3 {
            let scene = Scene::at(OrderedTask::Importing).await;
            scene.stage.abort().await;
            let (relocation, now) = (scene.stage.relocation().await, scene.stage.clock.now());
            let asked = ask(&relocation, Wish::default(), Duration::MAX, OWNER, now).unwrap();
            scene.stage.ports.store.commit(asked).await.unwrap();
            scene.stage.faults.reset();
            if call > 0 {
                scene.stage.faults.fail_call(call, when);
            }
            let letter = json!({"uuid": scene.stage.id, "undo": 1}).to_string();
            while scene.deliver(&letter).await == Handled::Failed {}
            scene.stage.faults.reset();
            assert_eq!(scene.deliver(&letter).await, Handled::Done, "a repeated letter");
            let relocation = scene.stage.relocation().await;
            assert_eq!(relocation.status, Status::Failure, "as it ended");
            assert_eq!(relocation.failure_reason.unwrap().code, ErrorCode::AbortedByAdministrator);
            let undo = relocation.undo.unwrap();
            assert_eq!(undo.status, UndoStatus::Failure);
            assert_eq!(undo.failure_reason.unwrap().code, ErrorCode::UndoBrokeOff);
            let events = scene.stage.events();
            let failures = events.iter().filter(|event| matches!(event, Event::UndoFailed(_)));
            assert_eq!(failures.count(), 1, "{when:?} call {call}");
        }
    }
}

#[rstest]
#[case::nothing("")]
#[case::no_object("[]")]
#[case::something_else(r#"{"id": "1", "type": "relocation.failed"}"#)]
#[tokio::test]
async fn what_cannot_be_read_stays(#[case] body: &str) {
    let scene = Scene::at(OrderedTask::Importing).await;
    assert_eq!(scene.deliver(body).await, Handled::Failed);
    assert_eq!(scene.stage.relocation().await.status, Status::InProgress);
}

#[rstest]
#[tokio::test]
async fn its_lines_belong_to_the_run_that_died(
    #[values(Scene::visit, Scene::run, Scene::validation)] letter: fn(&Scene) -> Value,
) {
    let scene = Scene::at(OrderedTask::ValidatingPoll).await;
    let log = Log::new();
    assert_eq!(scene.deliver(&letter(&scene).to_string()).await, Handled::Done);
    log.assert_about(scene.stage.relocation().await.trace(), "dead-letter", Some(1));
    assert!(
        log.lines().iter().all(|line| !line.to_string().contains("the token")),
        "a token is a credential"
    );
}
