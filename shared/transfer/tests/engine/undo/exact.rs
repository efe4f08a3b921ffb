//! What undoing leaves, and what it says of it.

use catalog::ImportScope::{Config, Global, Organization};
use futures::executor::block_on;
use serde_json::json;
use silo::{ImportFlags, ImportKind, Silo};
use transfer::import::ImportRequest;
use transfer::undo::{ModelUndo, UndoReport, UndoRequest, UndoState, undo};
use uuid::Uuid;

use super::{StopAt, WAYS, assert_same, dry, imported, undoing};
use crate::support::flaky::Wire;
use crate::support::full::configured;
use crate::support::{
    Instance, MERGE, OVERWRITE, member, organization, project, request, request_with, row, team, user,
};

#[test]
fn an_import_and_what_followed_it_are_undone_exactly() {
    for (scope, flags) in WAYS {
        let request = request_with(scope, flags);
        let (instance, before) = (imported(&request), configured());
        let rows = |instance: &Instance| instance.state().iter().map(|(_, rows)| rows.len()).sum::<usize>();
        let inserted = rows(&instance) - rows(&before);
        let when = format!("{scope:?} {flags:?}");

        let report = instance.undone(&undoing(&request));
        assert_same(&before, &instance, &imported(&request), &when);
        let total = report.total();
        assert_eq!(total.deleted, inserted as u64, "{when}");
        let overwritten = 60 + 2 + 1;
        let restored = 1 + if flags.overwrite_configs { overwritten } else { 0 };
        assert_eq!(total, ModelUndo { deleted: total.deleted, restored, ..ModelUndo::default() }, "{when}");
    }
}

#[test]
fn names_that_were_registered_in_control_go() {
    let request = request(Organization);
    let instance = imported(&request);
    let report = instance.undone(&undoing(&request));
    for model in ["sentry.organizationslugreservation", "sentry.organizationmapping"] {
        assert_eq!(report.models[model].deleted, 3, "{model}");
    }
    assert_eq!(instance.rows("sentry.organizationslugreservation").len(), 1, "ours stays");
}

#[test]
fn undoing_twice_finds_nothing_to_do() {
    for (scope, flags) in WAYS {
        let request = request_with(scope, flags);
        let instance = imported(&request);
        let first = instance.undone(&undoing(&request)).total();
        let wire = Wire::default();
        let second = instance.undo_over(&wire, &undoing(&request)).unwrap();
        let second = second.state.report.total();
        assert_same(&configured(), &instance, &imported(&request), "twice");
        assert_eq!(wire.written().len(), 0);
        assert!(second.already_gone > 0 && second.already_gone <= first.deleted, "{second:?}");
        assert_eq!(second, ModelUndo { already_gone: second.already_gone, ..ModelUndo::default() });
    }
}

#[test]
fn of_an_import_that_nobody_knows_there_is_nothing_to_undo() {
    let instance = configured();
    for dry_run in [false, true] {
        let unknown = UndoRequest { import: Uuid::from_u128(77), cascade: false, dry_run };
        let outcome = instance.undo(&unknown).unwrap();
        assert!(outcome.finished);
        assert_eq!(outcome.state.report, UndoReport::default());
    }
    assert_eq!(instance.state(), configured().state());
}

#[test]
fn a_dry_run_changes_nothing_and_foresees_what_will_be_done() {
    for (scope, flags) in WAYS {
        let request = request_with(scope, flags);
        let instance = imported(&request);
        let wire = Wire::default();
        let foreseen = instance.undo_over(&wire, &dry(undoing(&request))).unwrap();
        assert!(foreseen.finished && foreseen.state.obstacles.is_empty());
        assert_eq!(wire.written().len(), 0);
        assert_eq!(instance.state(), imported(&request).state());
        let done = instance.undone(&undoing(&request));
        assert_eq!(foreseen.state.report, done, "{scope:?} {flags:?}");
    }
}

/// State goes from run to run as text, as it does between invocations of a function.
fn handed_over(state: &UndoState) -> UndoState {
    serde_json::from_slice(&serde_json::to_vec(state).unwrap()).unwrap()
}

#[test]
fn stopped_at_any_page_it_goes_on_and_counts_everything_once() {
    for (scope, flags) in [(Organization, MERGE), (Config, OVERWRITE)] {
        let request = request_with(scope, flags);
        for undo_request in [undoing(&request), dry(undoing(&request))] {
            let undisturbed = imported(&request);
            let mut all = StopAt::page(usize::MAX);
            let run = |instance: &Instance, state, watch: &mut StopAt| {
                block_on(undo(instance.silos(), &undo_request, state, watch))
            };
            let expected = run(&undisturbed, UndoState::default(), &mut all).unwrap().state;
            assert!(all.seen.len() > 20, "{}", all.seen.len());
            let position = |progress: &transfer::undo::Progress| {
                (progress.phase == transfer::undo::Phase::Undoing, progress.rows_done)
            };
            assert!(all.seen.is_sorted_by_key(position), "{:?}", all.seen);
            for page in 0..all.seen.len() {
                let instance = imported(&request);
                let stopped = run(&instance, UndoState::default(), &mut StopAt::page(page)).unwrap();
                assert!(!stopped.finished);
                let state = handed_over(&stopped.state);
                let resumed = run(&instance, state, &mut StopAt::page(usize::MAX)).unwrap();
                assert!(resumed.finished);
                assert_eq!(resumed.state, expected, "stopped at {page}");
                assert_eq!(instance.state(), undisturbed.state());
            }
            // One page a run.
            let (instance, mut state) = (imported(&request), UndoState::default());
            let mut runs = 0;
            loop {
                let outcome = run(&instance, handed_over(&state), &mut StopAt::page(1)).unwrap();
                state = outcome.state;
                runs += 1;
                if outcome.finished {
                    break;
                }
            }
            assert_eq!(runs, all.seen.len());
            assert_eq!(state, expected);
            assert_eq!(instance.state(), undisturbed.state());
        }
    }
}

#[test]
fn the_state_of_something_else_is_not_gone_on_from() {
    let request = request(Organization);
    let instance = imported(&request);
    let foreseen = instance.undo(&dry(undoing(&request))).unwrap().state;
    let mut watch = StopAt::page(usize::MAX);
    let done = block_on(undo(instance.silos(), &undoing(&request), foreseen, &mut watch)).unwrap();
    assert!(done.finished);
    assert_eq!(done.state.import(), Some(request.import));
    assert_same(&configured(), &instance, &imported(&request), "after a dry run");
}

/// A project keeps its primary key, so that the plan does not tell all that were inserted.
#[test]
fn a_copy_of_an_instance_is_undone_by_its_chunks() {
    let request = ImportRequest { clear: true, ..request(Global) };
    let instance = Instance::new();
    let projects = [(3, "a"), (700, "b"), (90_000, "c")].map(|(pk, slug)| project(pk, 5, slug));
    let rows = [organization(5, "acme"), user(6, "bob")].into_iter().chain(projects);
    let rows = rows.chain([member(8, 5, 6), team(9, 5, "devs")]);
    let outcome = instance.run(&request, rows);
    assert_eq!(instance.mapped(&outcome, "sentry.project", 90_000), Some((90_000, ImportKind::Inserted)));
    let foreseen = instance.undo(&dry(undoing(&request))).unwrap().state.report;
    let report = instance.undone(&undoing(&request));
    assert_eq!(report.models["sentry.project"], ModelUndo { deleted: 3, ..ModelUndo::default() });
    assert_eq!((report.total().already_gone, foreseen), (0, report));
    assert_eq!(instance.state(), []);
}

/// What a rule replaced of others counts as inserted; it leads to a project that is not there, as it did before.
#[test]
fn what_a_rule_replaced_comes_back() {
    let model = "sentry.projectoption";
    let with_option = || {
        let instance = Instance::new();
        instance.put(model, 7_000, json!({ "project": 1, "key": "k", "value": "ours" }));
        instance
    };
    for cascade in [false, true] {
        let request = request(Organization);
        let instance = with_option();
        let option = row(model, 9, json!({ "project": 2, "key": "k", "value": "theirs" }));
        instance.run(&request, [organization(1, "acme"), project(2, 1, "web"), option]);
        let report = instance.undone(&UndoRequest { cascade, ..undoing(&request) });
        assert_eq!(instance.state(), with_option().state());
        let option = ModelUndo { deleted: 1, restored: 1, ..ModelUndo::default() };
        assert_eq!(report.models[model], option, "ours, and the one that was made with the project");
    }
}

/// More rows than a page has, of which others deleted some.
#[test]
fn many_rows_go_page_by_page_and_those_that_are_gone_are_counted() {
    let request = request_with(Config, ImportFlags::default());
    let instance = Instance::new();
    let options =
        (1..=950).map(|pk| row("sentry.option", pk, json!({ "key": format!("k{pk}"), "value": 1 })));
    instance.run(&request, options);
    let model = instance.catalog.find("sentry.option").unwrap();
    block_on(deletion::delete(&instance.cell, model, &[7, 8, 300], &mut deletion::Unwatched)).unwrap();
    let wire = Wire::default();
    let report = instance.undo_over(&wire, &undoing(&request)).unwrap().state.report;
    let expected = ModelUndo { deleted: 947, already_gone: 3, ..ModelUndo::default() };
    assert_eq!(report.models["sentry.option"], expected);
    assert_eq!(instance.state(), []);
    let largest = wire.written().iter().map(|transaction| transaction.items(&instance.catalog)).max();
    assert!(largest <= Some(silo::TRANSACTION_ITEMS_LIMIT));
    assert_eq!(block_on(instance.cell.page(model, None, 1)).unwrap().items, []);
}
