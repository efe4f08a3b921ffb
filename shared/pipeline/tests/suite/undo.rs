//! Undoing and accepting: who may still, when, and what comes of it.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Audit, Commit, Dispatch, Lock};
use pipeline::event::{Event, UndoFailed, Undone};
use pipeline::kinds::{Status, UndoStatus};
use pipeline::relocation::Relocation;
use pipeline::task::OrderedTask;
use pipeline::transition::admin::{Refused, recover};
use pipeline::transition::undo::{accept, ask, begin, end};
use pipeline::transition::{Cause, fail};
use pipeline::undo::{CameTo, Undo, UndoCall, Wish};
use rstest::rstest;

use crate::common::{OWNER, STAFF, at, created, dispatches, events, id, now, uploaded};

const WINDOW: Duration = Duration::from_hours(14 * 24);
const PLAIN: Wish = Wish { cascade: false, dry_run: false };
const REHEARSED: Wish = Wish { dry_run: true, ..PLAIN };
const CASCADING: Wish = Wish { cascade: true, ..PLAIN };

/// Succeeded at [`now`].
fn succeeded() -> Relocation {
    Relocation { status: Status::Success, date_ended: Some(now()), ..at(OrderedTask::Completed, 1) }
}

/// Failed at [`now`].
fn failed() -> Relocation {
    let importing = at(OrderedTask::Importing, 1);
    fail(&importing, ErrorCode::Internal.into(), &Cause::Pipeline("test"), now()).unwrap().relocation
}

fn ask_now(relocation: &Relocation, wish: Wish) -> Result<Commit, Refused> {
    ask(relocation, wish, WINDOW, OWNER, now())
}

fn asked(relocation: &Relocation, wish: Wish) -> Relocation {
    ask_now(relocation, wish).unwrap().relocation
}

fn ended(relocation: &Relocation, came_to: CameTo) -> Commit {
    let undo = relocation.undo.as_ref().unwrap().number;
    end(relocation, UndoCall { uuid: id(), undo }, came_to, now()).unwrap()
}

/// Rows are about to change.
fn begun(relocation: &Relocation) -> Relocation {
    let undo = relocation.undo.as_ref().unwrap().number;
    begin(relocation, UndoCall { uuid: id(), undo }, now()).unwrap().relocation
}

fn obstructed() -> CameTo {
    CameTo::Obstructed(ErrorCode::UndoObstructed.into())
}

fn broke_off() -> CameTo {
    CameTo::BrokeOff(ErrorCode::UndoBrokeOff.into())
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap()
}

fn audit(by: Actor, action: &str, detail: Option<&str>) -> Option<Audit> {
    Some(Audit { time: now(), by, action: action.to_owned(), detail: detail.map(str::to_owned) })
}

// ---- Asking --------------------------------------------------------------------------------------------

#[rstest]
fn what_has_ended_is_undone_when_asked(#[values(succeeded(), failed())] relocation: Relocation) {
    let commit = ask_now(&relocation, PLAIN).unwrap();
    let expected = Undo {
        number: 1,
        wish: PLAIN,
        asked_by: OWNER,
        date_asked: now(),
        status: UndoStatus::InProgress,
        date_ended: None,
        failure_reason: None,
        began: false,
    };
    assert_eq!(commit.relocation.undo, Some(expected));
    assert_eq!(dispatches(&commit), [Dispatch::Undo(UndoCall { uuid: id(), undo: 1 })]);
    assert!(events(&commit).is_empty());
    assert_eq!(commit.lock, Lock::Keep, "the owner may have another relocation meanwhile");
    assert_eq!(commit.relocation.status, relocation.status);
}

#[rstest]
#[case(PLAIN, None)]
#[case(REHEARSED, Some("rehearsed"))]
#[case(CASCADING, Some("with what depends on it"))]
#[case(Wish { cascade: true, dry_run: true }, Some("rehearsed, with what depends on it"))]
fn who_asked_for_what_is_audited(#[case] wish: Wish, #[case] detail: Option<&str>) {
    let commit = ask_now(&succeeded(), wish).unwrap();
    assert_eq!(commit.audit, audit(Actor::User(OWNER), "undo", detail));
}

#[rstest]
#[case::waits_for_its_upload(created())]
#[case::goes_on(at(OrderedTask::Importing, 1))]
#[case::is_paused(Relocation { status: Status::Pause, ..uploaded() })]
fn what_has_not_ended_is_not_undone(#[case] relocation: Relocation) {
    assert_eq!(ask_now(&relocation, PLAIN).unwrap_err().code, ErrorCode::NotUndoable);
}

#[test]
fn one_at_a_time() {
    let undoing = asked(&succeeded(), PLAIN);
    for wish in [PLAIN, REHEARSED, CASCADING] {
        assert_eq!(ask_now(&undoing, wish).unwrap_err().code, ErrorCode::UndoInProgress);
    }
}

#[test]
fn what_is_under_way_for_long_is_called_for_once_more() {
    let undoing = begun(&asked(&succeeded(), PLAIN));
    let at = |minutes| later(now(), Duration::from_mins(minutes));
    let refused = |wish, minutes| ask(&undoing, wish, WINDOW, OWNER, at(minutes)).unwrap_err().code;
    assert_eq!(refused(PLAIN, 60), ErrorCode::UndoInProgress, "it is not long yet");
    assert_eq!(refused(CASCADING, 61), ErrorCode::UndoInProgress, "something else is asked for");
    let again = ask(&undoing, PLAIN, WINDOW, OWNER, at(61)).unwrap();
    assert_eq!(again.relocation.undo, undoing.undo);
    assert_eq!(dispatches(&again), [Dispatch::Undo(UndoCall { uuid: id(), undo: 1 })]);
    assert_eq!(again.audit.unwrap().detail.as_deref(), Some("called for again"));
}

#[test]
fn what_is_undone_is_not_undone_again() {
    let undone = ended(&asked(&succeeded(), PLAIN), CameTo::Done).relocation;
    for wish in [PLAIN, REHEARSED] {
        assert_eq!(ask_now(&undone, wish).unwrap_err().code, ErrorCode::AlreadyUndone);
    }
}

#[rstest]
#[case::rehearsed(asked(&succeeded(), REHEARSED), CameTo::Done, false)]
#[case::rehearsed_in_vain(asked(&succeeded(), REHEARSED), obstructed(), false)]
#[case::rehearsal_broke_off(asked(&succeeded(), REHEARSED), broke_off(), false)]
#[case::refused(asked(&succeeded(), PLAIN), obstructed(), false)]
#[case::broke_off_while_it_looked(asked(&succeeded(), PLAIN), broke_off(), false)]
#[case::obstructed_half_way(begun(&asked(&succeeded(), PLAIN)), obstructed(), true)]
#[case::broke_off(begun(&asked(&succeeded(), PLAIN)), broke_off(), true)]
fn whatever_else_it_came_to_it_may_be_asked_for_again(
    #[case] undoing: Relocation,
    #[case] came_to: CameTo,
    #[case] began: bool,
) {
    let again = ask_now(&ended(&undoing, came_to).relocation, CASCADING).unwrap();
    let undo = again.relocation.undo.clone().unwrap();
    assert_eq!((undo.number, undo.wish, undo.began), (2, CASCADING, began));
    assert_eq!(dispatches(&again), [Dispatch::Undo(UndoCall { uuid: id(), undo: 2 })]);
    // What once may have changed rows has, whatever those after it come to.
    let second = ended(&again.relocation, obstructed()).relocation;
    let status = if began { UndoStatus::Failure } else { UndoStatus::Refused };
    assert_eq!(second.undo.as_ref().unwrap().status, status);
    assert_eq!(asked(&second, REHEARSED).undo.unwrap().began, began);
}

#[test]
fn the_window_begins_at_the_end_and_ends_to_the_second() {
    let relocation = Relocation { date_updated: later(now(), Duration::from_hours(1)), ..succeeded() };
    let last = later(now(), WINDOW);
    assert!(ask(&relocation, PLAIN, WINDOW, OWNER, last).is_ok());
    let over = later(last, Duration::from_secs(1));
    assert_eq!(ask(&relocation, PLAIN, WINDOW, OWNER, over).unwrap_err().code, ErrorCode::UndoWindowOver);
    let unlimited = ask(&relocation, PLAIN, Duration::MAX, OWNER, over);
    assert!(unlimited.is_ok(), "a window that reaches beyond all time is no fault");
}

#[test]
fn what_broke_off_is_brought_to_its_end_after_the_window_too() {
    let over = later(now(), WINDOW + Duration::from_secs(1));
    let broken = ended(&begun(&asked(&succeeded(), PLAIN)), broke_off()).relocation;
    assert!(ask(&broken, PLAIN, WINDOW, OWNER, over).is_ok());
    let untouched = ended(&asked(&succeeded(), PLAIN), obstructed()).relocation;
    assert_eq!(ask(&untouched, PLAIN, WINDOW, OWNER, over).unwrap_err().code, ErrorCode::UndoWindowOver);
}

#[test]
fn a_record_from_before_ends_were_kept_ended_when_it_last_changed() {
    let mut record = serde_json::to_value(succeeded()).unwrap();
    for field in ["dateEnded", "dateAccepted", "undo"] {
        assert!(record.as_object_mut().unwrap().remove(field).is_some(), "{field}");
    }
    let relocation: Relocation = serde_json::from_value(record).unwrap();
    assert_eq!(relocation.ended(), Some(relocation.date_updated));
    // What is asked for does not move its end.
    let day = |days: u64| later(now(), Duration::from_hours(24 * days));
    let rehearsed = ask(&relocation, REHEARSED, WINDOW, OWNER, day(10)).unwrap().relocation;
    let rehearsed = ended(&rehearsed, CameTo::Done).relocation;
    assert_eq!(rehearsed.ended(), Some(relocation.date_updated));
    assert_eq!(ask(&rehearsed, PLAIN, WINDOW, OWNER, day(15)).unwrap_err().code, ErrorCode::UndoWindowOver);
}

// ---- The end -------------------------------------------------------------------------------------------

fn undone(cascade: bool) -> Event {
    Event::Undone(Undone { asked_by: OWNER, cascade })
}

fn undo_failed(code: ErrorCode) -> Event {
    Event::UndoFailed(UndoFailed { asked_by: OWNER, code })
}

#[rstest]
#[case(PLAIN, CameTo::Done, UndoStatus::Success, "undone", None, Some(undone(false)))]
#[case(CASCADING, CameTo::Done, UndoStatus::Success, "undone", None, Some(undone(true)))]
#[case(REHEARSED, CameTo::Done, UndoStatus::Success, "undo-rehearsed", None, None)]
#[case(REHEARSED, obstructed(), UndoStatus::Refused, "undo-refused", Some("undo-obstructed"), None)]
#[case(
    PLAIN,
    obstructed(),
    UndoStatus::Refused,
    "undo-refused",
    Some("undo-obstructed"),
    Some(undo_failed(ErrorCode::UndoObstructed))
)]
#[case(
    PLAIN,
    broke_off(),
    UndoStatus::Failure,
    "undo-failed",
    Some("undo-broke-off"),
    Some(undo_failed(ErrorCode::UndoBrokeOff))
)]
fn how_it_ends(
    #[case] wish: Wish,
    #[case] came_to: CameTo,
    #[case] status: UndoStatus,
    #[case] action: &str,
    #[case] detail: Option<&str>,
    #[case] event: Option<Event>,
) {
    let commit = ended(&asked(&succeeded(), wish), came_to);
    let undo = commit.relocation.undo.clone().unwrap();
    assert_eq!((undo.status, undo.date_ended), (status, Some(now())));
    assert_eq!(undo.failure_reason.map(|why| why.code.to_string()).as_deref(), detail);
    assert_eq!(commit.audit, audit(Actor::Pipeline, action, detail));
    assert_eq!(events(&commit), Vec::from_iter(event));
    let expiry = Dispatch::ExpireArtifacts(commit.relocation.generation);
    assert_eq!(dispatches(&commit), [expiry], "what it left expires");
}

#[test]
fn what_stands_in_the_way_half_way_is_no_refusal() {
    let commit = ended(&begun(&asked(&succeeded(), CASCADING)), obstructed());
    let undo = commit.relocation.undo.unwrap();
    let why = undo.failure_reason.unwrap();
    assert_eq!((undo.status, why.code), (UndoStatus::Failure, ErrorCode::UndoObstructed));
    assert!(why.detail.ends_with("What was undone until then stays undone."), "{}", why.detail);
}

#[test]
fn that_rows_may_change_is_stored_once() {
    let undoing = asked(&succeeded(), PLAIN);
    let call = |undo| UndoCall { uuid: id(), undo };
    let commit = begin(&undoing, call(1), now()).unwrap();
    assert!(commit.outbox.is_empty());
    assert_eq!(commit.relocation.undo, Some(Undo { began: true, ..undoing.undo.clone().unwrap() }));
    assert_eq!(begin(&commit.relocation, call(1), now()), None, "it is known");
    assert_eq!(begin(&undoing, call(2), now()), None, "another one");
    assert_eq!(begin(&ended(&undoing, obstructed()).relocation, call(1), now()), None, "it has ended");
}

#[test]
fn what_is_not_under_way_does_not_end() {
    let undoing = asked(&succeeded(), PLAIN);
    let call = |undo| UndoCall { uuid: id(), undo };
    for number in [0, 2] {
        assert_eq!(end(&undoing, call(number), CameTo::Done, now()), None, "another one");
    }
    let undone = ended(&undoing, CameTo::Done).relocation;
    assert_eq!(end(&undone, call(1), broke_off(), now()), None, "it has ended");
    assert_eq!(end(&succeeded(), call(1), CameTo::Done, now()), None, "nobody asked");
}

// ---- Accepting, and what undoing ends ------------------------------------------------------------------

#[test]
fn what_succeeded_is_accepted_once() {
    let commit = accept(&succeeded(), Actor::User(OWNER), now()).unwrap().unwrap();
    assert_eq!(commit.relocation.date_accepted, Some(now()));
    assert_eq!(commit.audit, audit(Actor::User(OWNER), "accept", None));
    assert!(commit.outbox.is_empty());
    assert_eq!(accept(&commit.relocation, Actor::User(OWNER), now()).unwrap(), None);
}

#[rstest]
#[case::goes_on(at(OrderedTask::Importing, 1))]
#[case::failed(failed())]
#[case::is_being_undone(asked(&succeeded(), PLAIN))]
#[case::is_undone(ended(&asked(&succeeded(), PLAIN), CameTo::Done).relocation)]
#[case::is_undone_in_part(ended(&begun(&asked(&succeeded(), PLAIN)), broke_off()).relocation)]
#[case::is_rehearsed(asked(&succeeded(), REHEARSED))]
fn what_did_not_bring_anything_is_not_accepted(#[case] relocation: Relocation) {
    let refused = accept(&relocation, Actor::User(OWNER), now()).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotAcceptable);
}

#[rstest]
#[case(ended(&asked(&succeeded(), REHEARSED), CameTo::Done).relocation)]
#[case(ended(&asked(&succeeded(), PLAIN), obstructed()).relocation)]
#[case(ended(&asked(&succeeded(), PLAIN), broke_off()).relocation)]
fn what_nothing_was_undone_of_may_be_accepted(#[case] relocation: Relocation) {
    assert!(accept(&relocation, Actor::User(OWNER), now()).unwrap().is_some());
}

#[rstest]
#[case::is_being_undone(asked(&failed(), PLAIN), false)]
#[case::is_undone(ended(&asked(&failed(), PLAIN), CameTo::Done).relocation, false)]
#[case::is_undone_in_part(ended(&begun(&asked(&failed(), PLAIN)), broke_off()).relocation, false)]
#[case::is_rehearsed(asked(&failed(), REHEARSED), false)]
#[case::was_rehearsed(ended(&asked(&failed(), REHEARSED), CameTo::Done).relocation, true)]
#[case::is_refused(ended(&asked(&failed(), PLAIN), obstructed()).relocation, true)]
fn what_is_undone_in_part_is_not_recovered(#[case] relocation: Relocation, #[case] recovers: bool) {
    match recover(&relocation, None, STAFF, now()) {
        Ok(commit) => {
            assert!(recovers);
            assert_eq!(commit.relocation.ended(), None);
        }
        Err(refused) => assert_eq!((refused.code, recovers), (ErrorCode::NotRecoverable, false)),
    }
}
