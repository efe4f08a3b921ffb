use jiff::Timestamp;

use super::{Cause, fail};
use crate::code::ErrorCode;
use crate::commit::{Commit, Draft};
use crate::event::{Event, Paused, StepEntered};
use crate::kinds::{Status, Step};
use crate::message::{Answer, TaskMessage, Verdict};
use crate::relocation::{Failure, Relocation};
use crate::task::OrderedTask;

/// What to do with a message that asks for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// The message belongs to an earlier run, or to an earlier validation run: forget it. Its token is
    /// nobody's any more.
    Drop,
    /// Nothing changes: give this answer.
    Answer(Answer),
    /// The visit ends here: store this, then give this answer.
    End(Box<Commit>, Answer),
    /// The task's turn has come: store this, then run the body.
    Run(Box<Commit>),
}

/// The protocol that every task begins with (SPEC, "The ordered tasks", points 1 to 6, in that order).
///
/// `relocation` is the record as stored, or `None` when there is none. `stored` is the outcome of the
/// message's visit, if it has one; it must have been read after the record.
#[must_use]
pub fn start(
    relocation: Option<&Relocation>,
    stored: Option<&Answer>,
    message: &TaskMessage,
    now: Timestamp,
) -> Start {
    // 1. No such relocation, or it has ended: do nothing, but leave no token open.
    let Some(relocation) = relocation else {
        return Start::Answer(Answer::stopped(message.turn));
    };
    if relocation.generation != message.generation {
        return Start::Drop;
    }
    if let Some(answer) = stored {
        return Start::Answer(answer.clone());
    }
    if !relocation.status.is_active() {
        return Start::Answer(Answer::stopped(message.turn));
    }
    if is_of_older_build(relocation, message) {
        return Start::Drop;
    }
    match order(relocation.latest_task, message.task) {
        Order::Earlier => Start::Answer(Answer::stopped(message.turn)),
        Order::Later => end_in_failure(relocation, ErrorCode::TaskOutOfOrder, message, now),
        Order::Retry => match count_retry(relocation, message.task) {
            Some(attempts) => enter(relocation, attempts, message, now),
            None => end_in_failure(relocation, message.task.failure(), message, now),
        },
        Order::Next => enter(relocation, 1, message, now),
    }
}

/// Where a task stands, seen from the latest one.
enum Order {
    Earlier,
    Retry,
    Next,
    Later,
}

/// Point 2: the task must be the latest one or the one right after it.
fn order(latest: Option<OrderedTask>, task: OrderedTask) -> Order {
    let next = match latest {
        Some(latest) => latest.next(),
        None => OrderedTask::ALL.first().copied(),
    };
    if latest == Some(task) {
        Order::Retry
    } else if next == Some(task) {
        Order::Next
    } else if latest > Some(task) {
        Order::Earlier
    } else {
        Order::Later
    }
}

/// Point 3: the count after another start of the latest task; none when its attempts are spent. The first start
/// after a turn that saved progress is no attempt: the count was set for it when that turn ended.
fn count_retry(relocation: &Relocation, task: OrderedTask) -> Option<u32> {
    let attempts = relocation.latest_task_attempts;
    if relocation.progress_saved {
        Some(attempts)
    } else {
        attempts.checked_add(1).filter(|attempts| *attempts <= task.attempts())
    }
}

/// A poll names the validation run that it is about; one about an older run has nothing to say.
fn is_of_older_build(relocation: &Relocation, message: &TaskMessage) -> bool {
    let current = relocation.validation.as_ref().and_then(|validation| validation.latest());
    match (message.build, current) {
        (Some(build), Some(current)) => build != current.build,
        _ => false,
    }
}

/// Points 4 to 6: cancel, pause, or let the body run.
fn enter(relocation: &Relocation, attempts: u32, message: &TaskMessage, now: Timestamp) -> Start {
    let cause = Cause::Visit(message.visit());
    let step = message.task.step();
    let is_new = step > relocation.step;
    let mut draft = Draft::new(relocation, now, cause.to_string());
    let after = draft.relocation();
    after.latest_task = Some(message.task);
    after.latest_task_attempts = attempts;
    after.progress_saved = false;
    after.step = after.step.max(step);

    if is_new && relocation.scheduled_cancel_at_step == Some(step) {
        after.scheduled_cancel_at_step = None;
        after.scheduled_pause_at_step = None;
        let code = ErrorCode::CancelledByAdministrator;
        fail::apply(&mut draft, code.into(), &cause);
        return Start::End(Box::new(draft.finish()), Answer::failed(message.turn, code));
    }
    let pause_is_due = is_new && relocation.scheduled_pause_at_step == Some(step);
    if relocation.status == Status::Pause || pause_is_due {
        return pause(draft, step, message);
    }
    if is_new {
        draft.publish(Event::StepEntered(StepEntered { step }));
    }
    Start::Run(Box::new(draft.finish()))
}

fn pause(mut draft: Draft, step: Step, message: &TaskMessage) -> Start {
    let after = draft.relocation();
    after.status = Status::Pause;
    after.scheduled_pause_at_step = None;
    let answer = Answer::end(Verdict::Paused, message.turn);
    draft.publish(Event::Paused(Paused { step }));
    draft.outcome(message.visit(), answer.clone());
    Start::End(Box::new(draft.finish()), answer)
}

fn end_in_failure(relocation: &Relocation, code: ErrorCode, message: &TaskMessage, now: Timestamp) -> Start {
    match fail(relocation, Failure::from(code), &Cause::Visit(message.visit()), now) {
        Some(commit) => Start::End(Box::new(commit), Answer::failed(message.turn, code)),
        None => Start::Answer(Answer::stopped(message.turn)),
    }
}
