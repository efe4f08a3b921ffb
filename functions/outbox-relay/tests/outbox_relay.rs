//! What goes out, once or more often, and what stays.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use outbox_relay::{BatchResponse, FailedItem, Invocation, OutboxRelay};
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, OutboxEntry, Validate};
use pipeline::event::Event;
use pipeline::ids::{Generation, RelocationId};
use pipeline::kinds::Status;
use pipeline::memory::{MemoryEvents, MemoryObjects, MemoryQueues, MemoryRelocations, MemoryRuns, When};
use pipeline::port::{Clock, CommitRelocations, PortError, Queue};
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use pipeline::transition::{admin, undo};
use pipeline::undo::{UndoCall, Wish};
use serde_json::json;
use testkit::{CELL, Log, OWNER, Setup, Stage};

type Relay = OutboxRelay<MemoryRelocations, MemoryEvents, MemoryRuns, MemoryQueues, MemoryObjects>;

const RETENTION: Duration = Duration::from_hours(24 * 30);

fn relay(stage: &Stage) -> Relay {
    OutboxRelay {
        cell: CELL.to_owned(),
        store: Arc::clone(&stage.ports.store),
        events: MemoryEvents::with_faults(stage.faults.clone()),
        runs: MemoryRuns::with_faults(stage.faults.clone()),
        queues: MemoryQueues::with_faults(stage.faults.clone()),
        objects: Arc::clone(&stage.objects),
        clock: Box::new(stage.clock.clone()),
        sweep_age: Duration::from_mins(1),
    }
}

/// What the stream brings: every entry that there is.
async fn stream(stage: &Stage, relay: &Relay) -> BatchResponse {
    let invocation = Invocation { records: stage.ports.store.outbox(), sweep: false };
    relay.handle(&invocation, |entry| (entry.sequence.to_string(), Ok(entry.clone()))).await.unwrap()
}

/// A relocation that has asked for everything: events, a run, a validation, the end of a run, the end of a wait, and to
/// be undone.
async fn stage() -> Stage {
    let stage = aborted_at(OrderedTask::ValidatingPoll).await;
    let (relocation, now) = (stage.relocation().await, stage.clock.now());
    let asked = undo::ask(&relocation, Wish::default(), RETENTION, OWNER, now).unwrap();
    stage.ports.store.commit(asked).await.unwrap();
    stage.faults.reset();
    stage
}

async fn aborted_at(task: OrderedTask) -> Stage {
    let stage = Stage::at(task).await;
    stage.abort().await;
    stage
}

/// How far the relay has come: the types of events, runs started and stopped, what queues were sent.
fn sent(relay: &Relay) -> (Vec<String>, usize, usize, Vec<Queue>) {
    let mut events: Vec<_> = relay.events.published().into_iter().map(|event| event.id).collect();
    events.sort();
    events.dedup();
    let mut queues: Vec<_> = relay.queues.sent().into_iter().map(|sent| sent.queue).collect();
    queues.sort_by_key(|queue| format!("{queue:?}"));
    queues.dedup();
    (events, relay.runs.started().len(), relay.runs.stopped().len().min(1), queues)
}

#[tokio::test]
async fn everything_that_is_due_goes_out_and_leaves() {
    let stage = stage().await;
    let relay = relay(&stage);
    assert_eq!(stream(&stage, &relay).await, BatchResponse::default());
    let (events, started, stopped, queues) = sent(&relay);
    assert_eq!((events.len(), started, stopped), (stage.relocation().await.sequence as usize - 6, 1, 1));
    assert_eq!(queues, [Queue::Undo, Queue::Validation]);
    let left: Vec<_> = stage.ports.store.outbox().into_iter().map(|entry| entry.time).collect();
    let now = stage.clock.now();
    let due = [now + Duration::from_hours(24), now + RETENTION];
    assert_eq!(left, due, "the expiry of the upload and of the files is not due");
    assert!(relay.events.published().iter().all(|event| event.source == CELL));
}

#[tokio::test]
async fn an_entry_that_fails_is_named_and_comes_again() {
    let undisturbed = {
        let stage = stage().await;
        let relay = relay(&stage);
        stream(&stage, &relay).await;
        (stage.faults.calls(), sent(&relay))
    };
    for when in [When::Before, When::After] {
        for call in 1..=undisturbed.0 {
            let stage = stage().await;
            let relay = relay(&stage);
            stage.faults.fail_call(call, when);
            let response = stream(&stage, &relay).await;
            assert_eq!(response.batch_item_failures.len(), 1, "{when:?} call {call}");
            stage.faults.reset();
            assert_eq!(stream(&stage, &relay).await, BatchResponse::default());
            assert_eq!(sent(&relay), undisturbed.1, "{when:?} call {call}");
            assert_eq!(stage.ports.store.outbox().len(), 2);
        }
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named() {
    let stage = stage().await;
    let relay = relay(&stage);
    let invocation = Invocation { records: vec![()], sweep: false };
    let read = |_: &()| ("111".to_owned(), Err(PortError::permanent("read an entry", "no JSON")));
    let response = relay.handle(&invocation, read).await.unwrap();
    assert_eq!(response.batch_item_failures, [FailedItem { item_identifier: "111".to_owned() }]);
    assert_eq!(
        serde_json::to_value(response).unwrap(),
        json!({"batchItemFailures": [{"itemIdentifier": "111"}]})
    );
}

#[tokio::test]
async fn the_sweep_sends_what_is_older_than_its_age() {
    let stage = stage().await;
    let relay = relay(&stage);
    let sweep: Invocation<OutboxEntry> = serde_json::from_value(json!({"sweep": true})).unwrap();
    let read = |_: &OutboxEntry| unreachable!("a sweep brings no records");
    stage.clock.0.advance(Duration::from_mins(1));
    relay.handle(&sweep, read).await.unwrap();
    assert_eq!(relay.events.published(), [], "nothing is older than a minute");
    stage.clock.0.advance(Duration::from_millis(1));
    relay.handle(&sweep, read).await.unwrap();
    assert_eq!(relay.sweep().await.unwrap(), 0);
    assert_eq!(stage.ports.store.outbox().len(), 2);
}

#[tokio::test]
async fn an_upload_that_never_comes_fails_the_relocation_after_a_day() {
    let stage = Stage::awaiting_upload(Setup::default()).await;
    let relay = relay(&stage);
    stream(&stage, &relay).await;
    stage.clock.0.advance(Duration::from_hours(24));
    relay.sweep().await.unwrap();
    assert_eq!(stage.relocation().await.status, Status::InProgress);
    stage.clock.0.advance(Duration::from_secs(61));
    relay.sweep().await.unwrap();
    let relocation = stage.relocation().await;
    assert_eq!(relocation.failure_reason.unwrap().code, ErrorCode::UploadExpired);
    // Its failure is told like any other.
    assert!(matches!(stage.events().as_slice(), [Event::Failed(failed)] if failed.mailed));
}

#[tokio::test]
async fn an_upload_that_came_in_time_is_not_expired() {
    let stage = Stage::at(OrderedTask::Importing).await;
    let relay = relay(&stage);
    stage.clock.0.advance(Duration::from_hours(25));
    relay.sweep().await.unwrap();
    assert_eq!(stage.ports.store.outbox(), []);
    assert_eq!(stage.relocation().await.status, Status::InProgress);
    assert_eq!(stage.relocation().await.generation, Generation(1));
}

/// The files of two relocations, in both buckets: those of the stage's first.
fn store_files(stage: &Stage) -> [(Place, String); 4] {
    let other: RelocationId = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let files = [stage.id, other].map(|id| {
        [(Place::Artifacts, artifact::validation_plan(id)), (Place::Uploads, artifact::upload(id))]
    });
    let files: [(Place, String); 4] = files.concat().try_into().unwrap();
    for (place, key) in &files {
        stage.objects.insert(*place, key, "replaced");
        stage.objects.insert(*place, key, "content");
    }
    files
}

/// A relocation whose files are to go with the next sweep.
async fn expired() -> (Stage, Relay) {
    let stage = stage().await;
    let relay = relay(&stage);
    relay.sweep().await.unwrap();
    stage.clock.0.advance(RETENTION + Duration::from_secs(61));
    stage.faults.reset();
    (stage, relay)
}

fn are_there(stage: &Stage, files: &[(Place, String)]) -> Vec<bool> {
    files.iter().map(|(place, key)| stage.objects.content(*place, key).is_some()).collect()
}

#[tokio::test]
async fn the_files_of_what_ended_are_removed_after_their_time() {
    let stage = stage().await;
    let (relay, files) = (relay(&stage), store_files(&stage));
    stage.clock.0.advance(RETENTION);
    relay.sweep().await.unwrap();
    assert_eq!(are_there(&stage, &files), [true; 4], "a sweep takes what is older than its age");
    stage.clock.0.advance(Duration::from_secs(61));
    relay.sweep().await.unwrap();
    assert_eq!(are_there(&stage, &files), [false, false, true, true]);
    assert_eq!(stage.ports.store.outbox(), []);
}

#[tokio::test]
async fn the_files_of_what_was_recovered_stay_until_it_ends_again() {
    let stage = aborted_at(OrderedTask::Postprocessing).await;
    let (relay, files) = (relay(&stage), store_files(&stage));
    stage.clock.0.advance(RETENTION / 2);
    let recovery =
        admin::recover(&stage.relocation().await, None, Actor::User(OWNER), stage.clock.now()).unwrap();
    stage.ports.store.commit(recovery).await.unwrap();
    stage.clock.0.advance(RETENTION);
    relay.sweep().await.unwrap();
    assert_eq!(are_there(&stage, &files), [true; 4], "it is in progress");
    let abort = admin::abort(&stage.relocation().await, Actor::User(OWNER), stage.clock.now()).unwrap();
    stage.ports.store.commit(abort).await.unwrap();
    stage.clock.0.advance(RETENTION / 2);
    relay.sweep().await.unwrap();
    assert_eq!(are_there(&stage, &files), [true; 4], "its time begins with its last end");
    stage.clock.0.advance(RETENTION);
    relay.sweep().await.unwrap();
    assert_eq!(are_there(&stage, &files), [false, false, true, true]);
}

#[tokio::test]
async fn a_removal_that_fails_is_done_by_the_next_sweep() {
    let calls = {
        let (stage, relay) = expired().await;
        relay.sweep().await.unwrap();
        stage.faults.calls()
    };
    for when in [When::Before, When::After] {
        for call in 1..=calls {
            let (stage, relay) = expired().await;
            let files = store_files(&stage);
            stage.faults.fail_call(call, when);
            _ = relay.sweep().await;
            stage.faults.reset();
            relay.sweep().await.unwrap();
            assert_eq!(are_there(&stage, &files), [false, false, true, true], "{when:?} call {call}");
            assert_eq!(stage.ports.store.outbox(), [], "{when:?} call {call}");
        }
    }
}

#[tokio::test]
async fn a_sweep_takes_page_after_page() {
    let stage = Stage::at(OrderedTask::NotifyingUnhide).await;
    let relay = relay(&stage);
    let mut relocation = stage.relocation().await;
    for _ in 0..120 {
        let commit = admin::abort(&relocation, Actor::User(OWNER), stage.clock.now()).unwrap();
        stage.ports.store.commit(commit).await.unwrap();
        let commit =
            admin::recover(&stage.relocation().await, None, Actor::User(OWNER), stage.clock.now()).unwrap();
        stage.ports.store.commit(commit).await.unwrap();
        relocation = stage.relocation().await;
    }
    assert!(stage.ports.store.outbox().len() > 200);
    stage.clock.0.advance(Duration::from_mins(2));
    assert!(relay.sweep().await.unwrap() > 200);
    // What each end asked for is not due, nor is the upload's expiry.
    assert_eq!(stage.ports.store.outbox().len(), 121);
}

/// An entry stays in the outbox until it is sent; how often that was tried, nobody counts.
#[tokio::test]
async fn a_line_about_an_entry_belongs_to_its_run() {
    let stage = stage().await;
    let relay = relay(&stage);
    let log = Log::new();
    stage.faults.fail_call(1, When::Before);
    stream(&stage, &relay).await;
    log.assert_about(stage.relocation().await.trace(), "outbox-relay", None);
}

/// What goes out of a run says which one, so that whoever receives it can go on with the same trace.
#[tokio::test]
async fn what_goes_out_carries_its_run() {
    let stage = stage().await;
    let relay = relay(&stage);
    stream(&stage, &relay).await;
    let trace = stage.relocation().await.trace();
    let events = relay.events.published();
    assert!(!events.is_empty() && events.iter().all(|event| event.trace == Some(trace)), "{events:?}");
    assert!(relay.runs.started().iter().all(|run| run.execution_name() == trace.to_string()));
    let sent = relay.queues.sent();
    let [validation, undo] = sent.as_slice() else {
        panic!("a validation run and undoing are asked for: {sent:?}")
    };
    let call: UndoCall = serde_json::from_str(&undo.body).unwrap();
    assert_eq!((call.uuid, call.undo), (stage.id, 1));
    let message: Validate = serde_json::from_str(&validation.body).unwrap();
    assert_eq!(message.trace(), trace);
}
