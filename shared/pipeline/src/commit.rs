//! What a transition asks of the store: everything in one [`Commit`] happens, or nothing of it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::code::ErrorCode;
use crate::event::{Event, Recorded};
use crate::ids::{BuildId, Generation, RelocationId, Trace, UserId, Version};
use crate::kinds::{Status, UndoStatus};
use crate::message::{Answer, Visit};
use crate::relocation::{Relocation, RelocationFile};
use crate::task::OrderedTask;
use crate::undo::UndoCall;
use crate::upload::SizeClass;

/// One transaction on a relocation. It fits DynamoDB's limit of 100 items as long as a task's own events
/// number 90 at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The version that the store must hold; 0 when the relocation must not be there yet.
    pub expected: Version,
    /// The relocation after it; its version is the one after `expected`.
    pub relocation: Relocation,
    /// What to do with the lock of the relocation's owner.
    pub lock: Lock,
    /// Files to put, each in place of the one of its kind.
    pub files: Vec<RelocationFile>,
    /// The outcome of a visit. There must be none for it yet.
    pub outcome: Option<(Visit, Answer)>,
    /// What to send once this is stored.
    pub outbox: Vec<OutboxEntry>,
    /// Who did it, when a person did.
    pub audit: Option<Audit>,
    /// The size class whose daily limit this relocation counts against.
    pub counted: Option<SizeClass>,
}

impl Commit {
    /// How the relocation ends by this: with the reason when it fails, without one when it succeeds. `None` when it
    /// goes on, or had ended before.
    #[must_use]
    pub fn end(&self) -> Option<Result<(), ErrorCode>> {
        // An owner is free when the relocation has ended, and not before.
        let ends = self.lock == Lock::Release;
        ends.then(|| match &self.relocation.failure_reason {
            Some(failure) if self.relocation.status == Status::Failure => Err(failure.code),
            _ => Ok(()),
        })
    }

    /// Whether undoing the relocation ends by this without having come to its end.
    #[must_use]
    pub fn undo_broke_off(&self) -> bool {
        let is_failure = self.relocation.undo.as_ref().is_some_and(|undo| undo.status == UndoStatus::Failure);
        is_failure
            && self.outbox.iter().any(|entry| match &entry.dispatch {
                Dispatch::Publish(recorded) => matches!(recorded.event, Event::UndoFailed(_)),
                _ => false,
            })
    }
}

/// What to do with the lock that keeps an owner to one active relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Leave it.
    Keep,
    /// Take it; somebody else's refuses the commit.
    Take,
    /// Release it, if this relocation holds it.
    Release,
}

/// Something to send, stored with the state that asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    /// The relocation that asks.
    pub relocation: RelocationId,
    /// Its number among the relocation's entries.
    pub sequence: u64,
    /// When it is due, which is when it was asked for unless it has to wait.
    pub time: Timestamp,
    /// What to send.
    pub dispatch: Dispatch,
}

impl OutboxEntry {
    /// The run that the entry belongs to; for an upload that nobody sent, the run that it would have begun.
    #[must_use]
    pub fn trace(&self) -> Trace {
        let generation = match &self.dispatch {
            Dispatch::Publish(Recorded { trace: Some(trace), .. }) => return *trace,
            Dispatch::Publish(_) | Dispatch::ExpireUpload | Dispatch::Undo(_) => Generation::default(),
            Dispatch::StartRun(run) => run.generation,
            Dispatch::StopRun(run) => run.generation,
            Dispatch::Validate(validate) => validate.generation,
            Dispatch::ExpireArtifacts(generation) => *generation,
        };
        Trace::new(self.relocation, generation)
    }
}

/// What an outbox entry asks for. Each may be done more than once without harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dispatch {
    /// Publish an event.
    Publish(Recorded),
    /// Start a run of the state machine. That it exists is success.
    StartRun(StartRun),
    /// Stop a run of the state machine. That it has ended is success.
    StopRun(StopRun),
    /// Start a validation run.
    Validate(Validate),
    /// Undo the relocation.
    Undo(UndoCall),
    /// Fail the relocation if it still waits for its upload.
    ExpireUpload,
    /// Remove what the relocation keeps in buckets, unless a run later than this one needs it.
    ExpireArtifacts(Generation),
}

/// The input of an execution. Ids only: an execution's history holds no customer data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRun {
    /// The relocation.
    pub uuid: RelocationId,
    /// The run.
    pub generation: Generation,
    /// The task to begin with.
    pub start_at: OrderedTask,
}

impl StartRun {
    /// The execution's name, which makes starting it twice impossible.
    #[must_use]
    pub fn execution_name(&self) -> String {
        Trace::new(self.uuid, self.generation).to_string()
    }
}

/// A run that has nothing left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRun {
    /// The relocation.
    pub uuid: RelocationId,
    /// The run.
    pub generation: Generation,
}

impl StopRun {
    /// The execution's name.
    #[must_use]
    pub fn execution_name(&self) -> String {
        Trace::new(self.uuid, self.generation).to_string()
    }
}

/// The message that starts a validation run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validate {
    /// The relocation.
    pub uuid: RelocationId,
    /// The validation run.
    pub build: BuildId,
    /// The run that waits for it. Messages that were sent by an older version have none.
    #[serde(default)]
    pub generation: Generation,
}

impl Validate {
    /// What the validation run belongs to.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::new(self.uuid, self.generation)
    }
}

/// Who did something to a relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// A person, by the API.
    User(UserId),
    /// The pipeline itself.
    Pipeline,
}

/// A line of a relocation's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// When.
    pub time: Timestamp,
    /// Who.
    pub by: Actor,
    /// What, as a verb of the API.
    pub action: String,
    /// What it was about, such as a step or a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Builds a commit on top of a relocation. Private to the crate: only transitions make commits.
pub(crate) struct Draft {
    commit: Commit,
    now: Timestamp,
    causation: String,
}

impl Draft {
    /// Begins with the relocation as it was read.
    pub(crate) fn new(relocation: &Relocation, now: Timestamp, causation: impl Into<String>) -> Self {
        let mut relocation = relocation.clone();
        let expected = relocation.version;
        relocation.version = expected.next();
        relocation.date_updated = now;
        let commit = Commit {
            expected,
            relocation,
            lock: Lock::Keep,
            files: Vec::new(),
            outcome: None,
            outbox: Vec::new(),
            audit: None,
            counted: None,
        };
        Self { commit, now, causation: causation.into() }
    }

    /// The relocation as it will be.
    pub(crate) const fn relocation(&mut self) -> &mut Relocation {
        &mut self.commit.relocation
    }

    /// The rest of the commit.
    pub(crate) const fn commit(&mut self) -> &mut Commit {
        &mut self.commit
    }

    /// Publishes an event.
    pub(crate) fn publish(&mut self, event: Event) {
        let subject = self.commit.relocation.id.to_string();
        let sequence = self.commit.relocation.sequence.saturating_add(1);
        self.dispatch(Dispatch::Publish(Recorded {
            id: format!("{subject}-{sequence}"),
            time: self.now,
            subject,
            sequence,
            causation: self.causation.clone(),
            trace: Some(self.commit.relocation.trace()),
            event,
        }));
    }

    /// Starts a validation run.
    pub(crate) fn validate(&mut self, build: BuildId) {
        let Relocation { id: uuid, generation, .. } = self.commit.relocation;
        self.dispatch(Dispatch::Validate(Validate { uuid, build, generation }));
    }

    /// Raises the generation and starts its run. The only place where either happens.
    pub(crate) fn start_run(&mut self, start_at: OrderedTask) {
        let relocation = &mut self.commit.relocation;
        relocation.generation = relocation.generation.next();
        let run = StartRun { uuid: relocation.id, generation: relocation.generation, start_at };
        self.dispatch(Dispatch::StartRun(run));
    }

    /// Stops the current run, if there is one.
    pub(crate) fn stop_run(&mut self) {
        let Relocation { id: uuid, generation, .. } = self.commit.relocation;
        if generation > Generation::default() {
            self.dispatch(Dispatch::StopRun(StopRun { uuid, generation }));
        }
    }

    /// Fails the relocation after a while if it still waits for its upload then.
    pub(crate) fn expire_upload(&mut self, after: Duration) {
        let due = self.now.saturating_add(after).unwrap_or(Timestamp::MAX);
        self.dispatch_at(due, Dispatch::ExpireUpload);
    }

    /// Calls for undoing the relocation.
    pub(crate) fn call_for_undo(&mut self, undo: u32) {
        let uuid = self.commit.relocation.id;
        self.dispatch(Dispatch::Undo(UndoCall { uuid, undo }));
    }

    /// The relocation ends: its owner may have another one, and what it keeps in buckets goes after a while, unless it
    /// is recovered until then.
    pub(crate) fn end(&mut self) {
        self.commit.lock = Lock::Release;
        self.commit.relocation.date_ended = Some(self.now);
        self.expire_artifacts();
    }

    /// What the relocation keeps in buckets goes after a while.
    pub(crate) fn expire_artifacts(&mut self) {
        let Relocation { generation, artifact_retention_days, .. } = self.commit.relocation;
        let kept_for = Duration::from_hours(24 * u64::from(artifact_retention_days));
        let due = self.now.saturating_add(kept_for).unwrap_or(Timestamp::MAX);
        self.dispatch_at(due, Dispatch::ExpireArtifacts(generation));
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        self.dispatch_at(self.now, dispatch);
    }

    fn dispatch_at(&mut self, time: Timestamp, dispatch: Dispatch) {
        let relocation = &mut self.commit.relocation;
        relocation.sequence = relocation.sequence.saturating_add(1);
        self.commit.outbox.push(OutboxEntry {
            relocation: relocation.id,
            sequence: relocation.sequence,
            time,
            dispatch,
        });
    }

    /// Records the outcome of a visit.
    pub(crate) fn outcome(&mut self, visit: Visit, answer: Answer) {
        self.commit.outcome = Some((visit, answer));
    }

    /// Records who did it, and what it was about.
    pub(crate) fn audit(&mut self, by: Actor, action: &str, detail: Option<String>) {
        self.commit.audit = Some(Audit { time: self.now, by, action: action.to_owned(), detail });
    }

    /// The commit.
    pub(crate) fn finish(self) -> Commit {
        self.commit
    }
}
