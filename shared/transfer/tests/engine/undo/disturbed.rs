//! Imports that failed half-way, and undoing that is broken off or runs twice at once.

use catalog::ImportScope::{Config, Organization, User};
use futures::executor::block_on;
use futures::future::join;
use silo::{Reconcile, Silo, Silos};
use transfer::import::ImportRequest;
use transfer::undo::{Phase, Proceed, Progress, UndoOutcome, UndoRequest, UndoState, Unwatched, Watch, undo};

use super::{WAYS, assert_same, imported, undoing};
use crate::exactly_once::RACES;
use crate::support::flaky::{Moment, Wire, give_way};
use crate::support::full::{configured, configured_rows};
use crate::support::{HIDE, Instance, MERGE, OVERWRITE, file, request_with};

/// A way to cut a wire at a call.
type Cutting = fn(usize, Moment) -> Wire;

#[test]
fn an_import_that_failed_at_any_call_is_undone() {
    let file = file(configured_rows());
    for (scope, flags) in [(User, MERGE), (Organization, HIDE), (Config, OVERWRITE)] {
        let request = request_with(scope, flags);
        let (before, whole) = (configured(), imported(&request));
        let wire = Wire::default();
        configured().import_over(&wire, &file, &request).unwrap();
        for (call, moment) in
            (1..=wire.calls()).flat_map(|call| [(call, Moment::Before), (call, Moment::After)])
        {
            let instance = configured();
            instance.import_over(&Wire::dead_from(call, moment), &file, &request).unwrap_err();
            instance.undone(&undoing(&request));
            assert_same(&before, &instance, &whole, &format!("{scope:?} failed at {call} {moment:?}"));
        }
    }
}

/// Stops as soon as rows would go.
struct Looking;

impl Watch for Looking {
    async fn proceed(&mut self, progress: Progress, _: &UndoState) -> Proceed {
        if progress.phase == Phase::Looking { Proceed::GoOn } else { Proceed::Stop }
    }
}

/// How many calls it makes before anything is changed.
fn calls_to_look(request: &ImportRequest) -> usize {
    let (instance, wire) = (imported(request), Wire::default());
    let [cell, control] = instance.wired(&wire);
    let silos = Silos { cell: &cell, control: &control };
    let outcome = block_on(undo(silos, &undoing(request), UndoState::default(), &mut Looking)).unwrap();
    assert!(!outcome.finished && wire.written().is_empty());
    wire.calls()
}

#[test]
fn broken_off_at_any_call_and_run_again_it_ends_as_if_nothing_had_happened() {
    for (scope, flags) in [(Organization, MERGE), (Config, OVERWRITE)] {
        let request = request_with(scope, flags);
        let (before, whole) = (configured(), imported(&request));
        let wire = Wire::default();
        imported(&request).undo_over(&wire, &undoing(&request)).unwrap();
        assert!(wire.calls() > 50, "there is something to disturb");
        let looking = calls_to_look(&request);
        let all = whole.dangling();
        // One call fails and what runs beside it goes on, or all that follow fail too.
        let ways: [(Cutting, Moment); 2] = [(Wire::cut, Moment::After), (Wire::dead_from, Moment::Before)];
        // Looking changes nothing, wherever it is broken off.
        let calls = (1..=looking).step_by(25).chain(looking + 1..=wire.calls());
        for (call, (cut, moment)) in calls.flat_map(|call| ways.map(|way| (call, way))) {
            let instance = imported(&request);
            let when = format!("{scope:?} {call} {moment:?}");
            let error = instance.undo_over(&cut(call, moment), &undoing(&request)).unwrap_err();
            assert!(error.retryable(), "{when}: {error}");
            assert_eq!(instance.dangling(), all, "{when}: a key leads nowhere");
            instance.undone(&undoing(&request));
            assert_same(&before, &instance, &whole, &when);
        }
    }
}

#[test]
fn failing_at_every_few_calls_it_arrives() {
    let request = request_with(Config, OVERWRITE);
    let instance = imported(&request);
    // Looking takes most of them, every time.
    let wire = Wire::default();
    imported(&request).undo_over(&wire, &undoing(&request)).unwrap();
    let mut tries = 0;
    while instance.undo_over(&Wire::cut(wire.calls() * 9 / 10, Moment::After), &undoing(&request)).is_err() {
        tries += 1;
        assert!(tries < 1_000, "no progress");
    }
    assert_same(&configured(), &instance, &imported(&request), "at every few calls");
}

/// Undoes until it gets through: contention passes.
async fn insist(instance: &Instance, wire: &Wire, request: &UndoRequest) -> UndoOutcome {
    let [cell, control] = instance.wired(wire);
    let silos = Silos { cell: &cell, control: &control };
    for _ in 0..1_000 {
        match undo(silos, request, UndoState::default(), &mut Unwatched).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
        give_way(1).await;
    }
    panic!("no end of contention");
}

#[test]
fn two_at_once_undo_every_row_once() {
    for (scope, flags) in WAYS {
        let request = request_with(scope, flags);
        let whole = imported(&request);
        for seed in 0..RACES {
            let instance = imported(&request);
            let wires = [Wire::slow(2 * seed), Wire::slow(2 * seed + 1)];
            let undo_request = undoing(&request);
            let [first, second] = wires.each_ref().map(|wire| insist(&instance, wire, &undo_request));
            let (first, second) = block_on(join(first, second));
            assert!(first.finished && second.finished);
            assert_same(&configured(), &instance, &whole, &format!("seed {seed}"));
            let restored = wires.iter().flat_map(Wire::written).filter(|written| written.chunk.is_some());
            let expected = if flags.overwrite_configs { 64 } else { 1 };
            assert_eq!(restored.count(), expected, "each original comes back once");
        }
    }
}

#[test]
fn what_went_is_told_to_the_other_silo() {
    let request = request_with(Organization, MERGE);
    let instance = imported(&request);
    let users = instance.rows("sentry.user").len() - configured().rows("sentry.user").len();
    instance.undone(&undoing(&request));
    let departures = block_on(instance.control.departures(usize::MAX)).unwrap();
    let departed = departures.iter().flat_map(|pending| &pending.departure.departed);
    let table = &instance.catalog.find("sentry.user").unwrap().table;
    assert_eq!(departed.filter(|departed| departed.table == *table).count(), users);
    assert!(block_on(instance.cell.plan(request.import)).unwrap().is_some(), "what told of the import stays");
}
