use jiff::Timestamp;

use super::Cause;
use crate::commit::{Commit, Draft};
use crate::event::{Event, Failed};
use crate::kinds::{Notified, Status};
use crate::message::Answer;
use crate::relocation::{Failure, Relocation};

/// Fails a relocation: the only way in which it can happen. Idempotent, as the first reason stays: a
/// relocation that has ended already gives `None`.
///
/// Releases the owner's lock, lets the artifacts expire and publishes `relocation.failed`, which mails owner and creator unless an
/// administrator decided it. A visit of a task gets its outcome recorded; any other cause stops the run.
#[must_use]
pub fn fail(relocation: &Relocation, failure: Failure, cause: &Cause, now: Timestamp) -> Option<Commit> {
    if !relocation.status.is_active() {
        return None;
    }
    let mut draft = Draft::new(relocation, now, cause.to_string());
    apply(&mut draft, failure, cause);
    Some(draft.finish())
}

/// The failure of [`fail`] on top of what a draft holds already.
pub(super) fn apply(draft: &mut Draft, failure: Failure, cause: &Cause) {
    let code = failure.code;
    let relocation = draft.relocation();
    relocation.status = Status::Failure;
    relocation.failure_reason = Some(failure);
    relocation.progress_saved = false;
    if code.is_mailed() {
        relocation.latest_notified = Some(Notified::Failed);
    }
    let event =
        Failed { code, step: relocation.step, task: relocation.latest_task, mailed: code.is_mailed() };
    draft.publish(Event::Failed(event));
    draft.end();
    match cause {
        Cause::Visit(visit) => draft.outcome(*visit, Answer::failed(visit.turn, code)),
        Cause::Pipeline(_) => draft.stop_run(),
        Cause::Person(by, action) => {
            draft.audit(*by, action, None);
            draft.stop_run();
        }
    }
}
