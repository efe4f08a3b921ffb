//! Deletions from their message to their end, broken off anywhere, twice at once, and refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, Model, SiloKind};
use delete_rows::DeleteRows;
use deletion::DeletionJob;
use deletion::schedule::{
    Ask, Event, MemorySchedules, ScheduledDeletion, Schedules, Standing, apply, cancel, schedule,
};
use jiff::Timestamp;
use pipeline::event::Envelope;
use pipeline::memory::{Faults, ManualClock, MemoryEvents, MemoryQueues, Sent, When};
use runtime::config::Waits;
use runtime::{Handled, Received};
use serde_json::{Value, json};
use silo::{Intercept, MemorySilo, Page, Row, Silo, StoreError, Transaction, Write};
use testkit::{Breaker, FaultySilo, Log, faulty_silo};
use uuid::Uuid;

const MINUTES: Duration = Duration::from_mins(5);

/// Scheduled deletions whose calls may be made to fail.
struct Flaky(MemorySchedules, Breaker);

impl Schedules for Flaky {
    async fn get(&self, job: &DeletionJob) -> Result<Option<ScheduledDeletion>, StoreError> {
        self.1.call(self.0.get(job)).await
    }

    async fn page(
        &self,
        silo: SiloKind,
        after: Option<&DeletionJob>,
        limit: usize,
    ) -> Result<Page<ScheduledDeletion, DeletionJob>, StoreError> {
        self.1.call(self.0.page(silo, after, limit)).await
    }

    async fn change(
        &self,
        job: &DeletionJob,
        from: Option<&ScheduledDeletion>,
        to: Option<&ScheduledDeletion>,
    ) -> Result<bool, StoreError> {
        self.1.call(self.0.change(job, from, to)).await
    }
}

struct Scene {
    function: DeleteRows<Flaky, MemoryQueues, MemoryEvents, FaultySilo>,
    /// Fails calls to silos and schedules.
    breaker: Breaker,
    /// Fails calls to the queue and the bus.
    faults: Faults,
    job: DeletionJob,
}

impl Scene {
    /// An organisation with 250 teams, whose deletion is scheduled and due.
    async fn new() -> Self {
        Self::with_teams(250).await
    }

    async fn with_teams(teams: i64) -> Self {
        let (breaker, faults, clock) = (Breaker::default(), Faults::default(), ManualClock::default());
        clock.set(now());
        let catalog = Catalog::builtin();
        let function = DeleteRows {
            source: "us".to_owned(),
            schedules: Flaky(MemorySchedules::default(), breaker.clone()),
            queues: MemoryQueues::with_faults(faults.clone()),
            events: MemoryEvents::with_faults(faults.clone()),
            cell: Arc::new(faulty_silo(Arc::clone(&catalog), breaker.clone())),
            control: Arc::new(faulty_silo(catalog, breaker.clone())),
            clock: Box::new(clock),
            waits: Waits::default(),
        };
        let job = DeletionJob { silo: SiloKind::Cell, model: "sentry.organization".to_owned(), object: 5 };
        let scene = Self { function, breaker, faults, job };
        scene.load("sentry.organization", 5, json!({ "slug": "acme", "status": 0 }));
        for team in 1..=teams {
            scene.load("sentry.team", team, json!({ "slug": format!("team-{team}"), "organization": 5 }));
        }
        let ask = Ask { job: scene.job.clone(), by: 7, due: now(), id: Uuid::from_u128(1) };
        schedule(&scene.function.schedules, scene.silo(), &ask, now()).await.unwrap();
        scene.breaker.reset();
        scene
    }

    fn silo(&self) -> &MemorySilo {
        &self.function.cell.silo
    }

    fn model(&self, name: &str) -> &Model {
        self.silo().catalog().find(name).unwrap()
    }

    fn load(&self, model: &str, pk: i64, fields: Value) {
        let Value::Object(fields) = fields else { panic!("an object") };
        self.silo().load(self.model(model), Row::new(pk, fields)).unwrap();
    }

    async fn rows(&self, model: &str) -> usize {
        self.silo().page(self.model(model), None, 1_000).await.unwrap().items.len()
    }

    async fn status(&self) -> Value {
        let row = self.silo().get(self.model("sentry.organization"), &[5]).await.unwrap().remove(0).unwrap();
        row.row.fields["status"].clone()
    }

    /// Lets the organisation say so of itself.
    async fn say(&self, status: i64) {
        let model = self.model("sentry.organization");
        let stored = self.silo().get(model, &[5]).await.unwrap().remove(0).unwrap();
        let mut fields = stored.row.fields.as_ref().clone();
        fields.insert("status".to_owned(), json!(status));
        let writes = vec![Write::replace(model, stored, fields)];
        self.silo().write(&Transaction { writes, chunk: None }).await.unwrap();
    }

    async fn record(&self) -> Option<ScheduledDeletion> {
        self.function.schedules.0.get(&self.job).await.unwrap()
    }

    /// Delivers a message, with so much time left.
    async fn deliver(&self, time_left: Duration) -> Handled {
        let body = serde_json::to_string(&self.job).unwrap();
        let received = Received { body, receipt: "r".to_owned(), deliveries: 1 };
        self.function.handle(&received, time_left).await
    }

    fn published(&self) -> Vec<String> {
        self.function
            .events
            .published()
            .into_iter()
            .map(|event| format!("{} {}", event.kind, event.id))
            .collect()
    }

    async fn assert_gone(&self) {
        assert_eq!(self.record().await, None);
        assert_eq!((self.rows("sentry.organization").await, self.rows("sentry.team").await), (0, 0));
    }
}

fn now() -> Timestamp {
    "2026-03-04T12:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn an_object_goes_with_what_depends_on_it() {
    let scene = Scene::new().await;
    assert_eq!(scene.status().await, json!(1), "pending");
    assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
    scene.assert_gone().await;
    assert!(scene.function.queues.sent().is_empty());
    let [event]: [Envelope; 1] = scene.function.events.published().try_into().unwrap();
    assert_eq!(
        (event.kind.as_str(), event.subject.as_str()),
        ("row.deletion_started", "sentry_organization/5")
    );
    let data = json!({ "silo": "us", "model": "sentry.organization", "table": "sentry_organization", "objectId": 5 });
    assert_eq!((event.data, event.sequence), (data, 0));
}

#[tokio::test]
async fn what_has_more_to_do_is_called_for_again() {
    let scene = Scene::new().await;
    // Less than a slice leaves for the record: it only begins.
    assert_eq!(scene.deliver(Duration::from_secs(1)).await, Handled::Done);
    let record = scene.record().await.unwrap();
    assert!(record.is_in_progress() && record.announced.is_some(), "{record:?}");
    assert_eq!((record.attempts, scene.status().await), (0, json!(2)), "in deletion");
    let [sent]: [Sent; 1] = scene.function.queues.sent().try_into().unwrap();
    assert_eq!(
        (sent.body, sent.delay),
        (serde_json::to_string(&scene.job).unwrap(), Duration::from_secs(15))
    );
    assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
    scene.assert_gone().await;
    assert_eq!(scene.published().len(), 1, "it is told once");
}

#[tokio::test]
async fn what_is_not_due_is_left_alone() {
    let scene = Scene::new().await;
    let due = now().saturating_add(Duration::from_secs(1)).unwrap();
    let ask = Ask { job: scene.job.clone(), by: 7, due, id: Uuid::from_u128(2) };
    schedule(&scene.function.schedules, scene.silo(), &ask, now()).await.unwrap();
    assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
    assert_eq!(scene.record().await.unwrap().standing, Standing::Waiting);
    assert_eq!((scene.rows("sentry.team").await, scene.published().len()), (250, 0));
}

#[tokio::test]
async fn an_object_that_stays_loses_its_schedule() {
    for status in [0, 3] {
        let scene = Scene::new().await;
        scene.say(status).await;
        assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
        assert_eq!((scene.record().await, scene.rows("sentry.team").await), (None, 250));
        assert!(scene.published().is_empty());
    }
}

#[tokio::test]
async fn an_object_that_is_gone_loses_its_schedule() {
    let scene = Scene::new().await;
    let ask = Ask {
        job: DeletionJob { model: "sentry.team".to_owned(), object: 7, ..scene.job.clone() },
        by: 7,
        due: now(),
        id: Uuid::from_u128(3),
    };
    schedule(&scene.function.schedules, scene.silo(), &ask, now()).await.unwrap();
    assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
    let received =
        Received { body: serde_json::to_string(&ask.job).unwrap(), receipt: String::new(), deliveries: 1 };
    assert_eq!(scene.function.handle(&received, MINUTES).await, Handled::Done);
    assert_eq!(scene.function.schedules.0.get(&ask.job).await.unwrap(), None);
    assert_eq!(scene.published().len(), 1, "that of the organisation");
}

#[tokio::test]
async fn what_was_cancelled_stays() {
    let scene = Scene::new().await;
    cancel(&scene.function.schedules, scene.silo(), &scene.job, now()).await.unwrap();
    assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
    assert_eq!((scene.status().await, scene.rows("sentry.team").await), (json!(0), 250));
}

/// Whichever call fails, before or after its effect: the message comes again, and it comes to the same.
#[tokio::test]
async fn broken_off_at_any_call_it_goes_on() {
    let scene = Scene::with_teams(3).await;
    scene.deliver(MINUTES).await;
    let calls = scene.breaker.calls();
    assert!(calls > 10, "{calls}");
    for when in [When::Before, When::After] {
        for call in 1..=calls {
            let scene = Scene::with_teams(3).await;
            scene.breaker.fail_call(call, when);
            let first = scene.deliver(MINUTES).await;
            scene.breaker.reset();
            // What the deletion itself met is called for again; all else fails the message.
            assert!(
                first == Handled::Failed
                    || scene.record().await.is_none()
                    || !scene.function.queues.sent().is_empty()
            );
            assert_eq!(scene.deliver(MINUTES).await, Handled::Done, "{when:?} {call}");
            scene.assert_gone().await;
            let published = scene.published();
            assert!(
                !published.is_empty() && published.iter().all(|event| *event == published[0]),
                "{published:?}"
            );
        }
    }
}

#[tokio::test]
async fn whatever_becomes_of_messages_and_events_it_goes_on() {
    for when in [When::Before, When::After] {
        for call in 1..=2 {
            let scene = Scene::new().await;
            scene.faults.fail_call(call, when);
            // The first call is the event, the second the message that more is left.
            assert_eq!(scene.deliver(Duration::from_secs(1)).await, Handled::Failed);
            scene.faults.reset();
            assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
            scene.assert_gone().await;
        }
    }
}

#[tokio::test]
async fn run_twice_at_once_it_comes_to_the_same() {
    let scene = Scene::new().await;
    let (one, other) = tokio::join!(scene.deliver(MINUTES), scene.deliver(MINUTES));
    assert!([one, other].contains(&Handled::Done));
    scene.deliver(MINUTES).await;
    scene.assert_gone().await;
}

/// A row that says that its target must not go ends the deletion, before anything is gone.
#[tokio::test]
async fn rows_that_stand_in_the_way_end_it() {
    let scene = Scene::new().await;
    let (model, key) = protecting(scene.silo().catalog());
    let target = model.key(&key).unwrap().target_name.clone();
    let job = DeletionJob {
        silo: scene.silo().catalog().find(&target).unwrap().silo,
        model: target.clone(),
        object: 77,
    };
    let silo = match job.silo {
        SiloKind::Cell => &scene.function.cell,
        SiloKind::Control => &scene.function.control,
    };
    let load = |model: &str, pk, fields: Value| {
        let Value::Object(fields) = fields else { panic!("an object") };
        silo.silo.load(silo.catalog().find(model).unwrap(), Row::new(pk, fields)).unwrap();
    };
    load(&target, 77, json!({ "slug": "guarded" }));
    load(&model.name, 8, json!({ key.as_str(): 77 }));
    let ask = Ask { job: job.clone(), by: 7, due: now(), id: Uuid::from_u128(9) };
    schedule(&scene.function.schedules, &*silo.silo, &ask, now()).await.unwrap();
    let received =
        Received { body: serde_json::to_string(&job).unwrap(), receipt: String::new(), deliveries: 1 };
    let log = Log::new();
    for _ in 0..2 {
        assert_eq!(scene.function.handle(&received, MINUTES).await, Handled::Done);
        assert_eq!(
            log.figures(),
            [("GivenUp".to_owned(), Some("delete-rows".to_owned()), 1.0)],
            "counted once"
        );
        let record = scene.function.schedules.0.get(&job).await.unwrap().unwrap();
        assert!(matches!(record.standing, Standing::GivenUp { .. }), "{record:?}");
        let failure = record.failure.unwrap();
        let named: Vec<String> = failure.rows.iter().map(ToString::to_string).collect();
        assert_eq!(named, [format!("{} 8", model.name)], "{}", failure.error);
        assert!(scene.function.queues.sent().is_empty(), "an abort is not retried");
    }
}

/// A model with a key that protects its target, and the key's field.
fn protecting(catalog: &Catalog) -> (&Model, String) {
    let mut models = catalog.models().iter();
    models
        .find_map(|model| {
            let key = model.keys.iter().find(|key| {
                key.on_delete == Some(catalog::OnDelete::Protect) && key.kind == catalog::KeyKind::Local
            })?;
            Some((model, key.field.clone()))
        })
        .unwrap()
}

#[tokio::test]
async fn a_message_that_asks_for_nothing_fails() {
    let scene = Scene::new().await;
    for body in ["", "{}", r#"{"silo":"cell","model":"sentry.ghost","object":1}"#] {
        let received = Received { body: body.to_owned(), receipt: String::new(), deliveries: 1 };
        assert_eq!(scene.function.handle(&received, MINUTES).await, Handled::Failed, "{body}");
    }
}

/// Five retries, five minutes apart, and then it waits for somebody.
#[tokio::test]
async fn what_keeps_failing_is_given_up() {
    let scene = Scene::new().await;
    let failed = |error: &str| Event::Failed {
        failure: deletion::schedule::Failure { error: error.to_owned(), rows: Vec::new() },
        can_retry: true,
    };
    // As the function notes it, attempt after attempt.
    for attempt in 1..=6 {
        assert!(scene.record().await.is_some(), "{attempt}");
        let called = Event::Called(deletion::schedule::Object::Goes);
        apply(&scene.function.schedules, &scene.job, &called, now()).await.unwrap().unwrap();
        apply(&scene.function.schedules, &scene.job, &failed("it broke"), now()).await.unwrap().unwrap();
    }
    assert!(matches!(scene.record().await.unwrap().standing, Standing::GivenUp { .. }));
    assert_eq!(scene.deliver(MINUTES).await, Handled::Done);
    assert_eq!(scene.rows("sentry.team").await, 250, "nobody goes on with it");
}
