//! A relocation is undone, or accepted (SPEC §6). Whether the caller is allowed to ask is the API's business, as in
//! [`admin`](super::admin).

use std::time::Duration;

use jiff::Timestamp;

use super::admin::Refused;
use crate::code::ErrorCode;
use crate::commit::{Actor, Commit, Draft};
use crate::event::{Event, UndoFailed, Undone};
use crate::ids::UserId;
use crate::kinds::{Status, UndoStatus};
use crate::relocation::{Failure, Relocation};
use crate::undo::{CALLED_AGAIN_AFTER, CameTo, Undo, UndoCall, Wish};

/// Undoing a relocation is asked for. `window` is how long after its end that may be; what was begun may be brought to its
/// end later, too. What has been under way for long is called for once more when the same is asked for: its message may
/// be lost, and a second one does no harm.
///
/// # Errors
/// The relocation has not ended; it is undone, or is being undone; the window is over.
pub fn ask(
    relocation: &Relocation,
    wish: Wish,
    window: Duration,
    by: UserId,
    now: Timestamp,
) -> Result<Commit, Refused> {
    let ended = relocation.ended().ok_or(ErrorCode::NotUndoable)?;
    let before = relocation.undo.as_ref();
    if let Some(undo) = before.filter(|undo| undo.status == UndoStatus::InProgress) {
        return call_again(relocation, undo, wish, by, now);
    }
    if before.is_some_and(Undo::is_done) {
        return Err(ErrorCode::AlreadyUndone.into());
    }
    let began = before.is_some_and(|undo| undo.began);
    let is_over = now > ended.saturating_add(window).unwrap_or(Timestamp::MAX);
    if is_over && !began {
        return Err(ErrorCode::UndoWindowOver.into());
    }
    let number = before.map_or(1, |undo| undo.number.saturating_add(1));
    let mut draft = Draft::new(relocation, now, "undo");
    // Of a record from before that was kept, it is when it last changed: now.
    draft.relocation().date_ended = Some(ended);
    draft.relocation().undo = Some(Undo {
        number,
        wish,
        asked_by: by,
        date_asked: now,
        status: UndoStatus::InProgress,
        date_ended: None,
        failure_reason: None,
        began,
    });
    draft.call_for_undo(number);
    draft.audit(Actor::User(by), "undo", detail(wish));
    Ok(draft.finish())
}

fn call_again(
    relocation: &Relocation,
    undo: &Undo,
    wish: Wish,
    by: UserId,
    now: Timestamp,
) -> Result<Commit, Refused> {
    let is_quiet = now > undo.date_asked.saturating_add(CALLED_AGAIN_AFTER).unwrap_or(Timestamp::MAX);
    if wish != undo.wish || !is_quiet {
        return Err(ErrorCode::UndoInProgress.into());
    }
    let mut draft = Draft::new(relocation, now, "undo");
    draft.call_for_undo(undo.number);
    draft.audit(Actor::User(by), "undo", Some("called for again".to_owned()));
    Ok(draft.finish())
}

/// Rows are about to change. `None` when that is known, or undoing is not under way any more.
#[must_use]
pub fn begin(relocation: &Relocation, call: UndoCall, now: Timestamp) -> Option<Commit> {
    let undo = call.of(relocation).filter(|undo| !undo.began)?;
    let mut draft = Draft::new(relocation, now, "undo");
    draft.relocation().undo = Some(Undo { began: true, ..undo.clone() });
    Some(draft.finish())
}

/// What was asked for, as the audit log says it.
fn detail(wish: Wish) -> Option<String> {
    let words = [(wish.dry_run, "rehearsed"), (wish.cascade, "with what depends on it")];
    let said: Vec<&str> = words.into_iter().filter_map(|(is_so, word)| is_so.then_some(word)).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// Undoing comes to an end. `None` when it is not under way any more.
#[must_use]
pub fn end(relocation: &Relocation, call: UndoCall, came_to: CameTo, now: Timestamp) -> Option<Commit> {
    let undo = call.of(relocation)?;
    let (status, failure_reason) = match came_to {
        CameTo::Done => (UndoStatus::Success, None),
        CameTo::Obstructed(why) if !undo.began => (UndoStatus::Refused, Some(why)),
        CameTo::Obstructed(Failure { code, detail }) => {
            let detail = format!("{detail} What was undone until then stays undone.");
            (UndoStatus::Failure, Some(Failure { code, detail }))
        }
        CameTo::BrokeOff(why) => (UndoStatus::Failure, Some(why)),
    };
    let after = Undo { status, date_ended: Some(now), failure_reason, ..undo.clone() };
    let mut draft = Draft::new(relocation, now, "undo");
    // Of a rehearsal only whoever asked wants to know.
    if !after.wish.dry_run {
        draft.publish(match &after.failure_reason {
            None => Event::Undone(Undone { asked_by: after.asked_by, cascade: after.wish.cascade }),
            Some(reason) => Event::UndoFailed(UndoFailed { asked_by: after.asked_by, code: reason.code }),
        });
    }
    draft.audit(
        Actor::Pipeline,
        ended(&after),
        after.failure_reason.as_ref().map(|why| why.code.to_string()),
    );
    draft.relocation().undo = Some(after);
    // What it left in buckets may be younger than what else the relocation keeps there.
    draft.expire_artifacts();
    Some(draft.finish())
}

/// The end, as the audit log names it.
const fn ended(undo: &Undo) -> &'static str {
    match (undo.status, undo.wish.dry_run) {
        (UndoStatus::Success, true) => "undo-rehearsed",
        (UndoStatus::Success, false) => "undone",
        (UndoStatus::Refused, _) => "undo-refused",
        (UndoStatus::Failure | UndoStatus::InProgress, _) => "undo-failed",
    }
}

/// The owner accepts what came of a relocation, and can no longer undo it. `None` when that was so before.
///
/// # Errors
/// The relocation has not succeeded; undoing it was begun.
pub fn accept(relocation: &Relocation, by: Actor, now: Timestamp) -> Result<Option<Commit>, Refused> {
    let is_held = relocation.undo.as_ref().is_some_and(Undo::holds_relocation);
    if relocation.status != Status::Success || is_held {
        return Err(ErrorCode::NotAcceptable.into());
    }
    if relocation.date_accepted.is_some() {
        return Ok(None);
    }
    let mut draft = Draft::new(relocation, now, "accept");
    draft.relocation().date_ended = relocation.ended();
    draft.relocation().date_accepted = Some(now);
    draft.audit(by, "accept", None);
    Ok(Some(draft.finish()))
}
