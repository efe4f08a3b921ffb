//! Which deletions are called for.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use catalog::SiloKind;
use deletion::DeletionJob;
use deletion::schedule::{Event, MemorySchedules, Object, apply};
use jiff::Timestamp;
use pipeline::memory::{Faults, ManualClock, MemoryQueues, When};
use pipeline::port::Queue;
use schedule_deletions::{ScheduleDeletions, silos};
use uuid::Uuid;

const NOW: &str = "2026-03-04T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn function(faults: &Faults, holds_control: bool) -> ScheduleDeletions<MemorySchedules, MemoryQueues> {
    let clock = ManualClock::default();
    clock.set(at(NOW));
    ScheduleDeletions {
        schedules: MemorySchedules::default(),
        queues: MemoryQueues::with_faults(faults.clone()),
        silos: silos(holds_control),
        clock: Box::new(clock),
    }
}

/// Schedules the deletion of an organisation, or of a user in control.
async fn asked(schedules: &MemorySchedules, silo: SiloKind, object: i64, due: &str) -> DeletionJob {
    let model = match silo {
        SiloKind::Cell => "sentry.organization",
        SiloKind::Control => "sentry.user",
    };
    let job = DeletionJob { silo, model: model.to_owned(), object };
    let event = Event::Asked { id: Uuid::from_u128(1), by: 1, due: at(due), restores: None };
    apply(schedules, &job, &event, at("2026-02-01T00:00:00Z")).await.unwrap().unwrap();
    job
}

async fn begun(schedules: &MemorySchedules, job: &DeletionJob, when: &str) {
    apply(schedules, job, &Event::Called(Object::Goes), at(when)).await.unwrap().unwrap();
}

fn called(function: &ScheduleDeletions<MemorySchedules, MemoryQueues>) -> Vec<DeletionJob> {
    let sent = function.queues.sent();
    assert!(sent.iter().all(|sent| sent.queue == Queue::Deletion && sent.delay.is_zero()));
    sent.iter().map(|sent| serde_json::from_str(&sent.body).unwrap()).collect()
}

#[tokio::test]
async fn what_is_due_is_called_for_and_what_nobody_goes_on_with() {
    let function = function(&Faults::default(), true);
    let schedules = &function.schedules;
    let due = asked(schedules, SiloKind::Cell, 1, NOW).await;
    asked(schedules, SiloKind::Cell, 2, "2026-03-04T12:00:01Z").await;
    let in_progress = asked(schedules, SiloKind::Cell, 3, "2026-03-04T11:00:00Z").await;
    begun(schedules, &in_progress, "2026-03-04T11:00:00Z").await;
    let left = asked(schedules, SiloKind::Cell, 4, "2026-03-03T12:00:00Z").await;
    begun(schedules, &left, "2026-03-03T12:00:00Z").await;
    let elsewhere = asked(schedules, SiloKind::Control, 1, NOW).await;
    assert_eq!(function.handle().await.unwrap().called, 3);
    assert_eq!(called(&function), [due, left, elsewhere]);
}

#[tokio::test]
async fn a_stack_without_control_leaves_its_deletions_to_the_one_that_holds_it() {
    let function = function(&Faults::default(), false);
    asked(&function.schedules, SiloKind::Control, 1, NOW).await;
    assert_eq!(function.handle().await.unwrap().called, 0);
}

#[tokio::test]
async fn many_are_called_for() {
    let function = function(&Faults::default(), true);
    for object in 1..=2_500 {
        asked(&function.schedules, SiloKind::Cell, object, NOW).await;
    }
    assert_eq!(function.handle().await.unwrap().called, 2_500);
}

#[tokio::test]
async fn a_call_that_fails_is_told() {
    let faults = Faults::default();
    let function = function(&faults, true);
    asked(&function.schedules, SiloKind::Cell, 1, NOW).await;
    faults.fail_call(1, When::Before);
    assert!(function.handle().await.is_err());
    assert_eq!(function.handle().await.unwrap().called, 1, "and made again");
}
