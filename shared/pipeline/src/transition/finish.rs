use jiff::Timestamp;

use super::{Cause, fail};
use crate::commit::{Commit, Draft};
use crate::event::{Event, Started, Succeeded, ValidationFinished};
use crate::ids::BuildId;
use crate::kinds::{Notified, Status, ValidationStatus};
use crate::message::{Answer, MAX_TURNS, TaskMessage, Verdict};
use crate::relocation::{Failure, Relocation, RelocationFile};
use crate::task::OrderedTask;
use crate::validation::Validation;

/// What the body of a task came to: how the run goes on, and what to store with that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How the run goes on.
    pub outcome: Outcome,
    /// What to store in the same transaction.
    pub changes: Changes,
}

/// How a run goes on after a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task is done.
    Next,
    /// The task saved progress and wants another turn, after a while.
    Again {
        /// How long to wait first.
        wait_seconds: u32,
    },
    /// The run ends here; a reply from elsewhere starts the next.
    AwaitReply,
    /// Back to `validating_start`, with fresh attempts.
    BackToValidatingStart,
    /// A definite verdict against the relocation.
    Fail(Failure),
}

/// What a task stores with its outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The usernames that come along.
    pub want_usernames: Option<Vec<String>>,
    /// The mail about the whole relocation that is due: `STARTED` or `SUCCEEDED`.
    pub notify: Option<Notified>,
    /// When unclaimed users were written to.
    pub unclaimed_emails_sent_at: Option<Timestamp>,
    /// Files that are there now.
    pub files: Vec<RelocationFile>,
    /// What happened to the validation.
    pub validation: Option<ValidationChange>,
    /// Further events to publish, 90 at most.
    pub events: Vec<Event>,
}

/// What can happen to a validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationChange {
    /// It is due. One that is there already stays.
    Create,
    /// Its next run starts. Whether one is left was checked by the task.
    StartRun,
    /// A run is judged, or given up.
    Conclude(BuildId, ValidationStatus),
}

impl Finished {
    /// The task is done and there is nothing to store.
    #[must_use]
    pub fn next() -> Self {
        Outcome::Next.into()
    }

    /// The task wants another turn, after `wait_seconds`.
    #[must_use]
    pub fn again(wait_seconds: u32) -> Self {
        Outcome::Again { wait_seconds }.into()
    }

    /// Adds what to store.
    #[must_use]
    pub fn with(self, changes: Changes) -> Self {
        Self { changes, ..self }
    }
}

impl From<Outcome> for Finished {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, changes: Changes::default() }
    }
}

/// The end of a visit: the outcome, the state it brings about and its outbox entries in one commit, and the
/// answer to give once that is stored. `None` when the record has moved on without this visit: it ended, or
/// another run took over, so that the visit's outcome means nothing any more.
#[must_use]
pub fn finish(
    relocation: &Relocation,
    message: &TaskMessage,
    finished: Finished,
    now: Timestamp,
) -> Option<(Commit, Answer)> {
    let is_ours = relocation.is_run_by(message.generation) && relocation.latest_task == Some(message.task);
    if !is_ours {
        return None;
    }
    let cause = Cause::Visit(message.visit());
    let mut draft = Draft::new(relocation, now, cause.to_string());
    store(&mut draft, finished.changes, now);
    let mut answer = match finished.outcome {
        Outcome::Next => next(&mut draft, message),
        Outcome::Again { wait_seconds } => again(&mut draft, message, wait_seconds),
        Outcome::AwaitReply => Answer::end(Verdict::Paused, message.turn),
        Outcome::BackToValidatingStart => back(&mut draft, message),
        Outcome::Fail(failure) => {
            let code = failure.code;
            fail::apply(&mut draft, failure, &cause);
            Answer::failed(message.turn, code)
        }
    };
    if answer.next == Some(OrderedTask::ValidatingPoll) {
        answer.build = current_build(draft.relocation());
    }
    draft.outcome(message.visit(), answer.clone());
    Some((draft.finish(), answer))
}

fn current_build(relocation: &Relocation) -> Option<BuildId> {
    relocation.validation.as_ref()?.latest().map(|attempt| attempt.build)
}

fn next(draft: &mut Draft, message: &TaskMessage) -> Answer {
    let next = message.task.next();
    if next.is_none() {
        draft.relocation().status = Status::Success;
        draft.end();
    }
    Answer::next(message.turn, next)
}

/// A turn that saved progress is no attempt: the count is 1 again, and stands for the next turn. A run that
/// has had its turns hands over to a new one.
fn again(draft: &mut Draft, message: &TaskMessage, wait_seconds: u32) -> Answer {
    let relocation = draft.relocation();
    relocation.latest_task_attempts = 1;
    relocation.progress_saved = true;
    let turn = message.turn.next();
    if turn < MAX_TURNS {
        return Answer::again(turn, message.task, wait_seconds);
    }
    draft.start_run(message.task);
    Answer::stopped(turn)
}

/// The only way back in the order of tasks. `validating_start` is the latest task again, not started yet.
fn back(draft: &mut Draft, message: &TaskMessage) -> Answer {
    let relocation = draft.relocation();
    relocation.latest_task = Some(OrderedTask::ValidatingStart);
    relocation.latest_task_attempts = 0;
    Answer::next(message.turn.next(), Some(OrderedTask::ValidatingStart))
}

fn store(draft: &mut Draft, changes: Changes, now: Timestamp) {
    draft.commit().files = changes.files;
    let relocation = draft.relocation();
    if let Some(usernames) = changes.want_usernames {
        relocation.want_usernames = Some(sorted(usernames));
    }
    if let Some(time) = changes.unclaimed_emails_sent_at {
        relocation.latest_unclaimed_emails_sent_at = Some(time);
    }
    if let Some(change) = changes.validation {
        validate(draft, change, now);
    }
    if let Some(notified) = changes.notify {
        notify(draft, notified);
    }
    for event in changes.events {
        draft.publish(event);
    }
}

fn sorted(mut usernames: Vec<String>) -> Vec<String> {
    usernames.sort_unstable();
    usernames.dedup();
    usernames
}

/// A mail is an effect of its event; `FAILED` is told by failing alone.
fn notify(draft: &mut Draft, notified: Notified) {
    let relocation = draft.relocation();
    relocation.latest_notified = Some(notified);
    let users = relocation.want_usernames.as_ref().map_or(0, Vec::len);
    let owner_id = relocation.owner;
    match notified {
        Notified::Started => draft.publish(Event::Started(Started { users })),
        Notified::Succeeded => draft.publish(Event::Succeeded(Succeeded { owner_id })),
        Notified::Failed => {}
    }
}

fn validate(draft: &mut Draft, change: ValidationChange, now: Timestamp) {
    let relocation = draft.relocation();
    let id = relocation.id;
    let validation = relocation.validation.get_or_insert_with(Validation::new);
    match change {
        ValidationChange::Create => {}
        ValidationChange::StartRun => {
            if let Some(build) = validation.start_run(id, now) {
                draft.validate(build);
            }
        }
        ValidationChange::Conclude(build, status) => {
            validation.conclude(build, status);
            draft.publish(Event::ValidationFinished(ValidationFinished { build, status }));
        }
    }
}
