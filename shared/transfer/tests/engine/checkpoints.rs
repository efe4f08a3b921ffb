//! An export that was killed anywhere resumes: it reads nothing again that it has kept, writes what an undisturbed
//! one writes, and is closed under keys even when the store changed in between (SPEC §8).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Deref;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::ImportScope::{self, Config, Global, Organization, User};
use futures::executor::block_on;
use serde_json::json;
use silo::{Filter, Intercept, Intercepted, MemorySilo, Silos, StoreError};
use transfer::export::{
    Checkpoint, ExportError, ExportErrorKind, ExportRequest, ForeignCheckpoint, MemoryCheckpoint, Part,
    export, export_resumable,
};
use transfer::rows::{FileRow, RowReader};

use crate::support::flaky::{Moment, Wire, Wired};
use crate::support::full::{file_rows, hostile};
use crate::support::{Instance, file, request};

/// A checkpoint at the other end of a wire, which notes when a model was finished.
struct Far<'a> {
    checkpoint: &'a MemoryCheckpoint,
    wire: &'a Wire,
    store: &'a Wire,
    /// How often the store was called by then.
    finished: Mutex<Vec<usize>>,
}

enum Lost {
    Store(StoreError),
    Io(io::Error),
}

impl From<StoreError> for Lost {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Far<'_> {
    async fn call<T: Send>(&self, call: impl Future<Output = io::Result<T>> + Send) -> io::Result<T> {
        let call = async { call.await.map_err(Lost::Io) };
        Intercept::call(self.wire, call).await.map_err(|lost| match lost {
            Lost::Store(error) => io::Error::other(error),
            Lost::Io(error) => error,
        })
    }
}

impl Checkpoint for Far<'_> {
    type Sink = <MemoryCheckpoint as Checkpoint>::Sink;
    type Source = <MemoryCheckpoint as Checkpoint>::Source;

    async fn claim(&self, manifest: &[u8]) -> io::Result<Vec<u8>> {
        self.call(self.checkpoint.claim(manifest)).await
    }

    async fn open(&self, part: &Part) -> io::Result<Option<Self::Source>> {
        self.call(self.checkpoint.open(part)).await
    }

    async fn begin(&self, part: &Part) -> io::Result<Self::Sink> {
        self.call(self.checkpoint.begin(part)).await
    }

    async fn keep(&self, part: &Part, sink: Self::Sink) -> io::Result<()> {
        if part.with.is_none() {
            self.finished.lock().unwrap().push(self.store.calls());
        }
        self.call(self.checkpoint.keep(part, sink)).await
    }
}

/// The wires to an instance and to its checkpoint.
#[derive(Default)]
struct Wires {
    store: Wire,
    checkpoint: Wire,
}

/// What a run came to, and how often the store had been called whenever a model was finished.
type Run = (Result<Vec<u8>, ExportError>, Vec<usize>);

fn run(instance: &Instance, request: &ExportRequest, kept: &MemoryCheckpoint, wires: &Wires) -> Run {
    let cell = Wired { silo: &instance.cell, between: &wires.store };
    let control = Wired { silo: &instance.control, between: &wires.store };
    let silos = Silos { cell: &cell, control: &control };
    let (wire, store) = (&wires.checkpoint, &wires.store);
    let far = Far { checkpoint: kept, wire, store, finished: Mutex::default() };
    let outcome = block_on(export_resumable(silos, request, &far, Vec::new()));
    (outcome.map(|(bytes, _)| bytes), far.finished.into_inner().unwrap())
}

fn undisturbed(instance: &Instance, request: &ExportRequest, kept: &MemoryCheckpoint) -> Vec<u8> {
    run(instance, request, kept, &Wires::default()).0.unwrap()
}

fn plain(instance: &Instance, request: &ExportRequest) -> Vec<u8> {
    block_on(export(instance.silos(), request, Vec::new())).unwrap().0
}

fn rows(bytes: &[u8]) -> Vec<FileRow> {
    let mut reader = RowReader::new(bytes);
    std::iter::from_fn(|| reader.next_row().unwrap()).collect()
}

/// An instance with something of everything that an export treats in a way of its own.
pub(crate) fn full() -> Instance {
    let instance = hostile();
    instance.run(&request(Config), file_rows());
    let imported = instance.import(&file(file_rows()), &crate::support::another(&request(Organization), 2));
    let pk_map = imported.unwrap().pk_map;
    let pk = |model: &str, pk| pk_map.get(instance.catalog.find(model).unwrap().id, pk).unwrap().0;
    let (project, organization) = (pk("sentry.project", 702), pk("sentry.organization", 501));
    let user = pk("sentry.user", 1);
    let query_of = |pk, environment| {
        let fields =
            json!({ "environment": environment, "query": "", "date_added": "2024-07-01T10:56:54+02:00" });
        instance.put("sentry.snubaquery", pk, fields);
        let subscription = json!({ "project": project, "snuba_query": pk, "subscription_id": null });
        instance.put("sentry.querysubscription", pk, subscription);
        instance.put("sentry.snubaqueryeventtype", pk, json!({ "snuba_query": pk, "type": 0 }));
    };
    instance.put(
        "sentry.environment",
        9_000,
        json!({ "organization_id": organization, "name": "production" }),
    );
    instance.put("sentry.environment", 9_001, json!({ "organization_id": 11, "name": "production" }));
    // One below and one above the query that an import brought, so that parts have to be merged; and one that some
    // exports leave out with everything that needs it.
    for (pk, environment) in [(9_002, Some(9_000)), (9_000, None), (9_001, Some(9_001))] {
        query_of(pk, environment);
    }
    for (pk, query) in [(9_001, 9_000), (9_002, 9_010), (9_003, 9_002)] {
        instance.put(
            "sentry.alertrule",
            pk,
            json!({ "organization": organization, "snuba_query": query, "name": "" }),
        );
    }
    instance.put("sentry.snubaquery", 9_010, json!({ "environment": null, "query": "" }));
    instance.put("sentry.snubaquery", 9_011, json!({ "environment": null, "query": "nobody's" }));
    instance.put("sentry.userpermission", 9_000, json!({ "user": user, "permission": "broadcasts.admin" }));
    instance
}

fn asked(scope: ImportScope, filter: Filter) -> ExportRequest {
    ExportRequest { scope, filter }
}

fn requests() -> Vec<ExportRequest> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let instance = full();
    let slugs: Vec<String> = instance
        .rows("sentry.organization")
        .iter()
        .map(|row| row.fields["slug"].as_str().unwrap().to_owned())
        .collect();
    vec![
        asked(User, Filter::All),
        asked(User, Filter::Usernames(names(&["user1", "user3"]))),
        asked(Organization, Filter::All),
        asked(Organization, Filter::OrganizationSlugs(slugs.into_iter().skip(1).collect())),
        asked(Config, Filter::All),
        asked(Global, Filter::All),
    ]
}

#[test]
fn what_is_kept_is_what_an_export_without_checkpoints_writes() {
    let instance = full();
    for request in requests() {
        let kept = MemoryCheckpoint::default();
        let expected = plain(&instance, &request);
        assert!(rows(&expected).len() > 3, "{request:?}");
        assert_eq!(undisturbed(&instance, &request, &kept), expected, "{request:?}");

        let wires = Wires { store: Wire::cut(1, Moment::Before), ..Wires::default() };
        let (again, _) = run(&instance, &request, &kept, &wires);
        assert_eq!(again.unwrap(), expected, "what is kept is written again");
        assert_eq!(wires.store.calls(), 0, "and the store is not asked");
    }
}

#[test]
fn an_export_that_was_killed_at_any_call_of_the_store_resumes_behind_what_it_has_finished() {
    let instance = full();
    let (mut kills, mut spared) = (0, 0);
    for request in requests() {
        let expected = plain(&instance, &request);
        let wires = Wires::default();
        let (_, finished) = run(&instance, &request, &MemoryCheckpoint::default(), &wires);
        let calls = wires.store.calls();
        for (call, moment) in (1..=calls).flat_map(|call| [(call, Moment::Before), (call, Moment::After)]) {
            let kept = MemoryCheckpoint::default();
            let cut = Wires { store: Wire::cut(call, moment), ..Wires::default() };
            let error = run(&instance, &request, &kept, &cut).0.unwrap_err();
            assert!(error.retryable() && matches!(error, ExportError::Store { .. }), "{error:?}");
            let resumed = Wires::default();
            assert_eq!(run(&instance, &request, &kept, &resumed).0.unwrap(), expected, "{request:?}: {call}");
            let done = finished.iter().copied().filter(|finished| *finished < call).max().unwrap_or(0);
            let left = calls - done;
            // What did not come along then is asked for once more.
            let unsure = 2;
            assert!((left..=left + unsure).contains(&resumed.store.calls()), "{request:?}: {call}");
            (kills, spared) = (kills + 1, spared + done);
        }
    }
    assert!(kills > 500 && spared > kills, "{kills} {spared}");
}

#[test]
fn an_export_that_was_killed_at_any_call_of_the_checkpoint_resumes() {
    let instance = full();
    for request in requests() {
        let expected = plain(&instance, &request);
        let wires = Wires::default();
        run(&instance, &request, &MemoryCheckpoint::default(), &wires).0.unwrap();
        let calls = wires.checkpoint.calls();
        assert!(calls > 15, "there is something to disturb");
        for (call, moment) in (1..=calls).flat_map(|call| [(call, Moment::Before), (call, Moment::After)]) {
            let kept = MemoryCheckpoint::default();
            let cut = Wires { checkpoint: Wire::cut(call, moment), ..Wires::default() };
            let error = run(&instance, &request, &kept, &cut).0.unwrap_err();
            assert!(error.retryable() && matches!(error, ExportError::Checkpoint { .. }), "{error:?}");
            assert_eq!(undisturbed(&instance, &request, &kept), expected, "{request:?}: {call}");
        }
    }
}

#[test]
fn an_export_whose_sink_failed_resumes() {
    let instance = full();
    let request = asked(Organization, Filter::All);
    let expected = plain(&instance, &request);
    for room in (0..expected.len()).step_by(997) {
        let kept = MemoryCheckpoint::default();
        let mut sink = vec![0; room];
        let full = block_on(export_resumable(instance.silos(), &request, &kept, sink.as_mut_slice()));
        assert!(matches!(full.unwrap_err(), ExportError::Write(_)));
        assert_eq!(undisturbed(&instance, &request, &kept), expected);
    }
}

/// What became of an instance: some of its rows went, with all that refers to them, and others came.
fn changed(before: &Instance, salt: usize) -> Instance {
    let after = Instance::new();
    let mut gone: BTreeSet<(String, i64)> = BTreeSet::new();
    for (model, rows) in before.state() {
        let keys = &before.catalog.find(&model).unwrap().keys;
        for row in rows {
            let orphaned = keys.iter().any(|key| {
                row.key(&key.field).is_some_and(|pk| gone.contains(&(key.target_name.clone(), pk)))
            });
            let picked = format!("{model} {} {salt}", row.pk)
                .bytes()
                .fold(7u32, |sum, byte| sum.wrapping_mul(33) ^ u32::from(byte));
            if orphaned || picked % 11 == 0 {
                gone.insert((model.clone(), row.pk));
            } else {
                after.put(&model, row.pk, (*row.fields).clone().into());
            }
        }
    }
    let slug = "newcomers";
    after.put("sentry.organization", 8_000, json!({ "slug": slug, "name": slug }));
    after.put("sentry.user", 8_000, json!({ "username": "newcomer", "email": "newcomer@example.com" }));
    after.put("sentry.organizationmember", 8_000, json!({ "organization": 8_000, "user_id": 8_000 }));
    after.put("sentry.project", 8_000, json!({ "organization": 8_000, "slug": slug, "name": slug }));
    after.put("sentry.snubaquery", 8_000, json!({ "environment": null, "query": "" }));
    after.put("sentry.querysubscription", 8_000, json!({ "project": 8_000, "snuba_query": 8_000 }));
    after.put("sentry.snubaqueryeventtype", 8_000, json!({ "snuba_query": 8_000, "type": 0 }));
    after.put("sentry.useremail", 8_000, json!({ "user": 8_000, "email": "newcomer@example.com" }));
    after
}

/// Every key of every row leads to a row of the export, and no query stands there that nobody uses.
fn assert_closed(instance: &Instance, request: &ExportRequest, bytes: &[u8]) {
    let rows = rows(bytes);
    let there: BTreeSet<(&str, i64)> = rows.iter().map(|row| (row.model.as_str(), row.pk)).collect();
    assert_eq!(there.len(), rows.len(), "no row stands there twice");
    let mut used = BTreeSet::new();
    for row in &rows {
        let model = instance.catalog.find(&row.model).unwrap();
        for key in model.keys.iter().filter(|key| !model.tolerates_missing(&key.field)) {
            let Some(pk) = row.fields.get(&key.field).and_then(serde_json::Value::as_i64) else { continue };
            let target = (key.target_name.as_str(), pk);
            assert!(there.contains(&target), "{request:?}: {} {} leads to {target:?}", row.model, row.pk);
            if row.model != "sentry.snubaqueryeventtype" {
                used.insert(target);
            }
        }
    }
    if request.scope != Global {
        let queries = there.iter().filter(|(model, _)| *model == "sentry.snubaquery");
        queries.for_each(|query| assert!(used.contains(query), "{request:?}: nobody uses {query:?}"));
    }
}

#[test]
fn an_export_is_closed_under_keys_although_the_store_changed_in_between() {
    let before = full();
    let mut different = 0;
    for request in requests() {
        let expected = plain(&before, &request);
        assert_closed(&before, &request, &expected);
        let wires = Wires::default();
        run(&before, &request, &MemoryCheckpoint::default(), &wires).0.unwrap();
        for call in 1..=wires.checkpoint.calls() {
            let after = changed(&before, call);
            let kept = MemoryCheckpoint::default();
            let cut = Wires { checkpoint: Wire::cut(call, Moment::After), ..Wires::default() };
            run(&before, &request, &kept, &cut).0.unwrap_err();
            let parts = kept.parts();
            let resumed = undisturbed(&after, &request, &kept);
            assert_closed(&after, &request, &resumed);
            let finished = |part: &Part| {
                let model = part.with.as_ref().unwrap_or(&part.model);
                parts.contains_key(&Part { model: model.clone(), with: None })
            };
            let kept = kept.parts();
            let stayed =
                parts.iter().filter(|(part, _)| finished(part)).all(|(part, rows)| kept[part] == *rows);
            assert!(stayed, "{request:?}: what is finished is not touched");
            different += usize::from(resumed != expected);
        }
        assert_eq!(plain(&before, &request), expected);
    }
    assert!(different > 100, "{different}");
}

/// A silo that becomes another one at the call of this number.
struct Turning<'a> {
    before: &'a MemorySilo,
    after: &'a MemorySilo,
    calls: &'a AtomicUsize,
    at: usize,
}

impl Deref for Turning<'_> {
    type Target = MemorySilo;

    fn deref(&self) -> &MemorySilo {
        let turned = self.calls.fetch_add(1, Ordering::Relaxed) >= self.at;
        if turned { self.after } else { self.before }
    }
}

#[test]
fn an_export_is_closed_under_keys_although_the_store_changes_meanwhile() {
    let before = full();
    let mut changed_under_way = 0;
    for request in requests() {
        let wires = Wires::default();
        run(&before, &request, &MemoryCheckpoint::default(), &wires).0.unwrap();
        for at in 0..wires.store.calls() {
            let (after, calls) = (changed(&before, at), AtomicUsize::new(0));
            let turning = |before, after| Intercepted {
                silo: Turning { before, after, calls: &calls, at },
                between: &wires.store,
            };
            let cell = turning(&before.cell, &after.cell);
            let control = turning(&before.control, &after.control);
            let silos = Silos { cell: &cell, control: &control };
            let kept = MemoryCheckpoint::default();
            let bytes = match block_on(export_resumable(silos, &request, &kept, Vec::new())) {
                Ok((bytes, _)) => bytes,
                Err(error) => {
                    assert!(matches!(error, ExportError::Changed { .. }) && error.retryable(), "{error:?}");
                    changed_under_way += 1;
                    undisturbed(&after, &request, &kept)
                }
            };
            assert_closed(&after, &request, &bytes);
        }
    }
    assert!(changed_under_way > 0);
}

#[test]
fn a_checkpoint_of_another_request_is_refused() {
    let instance = full();
    let filter = |names: &[&str]| Filter::Usernames(names.iter().map(|name| (*name).to_owned()).collect());
    let first = asked(User, filter(&["user1", "user3"]));
    let kept = MemoryCheckpoint::default();
    let expected = undisturbed(&instance, &first, &kept);
    let parts = kept.parts();
    for other in [
        asked(User, Filter::All),
        asked(User, filter(&["user1"])),
        asked(User, filter(&[])),
        asked(User, Filter::OrganizationSlugs(vec!["user1".to_owned(), "user3".to_owned()])),
        asked(Organization, filter(&["user1", "user3"])),
    ] {
        let error = run(&instance, &other, &kept, &Wires::default()).0.unwrap_err();
        let refused = matches!(error, ExportError::ForeignCheckpoint(ForeignCheckpoint::Request));
        assert!(refused && !error.retryable(), "{other:?}: {error:?}");
        assert_eq!(kept.parts(), parts, "nothing was touched");
    }
    let same = asked(User, filter(&["user3", "user1", "user3"]));
    assert_eq!(
        undisturbed(&instance, &same, &kept),
        expected,
        "the same names in another order are the same"
    );
}

#[test]
fn a_checkpoint_of_another_format_or_catalogue_is_refused() {
    let refusal = |recorded: &str| {
        let kept = MemoryCheckpoint::default();
        block_on(kept.claim(recorded.as_bytes())).unwrap();
        match run(&full(), &asked(User, Filter::All), &kept, &Wires::default()).0.unwrap_err() {
            ExportError::ForeignCheckpoint(why) => why,
            error => panic!("{error:?}"),
        }
    };
    for recorded in ["", "no JSON", "[]", "{}", r#"{"format": 1}"#, r#"{"format": 2, "scope": "user"}"#] {
        assert_eq!(refusal(recorded), ForeignCheckpoint::Format, "{recorded}");
    }
    let other = r#"{"format": 1, "catalog": "another", "scope": "user", "filter": "All"}"#;
    assert_eq!(refusal(other), ForeignCheckpoint::Catalog);
}

#[test]
fn a_part_that_is_damaged_is_named() {
    let instance = full();
    let request = asked(Organization, Filter::All);
    let kept = MemoryCheckpoint::default();
    undisturbed(&instance, &request, &kept);
    let part = Part { model: "sentry.project".to_owned(), with: None };
    for damage in [&b""[..], b"[", b"[\n{\"model\": \"sentry.project\", \"pk\": 1}\n]\n"] {
        block_on(kept.keep(&part, damage.to_vec())).unwrap();
        let error = run(&instance, &request, &kept, &Wires::default()).0.unwrap_err();
        assert!(matches!(&error, ExportError::Damaged { part, .. } if part == "sentry.project"), "{error:?}");
        assert!(!error.retryable() && error.kind() == ExportErrorKind::Unknown);
    }
}

#[test]
fn parts_are_files_of_rows_of_their_own() {
    let kept = MemoryCheckpoint::default();
    undisturbed(&full(), &asked(Organization, Filter::All), &kept);
    let of_queries: BTreeMap<String, Vec<i64>> = kept
        .parts()
        .into_iter()
        .filter(|(part, _)| part.model == "sentry.snubaquery")
        .map(|(part, file)| (part.to_string(), rows(&file).iter().map(|row| row.pk).collect()))
        .collect();
    // The subscriptions come first and take their queries along, the rules take what is left.
    let expected: [(&str, &[i64]); 3] = [
        ("sentry.snubaquery", &[]),
        ("sentry.snubaquery with sentry.alertrule", &[9_010]),
        ("sentry.snubaquery with sentry.querysubscription", &[1, 9_000, 9_001, 9_002]),
    ];
    assert_eq!(of_queries, expected.map(|(part, pks)| (part.to_owned(), pks.to_vec())).into());
}
