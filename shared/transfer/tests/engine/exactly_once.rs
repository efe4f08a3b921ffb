//! Killed anywhere, an import resumes and ends as if it had never been killed; and whoever else imports the
//! same or something else at the same time.

use std::collections::{BTreeMap, HashMap};

use catalog::ImportScope::{Config, Organization, User};
use catalog::{Catalog, SiloKind};
use futures::executor::block_on;
use futures::future::join;
use serde_json::json;
use silo::{ImportChunk, ImportFlags, MemorySilo, Pk, Row, Silo, Silos, UniqueKey, Write, without_numbers};
use transfer::import::{
    ImportError, ImportOutcome, ImportRequest, Proceed, Progress, Unwatched, Watch, import,
};

use crate::registrations::assert_agreed;
use crate::support::flaky::{Moment, Wire, Wired, give_way};
use crate::support::full::{file_rows, hostile};
use crate::support::{Instance, MERGE, another, file, organization, request, request_with, row, team, user};

pub(crate) fn chunks(silo: &MemorySilo, request: &ImportRequest) -> Vec<ImportChunk> {
    block_on(silo.chunks(request.import, None, usize::MAX)).unwrap().items
}

/// Every chunk of control is in the cell too.
pub(crate) fn assert_replicated(instance: &Instance, request: &ImportRequest) {
    let in_cell = chunks(&instance.cell, request);
    for chunk in chunks(&instance.control, request) {
        assert!(in_cell.contains(&chunk), "{:?} did not reach the cell", chunk.position());
    }
}

fn flags() -> [ImportFlags; 2] {
    [ImportFlags::default(), MERGE]
}

#[test]
fn an_import_that_failed_at_any_call_resumes() {
    let file = file(file_rows());
    for flags in flags() {
        let request = request_with(Organization, flags);
        let undisturbed = hostile();
        let wire = Wire::default();
        let expected = undisturbed.import_over(&wire, &file, &request).unwrap();
        let state = undisturbed.state();
        assert!(wire.calls() > 50, "there is something to disturb");

        for (cut, moment) in [
            (Wire::cut as fn(usize, Moment) -> Wire, Moment::Before),
            (Wire::cut, Moment::After),
            (Wire::dead_from, Moment::Before),
            (Wire::dead_from, Moment::After),
        ] {
            for call in 1..=wire.calls() {
                let instance = hostile();
                let error = instance.import_over(&cut(call, moment), &file, &request).unwrap_err();
                assert!(error.retryable(), "call {call} {moment:?}: {error}");
                let planned = block_on(instance.cell.plan(request.import)).unwrap().is_some();
                let resumed = instance.import(&file, &request).unwrap();
                assert!(resumed.finished);
                if planned {
                    assert_eq!(instance.state(), state, "call {call} {moment:?}");
                    assert_eq!(resumed.report, expected.report, "call {call} {moment:?}");
                    assert_eq!(chunks(&instance.cell, &request), chunks(&undisturbed.cell, &request));
                } else {
                    // Primary keys that were reserved for nothing leave a gap.
                    let catalog = &instance.catalog;
                    let found = without_numbers(catalog, &instance.state());
                    assert_eq!(found, without_numbers(catalog, &state), "call {call} {moment:?}");
                }
                assert_replicated(&instance, &request);
                assert_agreed(&instance.cell, &instance.control, &request);
            }
        }
    }
}

#[test]
fn an_import_that_fails_at_every_call_in_turn_arrives() {
    let file = file(file_rows());
    let request = request(Organization);
    let undisturbed = hostile();
    undisturbed.import(&file, &request).unwrap();
    let instance = hostile();
    // Let the plan be made, so that the numbers are the same.
    let mut call = 60;
    let mut tries = 0;
    loop {
        tries += 1;
        assert!(tries < 1000, "no progress");
        match instance.import_over(&Wire::cut(call, Moment::After), &file, &request) {
            Ok(_) => break,
            Err(error) => assert!(error.retryable()),
        }
        // Every run gets at least one write further than the one before it.
        call = if call > 60 { 60 } else { 61 };
    }
    assert_eq!(
        without_numbers(&instance.catalog, &instance.state()),
        without_numbers(&instance.catalog, &undisturbed.state())
    );
}

/// Stops in front of a batch.
struct StopAt {
    batch: usize,
    /// Rows done and rows in all.
    seen: Vec<(u64, u64)>,
}

impl Watch for StopAt {
    async fn proceed(&mut self, progress: Progress<'_>) -> Proceed {
        let models = progress.models().fold((0, 0), |sum, (_, done, all)| (sum.0 + done, sum.1 + all));
        assert_eq!(models, (progress.rows_done, progress.rows_total), "models come to the whole");
        self.seen.push(models);
        if self.seen.len() > self.batch { Proceed::Stop } else { Proceed::GoOn }
    }
}

#[test]
fn an_import_that_was_stopped_at_any_batch_resumes() {
    let file = file(file_rows());
    let request = request(Organization);
    let undisturbed = hostile();
    let mut all = StopAt { batch: usize::MAX, seen: Vec::new() };
    let expected = block_on(import(undisturbed.silos(), file.as_slice(), &request, &mut all)).unwrap();
    assert!(all.seen.len() > 20);
    assert!(all.seen.is_sorted_by_key(|(done, _)| *done), "it moves on: {:?}", all.seen);
    assert!(all.seen.iter().all(|(_, total)| *total == expected.report.rows_done()), "to its end");
    for batch in 0..all.seen.len() {
        let instance = hostile();
        let mut stop = StopAt { batch, seen: Vec::new() };
        let stopped = block_on(import(instance.silos(), file.as_slice(), &request, &mut stop)).unwrap();
        assert!(!stopped.finished);
        let written: usize = chunks(&instance.cell, &request).len();
        assert!(written <= batch, "nothing behind the stop");
        let resumed = instance.import(&file, &request).unwrap();
        assert!(resumed.finished);
        assert_eq!(instance.state(), undisturbed.state(), "stopped at {batch}");
        assert_eq!(resumed.report, expected.report, "stopped at {batch}");
    }
}

#[test]
fn a_finished_import_answers_from_its_chunks() {
    let file = file(file_rows());
    for flags in flags() {
        let request = request_with(Organization, flags);
        let instance = hostile();
        let first = instance.import(&file, &request).unwrap();
        let state = instance.state();
        let wire = Wire::default();
        let again = instance.import_over(&wire, &file, &request).unwrap();
        assert_eq!(again.report, first.report);
        assert_eq!(instance.state(), state);
        assert_eq!(wire.written().len(), 0, "nothing is written");
        for model in instance.catalog.models() {
            let mut rows =
                [first.pk_map.rows(model.id).collect::<Vec<_>>(), again.pk_map.rows(model.id).collect()];
            rows.iter_mut().for_each(|rows| rows.sort_unstable_by_key(|(source, ..)| *source));
            assert_eq!(rows[0], rows[1], "{}", model.name);
        }
    }
}

/// Runs an import until it gets through: contention passes.
async fn insist(instance: &Instance, wire: &Wire, file: &[u8], request: &ImportRequest) -> ImportOutcome {
    let cell = Wired { silo: &instance.cell, between: wire };
    let control = Wired { silo: &instance.control, between: wire };
    for _ in 0..1_000 {
        match import(Silos { cell: &cell, control: &control }, file, request, &mut Unwatched).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
        give_way(1).await;
    }
    panic!("no end of contention");
}

/// Both at once, each at its own pace.
pub(crate) fn race(
    instance: &Instance,
    file: &[u8],
    requests: [&ImportRequest; 2],
    seed: usize,
) -> [ImportOutcome; 2] {
    race_over(instance, file, requests, [Wire::slow(2 * seed), Wire::slow(2 * seed + 1)])
}

/// Both at once, each over its own wire.
pub(crate) fn race_over(
    instance: &Instance,
    file: &[u8],
    requests: [&ImportRequest; 2],
    wires: [Wire; 2],
) -> [ImportOutcome; 2] {
    let [first, second] = [0, 1].map(|run| insist(instance, &wires[run], file, requests[run]));
    let (first, second) = block_on(join(first, second));
    [first, second]
}

pub(crate) const RACES: usize = 40;

#[test]
fn two_runs_of_one_import_write_every_row_once() {
    let file = file(file_rows());
    for flags in flags() {
        let request = request_with(Organization, flags);
        let undisturbed = hostile();
        let expected = undisturbed.import(&file, &request).unwrap();
        let state = without_numbers(&undisturbed.catalog, &undisturbed.state());
        for seed in 0..RACES {
            let instance = hostile();
            for outcome in race(&instance, &file, [&request, &request], seed) {
                let without_pks =
                    |outcome: &ImportOutcome| (outcome.report.models.clone(), outcome.report.dropped.clone());
                assert_eq!(without_pks(&outcome), without_pks(&expected), "seed {seed}");
            }
            assert_eq!(without_numbers(&instance.catalog, &instance.state()), state, "seed {seed}");
            assert_eq!(chunks(&instance.cell, &request).len(), chunks(&undisturbed.cell, &request).len());
            assert_replicated(&instance, &request);
            assert_agreed(&instance.cell, &instance.control, &request);
        }
    }
}

#[test]
fn two_imports_of_the_same_names_share_nothing() {
    let file = file(file_rows());
    let first = request(Organization);
    let second = ImportRequest { key: [8; 32], ..another(&first, 2) };
    for seed in 0..RACES {
        let instance = hostile();
        race(&instance, &file, [&first, &second], seed);
        assert_whole(&instance);
        assert_eq!(instance.rows("sentry.organization").len(), 1 + 2 * 3);
        assert_eq!(instance.rows("sentry.user").len(), 2 + 2 * 15);
        assert_eq!(instance.rows("sentry.projectkey").len(), 1 + 2 * 40);
    }
}

/// No key leads nowhere, and no unique value is there twice.
pub(crate) fn assert_whole(instance: &Instance) {
    let state: HashMap<String, Vec<Row>> = instance.state().into_iter().collect();
    let is_there =
        |model: &str, pk: Pk| state.get(model).is_some_and(|rows| rows.iter().any(|row| row.pk == pk));
    let mut uniques = HashMap::new();
    for (name, rows) in &state {
        let model = instance.catalog.find(name).unwrap();
        for row in rows {
            for key in UniqueKey::of(model, &row.fields) {
                let other = uniques.insert(key, row.pk);
                assert_eq!(other, None, "{name} {} shares a unique value", row.pk);
            }
            for key in &model.keys {
                if let Some(target) = row.key(&key.field) {
                    assert!(
                        is_there(&key.target_name, target),
                        "{name} {}.{} leads nowhere",
                        row.pk,
                        key.field
                    );
                }
            }
        }
    }
}

#[test]
fn no_transaction_is_larger_than_a_store_takes() {
    let catalog = Catalog::builtin();
    let file = file(file_rows());
    for flags in flags() {
        let wire = Wire::default();
        hostile().import_over(&wire, &file, &request_with(Organization, flags)).unwrap();
        for transaction in wire.written() {
            let items = |write: &Write| {
                let model = catalog.model(write.model());
                let after = write.takes();
                let before = write.before().map(|before| UniqueKey::of(model, &before.row.fields));
                let before = before.unwrap_or_default();
                1 + after.len() + before.iter().filter(|key| !after.contains(key)).count()
            };
            let count: usize = transaction.writes.iter().map(items).sum();
            assert!(count < 100, "{count} items and a chunk");
            let registers =
                |write: &Write| catalog.model(write.model()).name.starts_with("sentry.organization");
            let chunkless = transaction.writes.iter().all(registers);
            assert!(transaction.chunk.is_some() || chunkless, "rows without their chunk");
        }
    }
}

#[test]
fn long_rows_make_short_batches() {
    let value = "long".repeat(75_000);
    let options =
        (1..=30).map(|pk| row("sentry.option", pk, json!({ "key": pk.to_string(), "value": value })));
    let wire = Wire::default();
    Instance::new().import_over(&wire, &file(options), &request(Config)).unwrap();
    let bytes = |write: &Write| serde_json::to_vec(&write.row().fields).unwrap().len();
    let transactions = wire.written();
    assert!(transactions.iter().all(|written| written.writes.iter().map(bytes).sum::<usize>() < 4_000_000));
    assert_eq!(transactions.len(), 4, "as few as there can be");
}

#[test]
fn a_chunk_says_what_was_written() {
    let instance = Instance::new();
    instance.put("sentry.user", 70, json!({ "username": "eve" }));
    let request = request_with(User, MERGE);
    let file = [
        user(11, "bob"),
        user(12, "eve"),
        row("sentry.useroption", 5, json!({ "user": 12, "key": "k", "value": "v" })),
    ];
    instance.run(&request, file);
    let chunks = chunks(&instance.cell, &request);
    let [users] = chunks.as_slice() else { panic!("a batch that writes nothing makes no chunk: {chunks:?}") };
    assert_eq!((users.model.as_str(), users.min_ordinal, users.max_ordinal()), ("sentry.user", 1, 2));
    assert_eq!(users.source_range(), Some((11, 12)));
    assert_eq!(users.inserted_range(), Some((71, 71)), "merged users are not inserted");
    assert_eq!(users.identifiers, [(71, "bob".to_owned())].into());
    assert_eq!(instance.catalog.find("sentry.user").unwrap().silo, SiloKind::Control);
}

/// Only rows that were written count towards its last ordinal; what was inserted has a range only if anything was.
#[test]
fn a_chunk_counts_what_was_written() {
    let instance = Instance::new();
    instance.put("sentry.user", 70, json!({ "username": "eve" }));
    let request = request_with(Organization, MERGE);
    let teams = [(31, 5), (32, 99), (33, 5)].map(|(pk, of)| team(pk, of, &format!("t{pk}")));
    instance.run(&request, [organization(5, "acme"), user(12, "eve")].into_iter().chain(teams));
    let chunks = chunks(&instance.cell, &request);
    let of = |model: &str| chunks.iter().find(|chunk| chunk.model == model).unwrap();
    let users = of("sentry.user");
    assert_eq!((users.min_ordinal, users.max_ordinal()), (1, 1));
    assert_eq!((users.source_range(), users.inserted_range()), (Some((12, 12)), None), "none was inserted");
    assert_eq!(users.identifiers, [].into());
    let teams = of("sentry.team");
    assert_eq!((teams.min_ordinal, teams.max_ordinal()), (1, 2), "the second of three was dropped");
    assert_eq!((teams.source_range(), teams.inserted_range()), (Some((31, 33)), Some((1, 3))));
}

#[test]
fn an_import_is_not_resumed_with_something_else() {
    let instance = Instance::new();
    let begun = request(User);
    instance.run(&begun, [user(1, "bob")]);
    let filtered = silo::Filter::Usernames(vec!["bob".to_owned()]);
    let changed = [
        ("another file", ImportRequest { source_version: "2".to_owned(), ..begun.clone() }),
        ("another scope", ImportRequest { scope: Organization, ..begun.clone() }),
        ("other flags", ImportRequest { flags: MERGE, ..begun.clone() }),
        ("another filter", ImportRequest { filter: filtered, ..begun.clone() }),
    ];
    for (what, request) in changed {
        let error = instance.fail(&request, [user(1, "bob")]);
        assert!(matches!(error, ImportError::Request { .. }), "{error}");
        assert!(!error.retryable() && error.to_string().ends_with(what), "{error}");
    }
    // The time and the key are the plan's: those of a later run do not count.
    let later = ImportRequest { now: "2030-01-01T00:00:00Z".parse().unwrap(), key: [1; 32], ..begun };
    let outcome = instance.run(&later, [user(1, "bob")]);
    assert_eq!(outcome.plan.key, [7; 32]);
}

#[test]
fn the_same_plan_and_input_give_the_same_state() {
    let file = file(file_rows());
    let [one, two] = [hostile(), hostile()];
    one.import(&file, &request(Organization)).unwrap();
    two.import(&file, &request(Organization)).unwrap();
    assert_eq!(one.state(), two.state());
}

#[test]
fn another_seed_changes_random_values_alone() {
    let file = file(file_rows());
    let [one, two] = [hostile(), hostile()];
    one.import(&file, &request(Organization)).unwrap();
    two.import(&file, &ImportRequest { key: [9; 32], ..request(Organization) }).unwrap();
    let random: &[(&str, &[&str])] = &[
        ("sentry.organization", &["slug"]),
        ("sentry.organizationslugreservation", &["slug"]),
        ("sentry.organizationmapping", &["slug"]),
        ("sentry.user", &["username", "password"]),
        ("sentry.lostpasswordhash", &["hash"]),
        ("sentry.useremail", &["validation_hash"]),
        ("sentry.projectkey", &["public_key", "secret_key"]),
        ("sentry.orgauthtoken", &["token_hashed", "token_last_characters"]),
        ("sentry.monitor", &["guid"]),
        ("sentry.querysubscription", &["subscription_id"]),
    ];
    let mut differing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((model, rows), (_, others)) in one.state().into_iter().zip(two.state()) {
        assert_eq!(rows.len(), others.len(), "{model}");
        for (row, other) in rows.iter().zip(&others) {
            assert_eq!(row.pk, other.pk);
            for (field, value) in row.fields.iter() {
                if value != &other.fields[field] {
                    let fields = differing.entry(model.clone()).or_default();
                    fields.push(field.clone());
                }
            }
        }
    }
    for (model, fields) in &mut differing {
        fields.sort_unstable();
        fields.dedup();
        let (_, allowed) =
            random.iter().find(|(random, _)| random == model).unwrap_or_else(|| panic!("{model}"));
        assert!(fields.iter().all(|field| allowed.contains(&field.as_str())), "{model}: {fields:?}");
    }
    assert_eq!(differing.len(), random.len(), "and all that is random does change: {differing:?}");
}
