//! Undoing from its message to its end: in slices, broken off anywhere, twice at once, rehearsed and refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::event::Event;
use pipeline::kinds::{Provenance, Status, UndoStatus};
use pipeline::memory::{MemoryObjects, MemoryQueues, MemoryRelocations, When};
use pipeline::port::{Clock, CommitRelocations, RemoveObjects};
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use pipeline::transition::undo::ask;
use pipeline::undo::{ObstacleKind, Undo, UndoCall, UndoCounts, UndoRecord, Wish};
use rstest::rstest;
use runtime::config::Waits;
use runtime::{Handled, Received};
use serde_json::json;
use silo::{Fields, Pk, Watermarks};
use testkit::{Export, FaultySilo, Log, OWNER, Setup, Stage};
use undo_relocation::UndoRelocation;

const MINUTES: Duration = Duration::from_mins(5);
/// So little that a slice ends with its first page.
const A_MOMENT: Duration = Duration::from_secs(1);

const PLAIN: Wish = Wish { cascade: false, dry_run: false };
const REHEARSED: Wish = Wish { dry_run: true, ..PLAIN };
const CASCADING: Wish = Wish { cascade: true, ..PLAIN };

/// The organisation that was there before.
const OURS: Pk = 30;

type Rows = BTreeMap<String, BTreeMap<Pk, Fields>>;

/// A relocation that has ended, and the world around it.
struct Scene {
    stage: Stage,
    function: UndoRelocation<MemoryRelocations, MemoryObjects, MemoryQueues, FaultySilo>,
    /// What both silos held before it.
    before: Rows,
}

impl Scene {
    /// A relocation that brought `acme` and failed after that.
    async fn failed() -> Self {
        Self::ended(Provenance::SelfHosted, Status::Failure).await
    }

    async fn ended(provenance: Provenance, status: Status) -> Self {
        let setup = Setup { provenance, ..Setup::default() };
        let stage = Stage::with(OrderedTask::Importing, setup).await;
        stage.put("sentry.user", 20, json!({"username": "ada", "email": "", "is_unclaimed": false}));
        stage.put("sentry.organization", OURS, json!({"name": "ours", "slug": "acme", "status": 0}));
        let before = rows(&stage).await;
        stage.import(&Export::acme()).await;
        match status {
            Status::Success => stage.succeed().await,
            _ => stage.abort().await,
        }
        stage.clock.0.advance(Waits::default().undo_quiet);
        let function = UndoRelocation {
            store: Arc::clone(&stage.ports.store),
            objects: Arc::clone(&stage.objects),
            queues: MemoryQueues::with_faults(stage.faults.clone()),
            cell: Arc::clone(&stage.cell),
            control: Arc::clone(&stage.control),
            clock: Box::new(stage.clock.clone()),
            entropy: stage.entropy(),
            waits: Waits::default(),
        };
        Self { stage, function, before }
    }

    /// Asks for undoing. Its number.
    async fn ask(&self, wish: Wish) -> u32 {
        let (relocation, now) = (self.stage.relocation().await, self.stage.clock.now());
        let asked = ask(&relocation, wish, Duration::from_hours(24), OWNER, now).unwrap();
        let number = asked.relocation.undo.as_ref().unwrap().number;
        self.stage.ports.store.commit(asked).await.unwrap();
        self.stage.faults.reset();
        self.stage.breaker.reset();
        number
    }

    async fn deliver(&self, body: &str, time_left: Duration) -> Handled {
        let received = Received { body: body.to_owned(), receipt: "r".to_owned(), deliveries: 1 };
        self.function.handle(&received, time_left).await
    }

    fn call(&self, undo: u32) -> String {
        serde_json::to_string(&UndoCall { uuid: self.stage.id, undo }).unwrap()
    }

    /// Asks, and delivers until it has ended.
    async fn undo(&self, wish: Wish) -> Undo {
        let number = self.ask(wish).await;
        self.finish(number, MINUTES).await
    }

    /// Delivers until it has ended.
    async fn finish(&self, number: u32, time_left: Duration) -> Undo {
        for _ in 0..500 {
            self.deliver(&self.call(number), time_left).await;
            let undo = self.stage.relocation().await.undo.unwrap();
            if undo.status != UndoStatus::InProgress {
                return undo;
            }
        }
        panic!("it never ends")
    }

    /// What it left among the artifacts.
    fn record(&self, number: u32) -> UndoRecord {
        let record =
            self.stage.objects.content(Place::Artifacts, &artifact::undo_report(self.stage.id, number));
        serde_json::from_slice(&record.unwrap()).unwrap()
    }

    /// The primary key of the organisation that was brought.
    async fn brought(&self) -> Pk {
        let organizations = self.stage.rows("sentry.organization").await;
        *organizations.keys().find(|pk| **pk != OURS).unwrap()
    }

    /// Somebody makes a team in the organisation that was brought.
    async fn build_on_it(&self) {
        self.stage.put("sentry.team", 77, json!({"slug": "later", "organization": self.brought().await}));
    }

    async fn assert_as_before(&self, when: &str) {
        assert_eq!(rows(&self.stage).await, self.before, "{when}");
        for silo in [&self.stage.cell.silo, &self.stage.control.silo] {
            assert!(silo.open_imports().await.unwrap().is_empty(), "{when}: the import is open");
        }
    }
}

/// All rows of both silos.
async fn rows(stage: &Stage) -> Rows {
    let mut rows = Rows::new();
    for model in stage.catalog.models() {
        let of_model = stage.rows(&model.name).await;
        if !of_model.is_empty() {
            rows.insert(model.name.clone(), of_model);
        }
    }
    rows
}

#[rstest]
#[tokio::test]
async fn both_silos_are_as_they_were(
    #[values(Provenance::SelfHosted, Provenance::SaasToSaas)] provenance: Provenance,
    #[values(Status::Failure, Status::Success)] status: Status,
) {
    let scene = Scene::ended(provenance, status).await;
    assert_ne!(rows(&scene.stage).await, scene.before, "something was brought");
    let undo = scene.undo(PLAIN).await;
    assert_eq!((undo.status, undo.failure_reason), (UndoStatus::Success, None));
    scene.assert_as_before("undone").await;
    let relocation = scene.stage.relocation().await;
    assert_eq!(relocation.status, status, "how it ended stays on record");
    assert!(matches!(scene.stage.events().last(), Some(Event::Undone(_))), "{:?}", scene.stage.events());
}

#[tokio::test]
async fn what_was_done_lies_among_the_artifacts() {
    let scene = Scene::failed().await;
    let number = scene.undo(PLAIN).await.number;
    let record = scene.record(number);
    let deleted = |model: &str| record.report.models[model].deleted;
    assert_eq!(deleted("sentry.organization"), 1);
    assert_eq!(deleted("sentry.user"), 3);
    assert_eq!(deleted("sentry.organizationmember"), 3);
    let of_models: u64 = record.report.models.values().map(|model| model.deleted).sum();
    assert_eq!(record.report.total.deleted, of_models);
    assert!(record.progress.undoing);
    assert_eq!(record.obstacles.count, 0);
}

#[tokio::test]
async fn slice_after_slice_comes_to_the_same() {
    let whole = Scene::failed().await;
    let number = whole.undo(PLAIN).await.number;
    let sliced = Scene::failed().await;
    assert_eq!(sliced.ask(PLAIN).await, number);
    let mut slices = 0;
    while sliced.stage.relocation().await.undo.unwrap().status == UndoStatus::InProgress {
        assert_eq!(sliced.deliver(&sliced.call(number), A_MOMENT).await, Handled::Done);
        slices += 1;
    }
    assert!(slices > 3, "{slices}");
    let sent = sliced.function.queues.sent();
    assert_eq!(sent.len(), slices - 1, "each slice but the last calls for the next one");
    assert!(sent.iter().all(|sent| sent.body == sliced.call(number) && sent.delay.is_zero()));
    sliced.assert_as_before("in slices").await;
    assert_eq!(sliced.record(number).report, whole.record(number).report);
}

#[tokio::test]
async fn nothing_is_undone_while_a_task_may_still_write() {
    let scene = Scene::failed().await;
    let ended = scene.stage.relocation().await.date_ended.unwrap();
    scene.stage.clock.0.set(ended + Duration::from_secs(1));
    let after = rows(&scene.stage).await;
    let number = scene.ask(PLAIN).await;
    assert_eq!(scene.deliver(&scene.call(number), MINUTES).await, Handled::Done);
    assert_eq!(rows(&scene.stage).await, after);
    let [sent] = scene.function.queues.sent().try_into().unwrap();
    assert_eq!(
        (sent.body, sent.delay),
        (scene.call(number), Waits::default().undo_quiet - Duration::from_secs(1))
    );
    scene.stage.clock.0.advance(sent.delay);
    assert_eq!(scene.finish(number, MINUTES).await.status, UndoStatus::Success);
    scene.assert_as_before("after the wait").await;
}

#[tokio::test]
async fn a_rehearsal_foresees_it_and_changes_nothing() {
    let scene = Scene::failed().await;
    let after = rows(&scene.stage).await;
    let rehearsed = scene.undo(REHEARSED).await;
    assert_eq!(rehearsed.status, UndoStatus::Success);
    assert_eq!(rows(&scene.stage).await, after);
    assert!(!scene.record(1).progress.undoing);
    assert_eq!(scene.undo(PLAIN).await.number, 2);
    assert_eq!(scene.record(2).report, scene.record(1).report);
    let told = scene.stage.events().into_iter().filter(|event| matches!(event, Event::Undone(_)));
    assert_eq!(told.count(), 1, "of a rehearsal nobody else is told");
}

#[rstest]
#[tokio::test]
async fn what_others_built_on_it_stands_in_the_way(#[values(PLAIN, REHEARSED)] wish: Wish) {
    let scene = Scene::failed().await;
    scene.build_on_it().await;
    let after = rows(&scene.stage).await;
    let undo = scene.undo(wish).await;
    assert_eq!(undo.status, UndoStatus::Refused);
    assert_eq!(rows(&scene.stage).await, after, "nothing was changed");
    let failure = undo.failure_reason.unwrap();
    assert_eq!(failure.code, ErrorCode::UndoObstructed);
    let named = format!("sentry.team 77 depends on sentry.organization {}", scene.brought().await);
    assert!(failure.detail.contains(&named), "{}", failure.detail);
    let obstacles = scene.record(1).obstacles;
    assert_eq!(obstacles.count, 1);
    let first = &obstacles.first[0];
    assert_eq!((first.kind, first.model.as_str(), first.id), (ObstacleKind::Dependent, "sentry.team", 77));
}

#[tokio::test]
async fn when_told_to_it_goes_too() {
    let scene = Scene::failed().await;
    scene.build_on_it().await;
    assert_eq!(scene.undo(PLAIN).await.status, UndoStatus::Refused);
    assert_eq!(scene.undo(CASCADING).await.status, UndoStatus::Success);
    scene.assert_as_before("with what was built on it").await;
    let cascaded = UndoCounts { cascaded: 1, ..UndoCounts::default() };
    assert_eq!(scene.record(2).report.models["sentry.team"], cascaded);
}

/// What stands in the way of one that goes on is no refusal that changed nothing, also when what it kept is gone.
#[tokio::test]
async fn what_broke_off_is_never_said_to_have_changed_nothing() {
    let scene = Scene::failed().await;
    let number = scene.ask(PLAIN).await;
    let brought = rows(&scene.stage).await;
    while rows(&scene.stage).await == brought {
        scene.deliver(&scene.call(number), A_MOMENT).await;
    }
    // It looks anew, and finds what was built meanwhile.
    let key = artifact::undo_report(scene.stage.id, number);
    scene.stage.objects.remove(Place::Artifacts, &key).await.unwrap();
    scene.build_on_it().await;
    let undo = scene.finish(number, MINUTES).await;
    assert_eq!(
        (undo.status, undo.failure_reason.unwrap().code),
        (UndoStatus::Failure, ErrorCode::UndoObstructed)
    );
    assert_eq!(scene.undo(CASCADING).await.status, UndoStatus::Success);
    scene.assert_as_before("brought to its end").await;
}

#[tokio::test]
async fn broken_off_at_any_call_it_goes_on() {
    let scene = Scene::failed().await;
    scene.undo(PLAIN).await;
    let calls = [scene.stage.faults.calls(), scene.stage.breaker.calls()];
    assert!(calls[0] > 4 && calls[1] > 10, "{calls:?}");
    for when in [When::Before, When::After] {
        for call in 1..=calls[0] {
            let scene = Scene::failed().await;
            let number = scene.ask(PLAIN).await;
            scene.stage.faults.fail_call(call, when);
            broken_off(&scene, number, &format!("{when:?} call {call} to a port")).await;
        }
        for call in 1..=calls[1] {
            let scene = Scene::failed().await;
            let number = scene.ask(PLAIN).await;
            scene.stage.breaker.fail_call(call, when);
            broken_off(&scene, number, &format!("{when:?} call {call} to a silo")).await;
        }
    }
}

async fn broken_off(scene: &Scene, number: u32, when: &str) {
    scene.deliver(&scene.call(number), MINUTES).await;
    scene.stage.faults.reset();
    scene.stage.breaker.reset();
    assert_eq!(scene.finish(number, MINUTES).await.status, UndoStatus::Success, "{when}");
    scene.assert_as_before(when).await;
    let told = scene.stage.events().into_iter().filter(|event| matches!(event, Event::Undone(_)));
    assert_eq!(told.count(), 1, "{when}: it is told once");
}

#[tokio::test]
async fn run_twice_at_once_it_comes_to_the_same() {
    let scene = Scene::failed().await;
    let call = scene.call(scene.ask(PLAIN).await);
    futures::join!(scene.deliver(&call, MINUTES), scene.deliver(&call, MINUTES));
    assert_eq!(scene.finish(1, MINUTES).await.status, UndoStatus::Success);
    scene.assert_as_before("twice at once").await;
}

#[tokio::test]
async fn a_message_of_what_has_ended_or_nobody_asked_for_is_nothing() {
    let scene = Scene::failed().await;
    let after = rows(&scene.stage).await;
    let nobodys = json!({ "uuid": "00000000-0000-4000-8000-000000000000", "undo": 1 }).to_string();
    for body in [scene.call(1), nobodys] {
        assert_eq!(scene.deliver(&body, MINUTES).await, Handled::Done, "{body}");
    }
    scene.undo(REHEARSED).await;
    for number in [0, 1, 2] {
        assert_eq!(scene.deliver(&scene.call(number), MINUTES).await, Handled::Done, "{number}");
    }
    assert_eq!(rows(&scene.stage).await, after);
}

#[rstest]
#[case::nothing("")]
#[case::no_number(r#"{"uuid": "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90"}"#)]
#[case::more(r#"{"uuid": "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "undo": 1, "cascade": true}"#)]
#[tokio::test]
async fn a_message_that_asks_for_nothing_fails(#[case] body: &str) {
    let scene = Scene::failed().await;
    scene.ask(PLAIN).await;
    let after = rows(&scene.stage).await;
    assert_eq!(scene.deliver(body, MINUTES).await, Handled::Failed);
    assert_eq!(rows(&scene.stage).await, after);
}

/// What was kept of it cannot be read: that is nothing to be guessed at, so that it fails until it is given up.
#[tokio::test]
async fn a_record_that_makes_no_sense_stops_it() {
    let scene = Scene::failed().await;
    let number = scene.ask(PLAIN).await;
    let after = rows(&scene.stage).await;
    let key = artifact::undo_report(scene.stage.id, number);
    scene.stage.objects.insert(Place::Artifacts, &key, "{");
    assert_eq!(scene.deliver(&scene.call(number), MINUTES).await, Handled::Failed);
    assert_eq!(rows(&scene.stage).await, after);
    assert_eq!(scene.function.queues.postponed().len(), 1);
}

#[tokio::test]
async fn its_lines_belong_to_the_relocation() {
    let scene = Scene::failed().await;
    let call = scene.call(scene.ask(PLAIN).await);
    let log = Log::new();
    assert_eq!(scene.deliver(&call, MINUTES).await, Handled::Done);
    let trace = pipeline::ids::Trace::new(scene.stage.id, pipeline::ids::Generation::default());
    log.assert_about(trace, "undo-relocation", Some(1));
}
