//! `run_task` over in-memory ports: every way in which a visit can go, and each again with every port call
//! failing once, before and after its effect.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Dispatch};
use pipeline::event::Event;
use pipeline::ids::{Generation, RelocationId, Trace, Turn, UserId};
use pipeline::kinds::{FileKind, Notified, Status, Step};
use pipeline::memory::{Faults, MemoryQueues, MemoryRelocations, MemoryTokens, When, World};
use pipeline::message::{Answer, RunFailure, TaskMessage, TaskToken, Verdict};
use pipeline::port::{CommitError, CommitRelocations, PortError, ReadRelocations};
use pipeline::relocation::{Place, Relocation, RelocationFile};
use pipeline::task::OrderedTask;
use pipeline::transition::lifecycle::{NewRelocation, Source, create, upload_completed};
use pipeline::transition::{Changes, Finished, admin};
use rstest::rstest;
use runtime::config::Waits;
use runtime::{
    Handled, Ports, Received, Task, TaskContext, TaskError, give_up_run, give_up_visit, run_task, update,
};
use testkit::Log;

const OWNER: UserId = UserId(7);
const BASE: Duration = Duration::from_secs(60);

type Body = Box<dyn Fn(TaskContext) -> BoxFuture<'static, Result<Finished, TaskError>> + Send + Sync>;

/// A body made for the test, which counts its runs.
struct TestTask {
    body: Body,
    runs: AtomicU32,
}

impl TestTask {
    fn new<F, R>(body: F) -> Self
    where
        F: Fn(TaskContext) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Finished, TaskError>> + Send + 'static,
    {
        Self { body: Box::new(move |context| Box::pin(body(context))), runs: AtomicU32::new(0) }
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

impl Task for TestTask {
    const TASK: OrderedTask = OrderedTask::UploadingStart;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        (self.body)(context.clone()).await
    }
}

/// A relocation whose upload has arrived, and the ports around it.
struct Scene {
    id: RelocationId,
    ports: Ports<MemoryRelocations, MemoryQueues, MemoryTokens>,
    faults: Faults,
}

impl Scene {
    async fn new() -> Self {
        let World { relocations, queues, tokens, clock, entropy, faults, .. } = World::new();
        let scene = Self {
            id: "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().unwrap(),
            ports: Ports {
                store: Arc::new(relocations),
                queues,
                tokens,
                clock: Box::new(clock),
                entropy: Box::new(entropy),
                waits: Waits { backoff_base: BASE, ..Waits::default() },
            },
            faults,
        };
        let file = RelocationFile {
            kind: FileKind::RawUserData,
            place: Place::Uploads,
            key: "uploads/1".to_owned(),
            bytes: 1,
            pinned: None,
            upload: None,
            proof: None,
        };
        let new = NewRelocation {
            id: scene.id,
            creator: OWNER,
            owner: OWNER,
            want_org_slugs: vec!["acme".to_owned()],
            autopause: None,
            promo_code: None,
            artifact_retention_days: 30,
            source: Source::Upload(file),
        };
        let now = scene.ports.clock.now();
        scene.ports.store.commit(create(new, Actor::User(OWNER), now)).await.unwrap();
        let created = scene.relocation().await;
        scene.ports.store.commit(upload_completed(&created, now).unwrap()).await.unwrap();
        scene.faults.reset();
        scene
    }

    async fn relocation(&self) -> Relocation {
        self.ports.store.relocation(self.id).await.unwrap().unwrap()
    }

    fn message(&self) -> TaskMessage {
        TaskMessage {
            uuid: self.id,
            generation: Generation(1),
            task: OrderedTask::UploadingStart,
            turn: Turn(0),
            token: TaskToken::new("the token"),
            build: None,
        }
    }

    async fn deliver(&self, task: &TestTask, message: &TaskMessage) -> Handled {
        self.deliver_body(task, serde_json::to_string(message).unwrap(), 1).await
    }

    async fn deliver_body(&self, task: &TestTask, body: String, deliveries: u32) -> Handled {
        let received = Received { body, receipt: "the receipt".to_owned(), deliveries };
        run_task(task, &self.ports, &received, Duration::from_secs(60)).await
    }

    fn answer(&self) -> Option<Answer> {
        self.ports.tokens.answer_of(&TaskToken::new("the token"))
    }

    async fn outcome(&self) -> Option<Answer> {
        self.ports.store.outcome(self.id, self.message().visit()).await.unwrap()
    }

    fn events(&self) -> Vec<Event> {
        let outbox = self.ports.store.outbox();
        let events = outbox.into_iter().filter_map(|entry| match entry.dispatch {
            Dispatch::Publish(recorded) => Some(recorded.event),
            _ => None,
        });
        events.collect()
    }
}

fn done() -> TestTask {
    TestTask::new(|_| async { Ok(Finished::next()) })
}

fn broken(retryable: bool) -> TestTask {
    TestTask::new(move |_| async move {
        Err(match retryable {
            true => PortError::transient("call the world", "it does not answer"),
            false => PortError::permanent("call the world", "it says no"),
        }
        .into())
    })
}

fn next_task() -> Answer {
    Answer::next(Turn(0), Some(OrderedTask::UploadingComplete))
}

#[tokio::test]
async fn a_visit_runs_the_body_stores_the_outcome_and_answers() {
    let scene = Scene::new().await;
    let task = done();
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(scene.answer(), Some(next_task()));
    assert_eq!(scene.outcome().await, Some(next_task()));
    let relocation = scene.relocation().await;
    assert_eq!(relocation.latest_task, Some(OrderedTask::UploadingStart));
    assert_eq!(relocation.latest_task_attempts, 1);
}

#[tokio::test]
async fn a_message_that_comes_again_gets_the_same_answer_again() {
    let scene = Scene::new().await;
    let task = done();
    let first = scene.message();
    let again = TaskMessage { token: TaskToken::new("another token"), ..first.clone() };
    scene.deliver(&task, &first).await;
    let before = scene.relocation().await;
    assert_eq!(scene.deliver(&task, &first).await, Handled::Done);
    assert_eq!(scene.deliver(&task, &again).await, Handled::Done);
    assert_eq!(scene.ports.tokens.answer_of(&again.token), Some(next_task()));
    assert_eq!(scene.relocation().await, before);
    assert_eq!(task.runs(), 1);
}

#[tokio::test]
async fn two_at_once_come_to_one_outcome() {
    let scene = Scene::new().await;
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let task = TestTask::new(move |_| {
        let both = Arc::clone(&both);
        async move {
            both.wait().await;
            Ok(Finished::next().with(Changes { notify: Some(Notified::Started), ..Changes::default() }))
        }
    });
    let message = scene.message();
    let handled = tokio::join!(scene.deliver(&task, &message), scene.deliver(&task, &message));
    assert_eq!(handled, (Handled::Done, Handled::Done));
    assert_eq!(task.runs(), 2);
    assert_eq!(scene.answer(), Some(next_task()));
    let started = scene.events().into_iter().filter(|event| matches!(event, Event::Started(_))).count();
    assert_eq!(started, 1);
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_after_a_backoff() {
    let scene = Scene::new().await;
    let task = broken(true);
    for deliveries in 1..=3_u32 {
        let body = serde_json::to_string(&scene.message()).unwrap();
        assert_eq!(scene.deliver_body(&task, body, deliveries).await, Handled::Failed);
        let postponed = scene.ports.queues.postponed();
        let latest = postponed.last().unwrap();
        let longest = BASE * 2_u32.pow(deliveries - 1);
        assert_eq!(latest.receipt, "the receipt");
        assert!((Duration::from_secs(1)..=longest).contains(&latest.delay), "{deliveries}: {latest:?}");
        assert_eq!(scene.relocation().await.latest_task_attempts, deliveries);
    }
    assert_eq!(scene.answer(), None);
    assert_eq!(scene.relocation().await.status, Status::InProgress);
}

#[tokio::test]
async fn spent_attempts_fail_the_relocation_with_the_tasks_code() {
    let scene = Scene::new().await;
    let task = broken(true);
    for _ in 1..=3 {
        assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Failed);
    }
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(task.runs(), 4);
    let code = ErrorCode::UploadingStartFailed;
    assert_eq!(scene.answer(), Some(Answer::failed(Turn(0), code)));
    let relocation = scene.relocation().await;
    assert_eq!(relocation.status, Status::Failure);
    assert_eq!(relocation.failure_reason, Some(code.into()));
    assert_eq!(scene.ports.store.lock_of(OWNER), None);
}

/// A function that dies each time never reports; its starts are counted all the same.
#[tokio::test]
async fn attempts_that_died_count() {
    let scene = Scene::new().await;
    let task = TestTask::new(|_| std::future::pending());
    for _ in 1..=4 {
        let message = scene.message();
        let dies = tokio::time::timeout(Duration::from_millis(5), scene.deliver(&task, &message));
        dies.await.unwrap_err();
    }
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(task.runs(), 4);
    assert_eq!(scene.answer(), Some(Answer::failed(Turn(0), ErrorCode::UploadingStartFailed)));
}

#[tokio::test]
async fn a_verdict_fails_the_relocation_at_once() {
    let scene = Scene::new().await;
    let task = TestTask::new(|_| async { Err(TaskError::verdict(ErrorCode::NoUsers)) });
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(scene.answer(), Some(Answer::failed(Turn(0), ErrorCode::NoUsers)));
    assert_eq!(scene.relocation().await.failure_reason, Some(ErrorCode::NoUsers.into()));
}

#[tokio::test]
async fn what_no_retry_can_mend_fails_at_once() {
    let scene = Scene::new().await;
    let task = broken(false);
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(scene.answer(), Some(Answer::failed(Turn(0), ErrorCode::UploadingStartFailed)));
}

#[tokio::test]
async fn a_panic_is_a_transient_failure() {
    let scene = Scene::new().await;
    let task = TestTask::new(|_| async { panic!("a body that panics") });
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Failed);
    assert_eq!(scene.answer(), None);
    assert_eq!(scene.relocation().await.status, Status::InProgress);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_a_transient_failure() {
    let scene = Scene::new().await;
    let task = TestTask::new(|_| std::future::pending());
    let begun = tokio::time::Instant::now();
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Failed);
    assert!(begun.elapsed() < Duration::from_secs(60), "the function has time left to say so");
    assert_eq!(scene.answer(), None);
}

#[tokio::test(start_paused = true)]
async fn a_slice_ends_before_the_function_does() {
    let scene = Scene::new().await;
    let task = TestTask::new(|context| async move {
        assert!(context.slice_left() <= Duration::from_secs(55));
        tokio::time::advance(context.slice_left()).await;
        Ok(Finished::again(0))
    });
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(scene.answer(), Some(Answer::again(Turn(1), OrderedTask::UploadingStart, 0)));
}

#[tokio::test]
async fn a_turn_that_saved_progress_is_no_attempt() {
    let scene = Scene::new().await;
    let task = TestTask::new(|_| async { Ok(Finished::again(60)) });
    for turn in 0..10 {
        let token = TaskToken::new(format!("token {turn}"));
        let message = TaskMessage { turn: Turn(turn), token: token.clone(), ..scene.message() };
        assert_eq!(scene.deliver(&task, &message).await, Handled::Done);
        let again = Answer::again(Turn(turn + 1), OrderedTask::UploadingStart, 60);
        assert_eq!(scene.ports.tokens.answer_of(&token), Some(again));
        assert_eq!(scene.relocation().await.latest_task_attempts, 1);
    }
}

#[tokio::test]
async fn an_abort_stops_the_body_at_its_fence() {
    let scene = Scene::new().await;
    let store = Arc::clone(&scene.ports.store);
    let id = scene.id;
    let task = TestTask::new(move |context| {
        let store = Arc::clone(&store);
        async move {
            context.fence.check().await?;
            let relocation = store.relocation(id).await?.unwrap();
            store.commit(admin::abort(&relocation, Actor::Pipeline, context.now).unwrap()).await.unwrap();
            context.fence.check().await?;
            panic!("the fence lets nobody through after an abort");
        }
    });
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(scene.answer(), Some(Answer::stopped(Turn(0))));
    let relocation = scene.relocation().await;
    assert_eq!(relocation.failure_reason, Some(ErrorCode::AbortedByAdministrator.into()));
}

#[tokio::test]
async fn an_outcome_after_an_abort_changes_nothing() {
    let scene = Scene::new().await;
    let store = Arc::clone(&scene.ports.store);
    let id = scene.id;
    let task = TestTask::new(move |context| {
        let store = Arc::clone(&store);
        async move {
            let relocation = store.relocation(id).await?.unwrap();
            store.commit(admin::abort(&relocation, Actor::Pipeline, context.now).unwrap()).await.unwrap();
            Ok(Finished::next().with(Changes { notify: Some(Notified::Started), ..Changes::default() }))
        }
    });
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(scene.answer(), Some(Answer::stopped(Turn(0))));
    assert_eq!(scene.relocation().await.latest_notified, None);
}

/// Scheduling a pause while a body runs is no reason to run the body again.
#[tokio::test]
async fn a_change_meanwhile_does_not_cost_the_outcome() {
    let scene = Scene::new().await;
    let store = Arc::clone(&scene.ports.store);
    let id = scene.id;
    let task = TestTask::new(move |context| {
        let store = Arc::clone(&store);
        async move {
            let relocation = store.relocation(id).await?.unwrap();
            let pause = admin::pause(&relocation, None, Actor::Pipeline, context.now).unwrap();
            store.commit(pause).await.unwrap();
            Ok(Finished::next())
        }
    });
    assert_eq!(scene.deliver(&task, &scene.message()).await, Handled::Done);
    assert_eq!(task.runs(), 1);
    assert_eq!(scene.answer(), Some(next_task()));
    assert_eq!(scene.relocation().await.scheduled_pause_at_step, Some(Step::Preprocessing));
}

#[rstest]
#[case::no_json("nonsense")]
#[case::empty("")]
#[case::no_task(r#"{"uuid": "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90"}"#)]
#[case::another_tasks(
    r#"{"uuid": "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "generation": 1, "task": "importing", "turn": 0, "token": "t"}"#
)]
#[tokio::test]
async fn a_message_that_makes_no_sense_becomes_a_dead_letter(#[case] body: &str) {
    let scene = Scene::new().await;
    let task = done();
    assert_eq!(scene.deliver_body(&task, body.to_owned(), 1).await, Handled::Failed);
    assert_eq!(task.runs(), 0);
    assert_eq!(scene.ports.queues.postponed(), []);
}

#[tokio::test]
async fn a_message_reads_as_the_machine_writes_it() {
    let scene = Scene::new().await;
    let task = done();
    let body = format!(
        r#"{{"uuid": "{}", "generation": 1, "task": "uploading_start", "turn": 0, "token": "the token", "build": null}}"#,
        scene.id
    );
    assert_eq!(scene.deliver_body(&task, body, 1).await, Handled::Done);
    assert_eq!(scene.answer(), Some(next_task()));
}

#[tokio::test]
async fn a_message_of_an_earlier_run_is_dropped() {
    let scene = Scene::new().await;
    let task = done();
    let message = TaskMessage { generation: Generation(0), ..scene.message() };
    assert_eq!(scene.deliver(&task, &message).await, Handled::Done);
    assert_eq!((task.runs(), scene.answer()), (0, None));
}

#[tokio::test]
async fn a_message_about_no_relocation_leaves_no_token_open() {
    let scene = Scene::new().await;
    let task = done();
    let uuid = "00000000-0000-4000-8000-000000000000".parse().unwrap();
    assert_eq!(scene.deliver(&task, &TaskMessage { uuid, ..scene.message() }).await, Handled::Done);
    assert_eq!((task.runs(), scene.answer().unwrap().outcome), (0, Verdict::Stopped));
}

/// Delivers until the message is handled, as a queue does, and shows what is left of it for good.
async fn deliver_to_the_end(scene: &Scene, task: &TestTask) -> impl PartialEq + std::fmt::Debug + use<> {
    let message = scene.message();
    let mut deliveries = 0;
    while scene.deliver(task, &message).await == Handled::Failed {
        deliveries += 1;
        assert!(deliveries < 4, "one fault costs one delivery");
    }
    scene.faults.reset();
    // A retry is counted and writes the record once more; all else must be as without a fault.
    let relocation = Relocation {
        latest_task_attempts: 0,
        version: pipeline::ids::Version(0),
        ..scene.relocation().await
    };
    let outbox = scene.ports.store.outbox();
    (relocation, outbox, scene.outcome().await, scene.answer(), scene.ports.store.lock_of(OWNER))
}

type MakeTask = fn() -> TestTask;

fn bodies() -> Vec<(&'static str, MakeTask)> {
    vec![
        ("done", done),
        ("done, with changes", || {
            TestTask::new(|_| async {
                let changes = Changes {
                    want_usernames: Some(vec!["bob".to_owned(), "ada".to_owned()]),
                    notify: Some(Notified::Started),
                    ..Changes::default()
                };
                Ok(Finished::next().with(changes))
            })
        }),
        ("again", || TestTask::new(|_| async { Ok(Finished::again(1)) })),
        ("a verdict", || TestTask::new(|_| async { Err(TaskError::verdict(ErrorCode::NoUsers)) })),
        ("with a fence", || {
            TestTask::new(|context| async move {
                context.fence.check().await?;
                Ok(Finished::next())
            })
        }),
    ]
}

/// Whatever call breaks off, before or after its effect, the next delivery ends as if nothing had happened.
#[tokio::test]
async fn every_call_may_fail_once() {
    for (name, body) in bodies() {
        let scene = Scene::new().await;
        let expected = deliver_to_the_end(&scene, &body()).await;
        let scene = Scene::new().await;
        scene.deliver(&body(), &scene.message()).await;
        let calls = scene.faults.calls();
        assert!(calls >= 7, "{name}: {calls} calls");
        for n in 1..=calls {
            for when in [When::Before, When::After] {
                let scene = Scene::new().await;
                scene.faults.fail_call(n, when);
                let end = deliver_to_the_end(&scene, &body()).await;
                assert_eq!(end, expected, "{name}: call {n} of {calls} failed {when:?} its effect");
            }
        }
    }
}

#[tokio::test]
async fn a_dead_letter_fails_the_relocation_and_frees_the_machine() {
    let scene = Scene::new().await;
    let Ports { store, tokens, clock, .. } = &scene.ports;
    for _ in 0..2 {
        give_up_visit(&**store, tokens, &**clock, &scene.message()).await.unwrap();
        let code = ErrorCode::TaskDied;
        assert_eq!(scene.answer(), Some(Answer::failed(Turn(0), code)));
        assert_eq!(scene.relocation().await.failure_reason, Some(code.into()));
    }
    let failed = scene.events().into_iter().filter(|event| matches!(event, Event::Failed(_))).count();
    assert_eq!(failed, 1);
}

#[tokio::test]
async fn a_dead_letter_of_a_visit_with_an_outcome_repeats_its_answer() {
    let scene = Scene::new().await;
    scene.faults.fail_call(7, When::Before);
    scene.deliver(&done(), &scene.message()).await;
    scene.faults.reset();
    assert_eq!((scene.answer(), scene.outcome().await), (None, Some(next_task())));
    let Ports { store, tokens, clock, .. } = &scene.ports;
    give_up_visit(&**store, tokens, &**clock, &scene.message()).await.unwrap();
    assert_eq!(scene.answer(), Some(next_task()));
    assert_eq!(scene.relocation().await.status, Status::InProgress);
}

#[tokio::test]
async fn a_dead_letter_of_an_earlier_run_changes_nothing() {
    let scene = Scene::new().await;
    let Ports { store, tokens, clock, .. } = &scene.ports;
    let message = TaskMessage { generation: Generation(0), ..scene.message() };
    give_up_visit(&**store, tokens, &**clock, &message).await.unwrap();
    assert_eq!(scene.relocation().await.status, Status::InProgress);
}

/// The machine gave up, so nobody goes on with the relocation, whatever the last visit came to.
#[rstest]
#[case::before_the_task(false)]
#[case::after_its_outcome(true)]
#[tokio::test]
async fn a_run_that_failed_fails_the_relocation(#[case] visited: bool) {
    let scene = Scene::new().await;
    if visited {
        scene.deliver(&done(), &scene.message()).await;
    }
    let report = format!(
        r#"{{"uuid": "{}", "generation": 1, "task": "uploading_start", "turn": 0, "error": "States.Timeout"}}"#,
        scene.id
    );
    let report: RunFailure = serde_json::from_str(&report).unwrap();
    let Ports { store, clock, .. } = &scene.ports;
    for _ in 0..2 {
        give_up_run(&**store, &**clock, &report).await.unwrap();
        assert_eq!(scene.relocation().await.failure_reason, Some(ErrorCode::TaskDied.into()));
    }
}

#[tokio::test]
async fn a_run_that_failed_after_another_took_over_changes_nothing() {
    let scene = Scene::new().await;
    let report = RunFailure {
        uuid: scene.id,
        generation: Generation(0),
        task: OrderedTask::UploadingStart,
        error: "States.Timeout".to_owned(),
    };
    let Ports { store, clock, .. } = &scene.ports;
    give_up_run(&**store, &**clock, &report).await.unwrap();
    assert_eq!(scene.relocation().await.status, Status::InProgress);
}

#[tokio::test]
async fn an_update_that_lost_a_race_is_decided_anew() {
    let scene = Scene::new().await;
    let store = &scene.ports.store;
    let now = scene.ports.clock.now();
    let raced = std::sync::atomic::AtomicBool::new(false);
    let updated = update(&**store, scene.id, |relocation| {
        if !raced.swap(true, Ordering::SeqCst) {
            let pause = admin::pause(relocation, None, Actor::Pipeline, now).unwrap();
            futures::executor::block_on(store.commit(pause)).unwrap();
        }
        Ok::<_, CommitError>(admin::cancel(relocation, None, Actor::Pipeline, now).unwrap())
    });
    let updated = updated.await.unwrap().unwrap();
    assert_eq!(updated, scene.relocation().await);
    assert_eq!(updated.scheduled_pause_at_step, Some(Step::Preprocessing));
    assert_eq!(updated.scheduled_cancel_at_step, Some(Step::Preprocessing));
}

fn trace(scene: &Scene) -> Trace {
    scene.message().trace()
}

/// Whatever a visit comes to, each of its lines says whose it is; from when an attempt is counted, which one.
#[rstest]
#[case::done(done(), Handled::Done)]
#[case::broken(broken(true), Handled::Failed)]
#[case::for_good(broken(false), Handled::Done)]
#[case::panic(TestTask::new(|_| async { panic!("a body that panics") }), Handled::Failed)]
#[tokio::test]
async fn every_line_of_an_attempt_says_whose_it_is(#[case] task: TestTask, #[case] expected: Handled) {
    let scene = Scene::new().await;
    let log = Log::new();
    assert_eq!(scene.deliver(&task, &scene.message()).await, expected);
    log.assert_about(trace(&scene), "uploading_start", Some(1));
}

#[tokio::test]
async fn lines_before_an_attempt_is_counted_say_whose_they_are() {
    let scene = Scene::new().await;
    let log = Log::new();
    scene.faults.fail_call(1, When::Before);
    assert_eq!(scene.deliver(&done(), &scene.message()).await, Handled::Failed);
    let stale = TaskMessage { generation: Generation(7), ..scene.message() };
    log.assert_about(trace(&scene), "uploading_start", None);
    assert!(log.lines().iter().all(|line| line["delivery"] == 1));
    drop(log);
    let log = Log::new();
    assert_eq!(scene.deliver(&done(), &stale).await, Handled::Done);
    log.assert_about(stale.trace(), "uploading_start", None);
}

/// Nobody knows whose a message is that cannot be read; whose queue it was in, its line says.
#[tokio::test]
async fn a_line_about_a_message_that_makes_no_sense_says_which_task_got_it() {
    let scene = Scene::new().await;
    let log = Log::new();
    scene.deliver_body(&done(), "nonsense".to_owned(), 3).await;
    let [line] = log.lines().try_into().unwrap();
    assert_eq!((&line["task"], &line["delivery"]), (&"uploading_start".into(), &3.into()));
}

/// An attempt is counted when it starts, and not when its message comes again.
#[tokio::test]
async fn attempts_are_counted_once() {
    let scene = Scene::new().await;
    let log = Log::new();
    scene.deliver(&broken(true), &scene.message()).await;
    scene.deliver(&done(), &scene.message()).await;
    scene.deliver(&done(), &scene.message()).await;
    let counts = ["TasksStarted", "TasksRetried", "TaskDuration"].map(|name| log.count(name));
    assert_eq!(counts, [1, 1, 2]);
}

#[tokio::test]
async fn a_turn_that_goes_on_starts_nothing() {
    let scene = Scene::new().await;
    let log = Log::new();
    for turn in 0..3 {
        let task = TestTask::new(|_| async { Ok(Finished::again(0)) });
        let message = TaskMessage { turn: Turn(turn), ..scene.message() };
        assert_eq!(scene.deliver(&task, &message).await, Handled::Done);
    }
    let counts = ["TasksStarted", "TasksRetried", "TaskDuration"].map(|name| log.count(name));
    assert_eq!(counts, [1, 0, 3]);
}
