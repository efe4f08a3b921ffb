//! Scheduling and cancelling mark the object, whatever is broken off in between.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use catalog::Catalog;
use deletion::schedule::{
    Ask, Event, MemorySchedules, Object, ScheduleError, Schedules, apply, begin, called, cancel, find,
    put_back, schedule,
};
use deletion::{DeletionError, DeletionJob};
use serde_json::{Value, json};
use silo::{Intercept, Intercepted, MemorySilo, Row, Silo, StoreError, Transaction, Write};
use uuid::Uuid;

use crate::{at, failed, job};

struct World {
    schedules: MemorySchedules,
    silo: MemorySilo,
}

impl World {
    /// With an organisation whose status is so.
    fn new(status: i64) -> Self {
        let silo = MemorySilo::new(Catalog::builtin());
        let model = silo.catalog().find("sentry.organization").unwrap();
        let Value::Object(fields) = json!({ "slug": "acme", "status": status }) else { panic!("an object") };
        silo.load(model, Row::new(5, fields)).unwrap();
        Self { schedules: MemorySchedules::default(), silo }
    }

    async fn schedule(&self) {
        let ask = Ask { job: job(), by: 7, due: at(10), id: Uuid::from_u128(1) };
        schedule(&self.schedules, &self.silo, &ask, at(0)).await.unwrap();
    }

    async fn happen(&self, event: Event) {
        apply(&self.schedules, &job(), &event, at(20)).await.unwrap().unwrap();
    }

    /// Lets the organisation say so of itself.
    async fn say(&self, status: i64) {
        let model = self.silo.catalog().find("sentry.organization").unwrap();
        let stored = self.silo.get(model, &[5]).await.unwrap().remove(0).unwrap();
        let mut fields = stored.row.fields.as_ref().clone();
        fields.insert("status".to_owned(), json!(status));
        let writes = vec![Write::replace(model, stored, fields)];
        self.silo.write(&Transaction { writes, chunk: None }).await.unwrap();
    }

    async fn status(&self) -> i64 {
        let model = self.silo.catalog().find("sentry.organization").unwrap();
        let row = self.silo.get(model, &[5]).await.unwrap().remove(0).unwrap();
        row.row.fields["status"].as_i64().unwrap()
    }
}

#[tokio::test]
async fn a_mark_is_set_moved_on_and_taken_off() {
    // Active, pending already, in deletion already, hidden by an import: what it was comes back, if that was no mark.
    for (before, restored) in [(0, 0), (1, 0), (2, 0), (3, 3)] {
        let world = World::new(before);
        world.schedule().await;
        assert_eq!(world.status().await, 1, "{before}");
        assert_eq!(find(&world.silo, &job()).await.unwrap(), Object::Goes);
        assert!(cancel(&world.schedules, &world.silo, &job(), at(1)).await.unwrap());
        assert_eq!(world.status().await, restored, "{before}");
        assert!(!cancel(&world.schedules, &world.silo, &job(), at(1)).await.unwrap(), "nothing is left");
        assert_eq!(find(&world.silo, &job()).await.unwrap(), Object::Stays);
    }
}

/// Schedules the deletion anew as soon as somebody has looked at the object.
struct ScheduledMeanwhile<'a>(&'a World, AtomicBool);

impl Intercept for ScheduledMeanwhile<'_> {
    async fn call<T: Send, E: From<StoreError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let seen = call.await;
        if !self.1.swap(true, Ordering::SeqCst) {
            self.0.schedule().await;
        }
        seen
    }
}

#[tokio::test]
async fn what_was_seen_before_the_mark_does_not_take_the_schedule_away() {
    let world = World::new(0);
    world.schedule().await;
    world.say(0).await;
    let between = ScheduledMeanwhile(&world, AtomicBool::new(false));
    let silo = Intercepted { silo: &world.silo, between };
    let found = called(&world.schedules, &silo, &job(), at(20)).await.unwrap();
    assert_eq!(found.object, Object::Goes);
    assert!(found.record.is_some_and(|record| record.is_in_progress()));
    assert!(world.schedules.get(&job()).await.unwrap().is_some());
    assert_eq!(world.status().await, 1);
}

#[tokio::test]
async fn what_was_scheduled_twice_is_restored_to_what_it_was() {
    let world = World::new(3);
    world.schedule().await;
    world.schedule().await;
    cancel(&world.schedules, &world.silo, &job(), at(1)).await.unwrap();
    assert_eq!(world.status().await, 3);
}

#[tokio::test]
async fn what_has_begun_cannot_be_cancelled_until_it_is_given_up() {
    let world = World::new(0);
    world.schedule().await;
    world.happen(Event::Called(Object::Goes)).await;
    assert_eq!(begin(&world.silo, &job()).await.unwrap(), Object::Goes);
    assert_eq!(world.status().await, 2, "in deletion");
    let refused = cancel(&world.schedules, &world.silo, &job(), at(21)).await;
    assert!(matches!(refused, Err(ScheduleError::InProgress(_))), "{refused:?}");
    assert_eq!(world.status().await, 2);
    world.happen(failed(false)).await;
    put_back(&world.silo, &job()).await.unwrap();
    assert_eq!(world.status().await, 1, "pending");
    assert!(cancel(&world.schedules, &world.silo, &job(), at(22)).await.unwrap());
    assert_eq!(world.status().await, 0);
}

/// Whoever gave it up may have died before the mark was moved back.
#[tokio::test]
async fn what_was_given_up_is_cancelled_whatever_its_mark() {
    let world = World::new(0);
    world.schedule().await;
    world.happen(Event::Called(Object::Goes)).await;
    begin(&world.silo, &job()).await.unwrap();
    world.happen(failed(false)).await;
    cancel(&world.schedules, &world.silo, &job(), at(22)).await.unwrap();
    assert_eq!(world.status().await, 0);
}

#[tokio::test]
async fn what_was_taken_back_does_not_begin() {
    let world = World::new(0);
    world.schedule().await;
    cancel(&world.schedules, &world.silo, &job(), at(1)).await.unwrap();
    assert_eq!(begin(&world.silo, &job()).await.unwrap(), Object::Stays);
    assert_eq!(world.status().await, 0);
}

#[tokio::test]
async fn a_model_without_a_mark_is_scheduled_all_the_same() {
    let world = World::new(0);
    let model = world.silo.catalog().find("sentry.team").unwrap();
    let Value::Object(fields) = json!({ "slug": "ops", "organization": 5 }) else { panic!("an object") };
    world.silo.load(model, Row::new(9, fields.clone())).unwrap();
    let job = DeletionJob { model: "sentry.team".to_owned(), object: 9, ..job() };
    let ask = Ask { job: job.clone(), by: 7, due: at(10), id: Uuid::from_u128(1) };
    let record = schedule(&world.schedules, &world.silo, &ask, at(0)).await.unwrap();
    assert_eq!((record.revision, &record.restores), (1, &None));
    assert_eq!(world.silo.get(model, &[9]).await.unwrap()[0].as_ref().unwrap().row.fields.as_ref(), &fields);
    assert!(cancel(&world.schedules, &world.silo, &job, at(1)).await.unwrap());
}

#[tokio::test]
async fn what_is_not_there_is_not_scheduled() {
    let world = World::new(0);
    for (model, object, silo) in [
        ("sentry.organization", 6, catalog::SiloKind::Cell),
        ("sentry.ghost", 5, catalog::SiloKind::Cell),
        ("sentry.organization", 5, catalog::SiloKind::Control),
    ] {
        let job = DeletionJob { silo, model: model.to_owned(), object };
        let ask = Ask { job: job.clone(), by: 7, due: at(10), id: Uuid::from_u128(1) };
        let refused = schedule(&world.schedules, &world.silo, &ask, at(0)).await.unwrap_err();
        let is_right = match refused {
            ScheduleError::UnknownObject(_) => object == 6,
            ScheduleError::Object(DeletionError::UnknownModel { .. }) => object == 5,
            _ => false,
        };
        assert!(is_right, "{job}: {refused:?}");
        assert_eq!(world.schedules.get(&job).await.unwrap(), None);
    }
}
