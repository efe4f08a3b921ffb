//! With its plan, its chunks and its journal, an import can be undone exactly, wherever it stands.

use std::collections::BTreeSet;

use catalog::Catalog;
use catalog::ImportScope::{self, Config, Organization, User};
use rstest::rstest;
use serde_json::json;
use silo::{ImportFlags, ImportKind, JournalEntry, Pk, UniqueKey, Write, volume};
use transfer::import::ImportRequest;

use crate::exactly_once::{RACES, race};
use crate::support::flaky::{Moment, Wire};
use crate::support::full::{configured, configured_rows};
use crate::support::undoing::{Left, assert_undone};
use crate::support::{
    HIDE, Instance, MERGE, OVERWRITE, another, file, organization, project, request_with, row,
};

const ALL: ImportFlags = ImportFlags { merge_users: true, overwrite_configs: true, hide_organizations: true };

/// What decides which rows an import meets, and what it does with them.
const WAYS: [(ImportScope, ImportFlags); 7] = [
    (User, MERGE),
    (Organization, ImportFlags { merge_users: false, overwrite_configs: false, hide_organizations: false }),
    (Organization, HIDE),
    (Organization, ALL),
    (Config, MERGE),
    (Config, OVERWRITE),
    (Config, ALL),
];

#[test]
fn an_import_leaves_what_it_takes_to_undo_it_and_no_more() {
    let file = file(configured_rows());
    for (scope, flags) in WAYS {
        let request = request_with(scope, flags);
        let instance = configured();
        let outcome = instance.import(&file, &request).unwrap();
        assert!(outcome.report.models.values().any(|model| model.inserted > 0));
        assert_undone(&configured(), &instance, &request, &format!("{scope:?} {flags:?}"));

        let left = Left::of(&request, &instance);
        let overwritten: u64 = outcome.report.models.values().map(|model| model.overwritten).sum();
        assert_eq!(overwritten > 0, scope == Config && flags.overwrite_configs, "{scope:?} {flags:?}");
        if overwritten == 0 {
            assert_eq!(left.journal().count(), 0, "what replaces nothing of others' writes no item more");
        }
        // Of a row that changed more than once, the first entry is what undoing needs.
        let mut rows = BTreeSet::new();
        for entry in left.journal() {
            let is_first = rows.insert((entry.model.clone(), entry.pk));
            let undone = left.without(entry).undone(&instance);
            let is_exact = undone.is_ok_and(|undone| undone.state() == configured().state());
            assert_eq!(is_exact, !is_first, "without {:?}", entry.position());
        }
    }
}

#[test]
fn an_import_that_failed_at_any_call_can_be_undone_there_and_when_it_has_resumed() {
    let file = file(configured_rows());
    for (scope, flags) in [(User, MERGE), (Organization, HIDE), (Config, OVERWRITE)] {
        let request = request_with(scope, flags);
        let wire = Wire::default();
        let before = configured();
        configured().import_over(&wire, &file, &request).unwrap();
        for (call, moment) in
            (1..=wire.calls()).flat_map(|call| [(call, Moment::Before), (call, Moment::After)])
        {
            let instance = configured();
            instance.import_over(&Wire::cut(call, moment), &file, &request).unwrap_err();
            assert_undone(&before, &instance, &request, &format!("failed at {call} {moment:?}"));
            instance.import(&file, &request).unwrap();
            assert_undone(&before, &instance, &request, &format!("resumed after {call} {moment:?}"));
        }
    }
}

#[test]
fn two_runs_of_one_import_leave_what_it_takes_to_undo_it() {
    let file = file(configured_rows());
    let before = configured();
    for (scope, flags) in [(Organization, MERGE), (Config, OVERWRITE)] {
        let request = request_with(scope, flags);
        let undisturbed = configured();
        undisturbed.import(&file, &request).unwrap();
        let entries = |instance: &Instance| {
            let left = Left::of(&request, instance);
            left.journal().map(JournalEntry::position).collect::<Vec<_>>()
        };
        for seed in 0..RACES {
            let instance = configured();
            race(&instance, &file, [&request, &request], seed);
            assert_undone(&before, &instance, &request, &format!("seed {seed}"));
            assert_eq!(entries(&instance).len(), entries(&undisturbed).len(), "seed {seed}");
        }
    }
}

/// What one import overwrote is what another one left, and each knows it.
#[test]
fn imports_that_follow_each_other_are_undone_one_after_the_other() {
    let file = file(configured_rows());
    let [before, instance] = [(); 2].map(|()| configured());
    let first = request_with(Config, OVERWRITE);
    instance.import(&file, &first).unwrap();
    let between = configured();
    between.import(&file, &first).unwrap();
    let second = ImportRequest { key: [8; 32], ..another(&first, 2) };
    instance.import(&file, &second).unwrap();
    assert_undone(&between, &instance, &second, "the second");
    let undone = Left::of(&second, &instance).undone(&instance).unwrap();
    let undone = Left::of(&first, &instance).undone(&undone).unwrap();
    assert_eq!(undone.state(), before.state());
}

#[test]
fn an_entry_says_which_revision_of_a_row_it_is_the_original_of() {
    let instance = configured();
    let request = request_with(Config, OVERWRITE);
    instance.import(&file(configured_rows()), &request).unwrap();
    let left = Left::of(&request, &instance);
    let of_row = |pk: Pk| left.cell.journal.iter().filter(move |entry| entry.pk == pk);
    let revisions: Vec<_> = of_row(901).filter_map(|entry| entry.position().revision).collect();
    assert_eq!(revisions, [1, 2], "the file has the key twice");
    let values: Vec<_> = of_row(901).filter_map(|entry| entry.before.as_ref()).collect();
    assert_eq!(values[0].row.fields["value"], "ours");
    assert_eq!(values[1].row.fields["value"], "theirs");
}

/// Somebody gives a project an option before the file does; which primary key the project will get is known.
#[test]
fn what_a_rule_replaces_of_others_comes_back_although_it_counts_as_inserted() {
    let model = "sentry.projectoption";
    let with_option = || {
        let instance = Instance::new();
        instance.put(model, 7_000, json!({ "project": 1, "key": "k", "value": "ours" }));
        instance
    };
    let instance = with_option();
    let request = request_with(Organization, ImportFlags::default());
    let option = row(model, 9, json!({ "project": 2, "key": "k", "value": "theirs" }));
    let outcome = instance.run(&request, [organization(1, "acme"), project(2, 1, "web"), option]);
    assert_eq!(instance.mapped(&outcome, "sentry.project", 2), Some((1, ImportKind::Inserted)));
    assert_eq!(instance.mapped(&outcome, model, 9), Some((7_000, ImportKind::Inserted)));
    assert_eq!(instance.imported(&outcome, model, 9).fields["value"], "theirs");
    assert_undone(&with_option(), &instance, &request, "the option is ours again");
}

/// The items and the bytes that a change takes of a transaction in DynamoDB.
fn size(catalog: &Catalog, write: &Write) -> (usize, usize) {
    let model = catalog.model(write.model());
    let after = write.takes();
    let before = write.before().map(|before| UniqueKey::of(model, &before.row.fields)).unwrap_or_default();
    let new = after.iter().filter(|key| !before.contains(key)).count();
    let gone = before.iter().filter(|key| !after.contains(key)).count();
    let entry = JournalEntry::of(catalog, write);
    let original = entry.as_ref().and_then(|entry| entry.before.as_ref());
    let bytes = original.map_or(0, |original| volume(&original.row.fields));
    (1 + new + gone + usize::from(entry.is_some()), volume(&write.row().fields) + bytes)
}

#[rstest]
#[case::small_rows("ours", "theirs")]
#[case::large_originals(&"ours".repeat(75_000), "theirs")]
#[case::large_rows_too(&"ours".repeat(75_000), &"theirs".repeat(50_000))]
fn originals_fit_into_the_transactions_of_what_replaces_them(#[case] ours: &str, #[case] theirs: &str) {
    let catalog = Catalog::builtin();
    let instance = configured();
    let option = |pk: Pk, key: Pk, value: &str| {
        row("sentry.option", pk, json!({ "key": format!("large {key}"), "value": value }))
    };
    (1..=30).for_each(|key| instance.put_row(&option(key, key, ours)));
    let rows = configured_rows().into_iter().chain((1..=30).map(|key| option(300 + key, key, theirs)));
    let wire = Wire::default();
    let request = request_with(Config, OVERWRITE);
    let outcome = instance.import_over(&wire, &file(rows), &request).unwrap();
    assert_eq!(outcome.report.models["sentry.option"].overwritten, 30 + 30 + 1 + 1);
    for transaction in wire.written() {
        let sizes = transaction.writes.iter().map(|write| size(&catalog, write));
        let (items, bytes) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        assert!(items < 100 && bytes < 3_500_000, "{items} items and a chunk, {bytes} bytes");
    }
}

#[test]
fn what_cannot_be_kept_is_not_overwritten() {
    let instance = Instance::new();
    // Neither plain nor compressed does it fit; somebody else has written it all the same.
    let noise: String = (0..150_000_u32).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
    instance.put_row(&row("sentry.option", 5, json!({ "key": "k", "value": noise })));
    let before = instance.state();
    let theirs = row("sentry.option", 9, json!({ "key": "k", "value": "theirs" }));
    let error = instance.fail(&request_with(Config, OVERWRITE), [theirs]);
    assert_eq!(
        error.to_string(),
        "ValidationError at sentry.option row 1 (primary key 9): \
         the row, or the one that it replaces, is larger than the store can keep"
    );
    assert_eq!(instance.state(), before);
}
