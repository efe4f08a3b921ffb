//! What the tests of the transitions share: a relocation to begin with, and times.

use jiff::Timestamp;
use pipeline::commit::{Actor, Commit, Dispatch};
use pipeline::event::Event;
use pipeline::ids::{Generation, RelocationId, Turn, UserId};
use pipeline::kinds::FileKind;
use pipeline::message::{TaskMessage, TaskToken};
use pipeline::relocation::{Place, Relocation, RelocationFile};
use pipeline::task::OrderedTask;
use pipeline::transition::lifecycle::{NewRelocation, Source, create, upload_completed};

pub(crate) const CREATOR: UserId = UserId(1);
pub(crate) const OWNER: UserId = UserId(2);
pub(crate) const STAFF: Actor = Actor::User(UserId(3));

pub(crate) fn id() -> RelocationId {
    "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().unwrap()
}

pub(crate) fn now() -> Timestamp {
    "2026-11-20T09:00:00Z".parse().unwrap()
}

pub(crate) fn raw_file() -> RelocationFile {
    RelocationFile {
        kind: FileKind::RawUserData,
        place: Place::Uploads,
        key: pipeline::artifact::upload(id()),
        bytes: 1_000,
        pinned: None,
        upload: None,
        proof: None,
    }
}

pub(crate) fn new_relocation(source: Source) -> NewRelocation {
    NewRelocation {
        id: id(),
        creator: CREATOR,
        owner: OWNER,
        want_org_slugs: vec!["acme".to_owned()],
        autopause: None,
        promo_code: None,
        artifact_retention_days: 30,
        source,
    }
}

/// Just asked for, without a file.
pub(crate) fn created() -> Relocation {
    create(new_relocation(Source::Upload(raw_file())), Actor::User(CREATOR), now()).relocation
}

/// Its upload has arrived; no task was started.
pub(crate) fn uploaded() -> Relocation {
    upload_completed(&created(), now()).unwrap().relocation
}

/// `task` was started for the `attempts`-th time.
pub(crate) fn at(task: OrderedTask, attempts: u32) -> Relocation {
    Relocation { latest_task: Some(task), latest_task_attempts: attempts, step: task.step(), ..uploaded() }
}

pub(crate) fn message(task: OrderedTask) -> TaskMessage {
    TaskMessage {
        uuid: id(),
        generation: Generation(1),
        task,
        turn: Turn(0),
        token: TaskToken::new("a token"),
        build: None,
    }
}

pub(crate) fn events(commit: &Commit) -> Vec<Event> {
    let events = commit.outbox.iter().filter_map(|entry| match &entry.dispatch {
        Dispatch::Publish(recorded) => Some(recorded.event.clone()),
        _ => None,
    });
    events.collect()
}

/// Everything but events that a commit sends.
pub(crate) fn dispatches(commit: &Commit) -> Vec<Dispatch> {
    let all = commit.outbox.iter().map(|entry| entry.dispatch.clone());
    all.filter(|dispatch| !matches!(dispatch, Dispatch::Publish(_))).collect()
}
