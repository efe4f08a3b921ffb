//! A validation run: what it leaves, what it finds, and that disturbing it changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use artifacts::ValidationPlan;
use artifacts::testing::{RAW_DATA, TestKeys, amend, input};
use catalog::{Catalog, ImportScope};
use pipeline::artifact::{self, Folder};
use pipeline::commit::Validate;
use pipeline::ids::{BuildId, Generation, RelocationId};
use pipeline::kinds::{FileKind, Status, ValidationStatus};
use pipeline::memory::{Faults, MemoryObjects, MemoryQueues, MemoryRelocations, SeededEntropy, When};
use pipeline::port::{Clock, Entropy, ReadObjects};
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use pipeline::validation::{Attempt, Validation};
use runtime::config::Waits;
use runtime::{Handled, Received};
use serde_json::{Value, json};
use silo::{Filter, ImportFlags, MemorySilo, Row, Silos};
use testkit::{Export, Log, Setup, Stage};
use transfer::export::{ExportRequest, export};
use transfer::import::{ImportRequest, Unwatched, import};
use transfer::rows::RowReader;
use uuid::Uuid;
use validation_run::ValidationRun;

/// An instance in memory.
struct Instance {
    cell: MemorySilo,
    control: MemorySilo,
}

impl Instance {
    fn empty() -> Self {
        let empty = || MemorySilo::new(Catalog::builtin());
        Self { cell: empty(), control: empty() }
    }

    /// The instance into which these rows were imported: whole rows, with all that is made along with them.
    async fn grown_from(rows: &[Value]) -> Self {
        let instance = Self::empty();
        let request = ImportRequest {
            import: Uuid::from_u128(7),
            scope: ImportScope::Config,
            flags: ImportFlags::default(),
            filter: Filter::All,
            clear: false,
            source_version: "1".to_owned(),
            now: "2025-01-02T03:04:05.678Z".parse().unwrap(),
            key: [7; 32],
        };
        let file = Value::from(rows).to_string().into_bytes();
        import(instance.silos(), file.as_slice(), &request, &mut Unwatched).await.unwrap();
        instance
    }

    /// The instance that has exactly these rows.
    fn of(rows: &[Value]) -> Self {
        let (instance, catalog) = (Self::empty(), Catalog::builtin());
        for row in rows {
            let model = catalog.find(row["model"].as_str().unwrap()).unwrap();
            let Value::Object(fields) = row["fields"].clone() else { panic!("fields are an object") };
            let row = Row::new(row["pk"].as_i64().unwrap(), fields);
            instance.silos().of(model).load(model, row).unwrap();
        }
        instance
    }

    fn silos(&self) -> Silos<'_, MemorySilo> {
        Silos { cell: &self.cell, control: &self.control }
    }

    async fn export(&self, scope: ImportScope, filter: Filter) -> Vec<u8> {
        export(self.silos(), &ExportRequest { scope, filter }, Vec::new()).await.unwrap().0
    }
}

/// A relocation of `raw` into an instance, whose first validation run was started. `existing` are the wanted
/// users who are there already.
async fn stage_of(slugs: &[&str], existing: &[&str], instance: &Instance, raw: &[u8]) -> Stage {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let setup = Setup { slugs: owned(slugs), ..Setup::default() };
    let stage = Stage::with(OrderedTask::ValidatingPoll, setup).await;
    let plan = serde_json::to_vec(&ValidationPlan::new(owned(slugs))).unwrap();
    stage.objects.insert(Place::Artifacts, &artifact::validation_plan(stage.id), plan);
    let list: String = existing.iter().flat_map(|name| [name, "\n"]).collect();
    stage.objects.insert(Place::Artifacts, &artifact::filter_usernames(stage.id), list);

    let users = instance.export(ImportScope::User, Filter::Usernames(owned(existing))).await;
    let files = [
        (FileKind::BaselineConfigValidationData, instance.export(ImportScope::Config, Filter::All).await),
        (FileKind::CollidingUsersValidationData, users),
        (RAW_DATA, raw.to_vec()),
    ];
    let keys = TestKeys::default();
    let stored =
        |(kind, content): (FileKind, Vec<u8>)| input(&stage.objects, stage.id, kind, keys.sealed(&content));
    let mut validation = Validation::new();
    validation.start_run(stage.id, stage.clock.now()).unwrap();
    let files = files.into_iter().map(stored).collect();
    amend(&stage.ports.store, stage.id, files, |record| record.validation = Some(validation)).await;
    stage.faults.reset();
    stage
}

/// `acme` moves into an instance that has an `eve` already, and a configuration.
async fn stage() -> Stage {
    let eve = json!({"username": "eve", "email": "eve@elsewhere.example", "name": "Our Eve"});
    let rows = [
        json!({"model": "sentry.option", "pk": 3, "fields": {"key": "mail.from", "value": "a"}}),
        json!({"model": "sentry.user", "pk": 20, "fields": {"username": "admin", "email": "", "is_staff": true}}),
        json!({"model": "sentry.user", "pk": 21, "fields": eve}),
    ];
    stage_of(&["acme"], &["eve"], &Instance::grown_from(&rows).await, &Export::acme().json()).await
}

type Run = ValidationRun<MemoryRelocations, MemoryObjects, TestKeys, MemoryQueues>;

const TIME: Duration = Duration::from_secs(300);

fn run_in(stage: &Stage) -> Run {
    ValidationRun {
        store: Arc::clone(&stage.ports.store),
        objects: Arc::clone(&stage.objects),
        keys: TestKeys::default(),
        queues: MemoryQueues::with_faults(Faults::default()),
        waits: Waits::default(),
        catalog: Catalog::builtin(),
        clock: Box::new(stage.clock.clone()),
        entropy: Box::new(SeededEntropy::default()),
        scratch: std::env::temp_dir(),
    }
}

fn build(stage: &Stage) -> BuildId {
    BuildId { relocation: stage.id, run: 1 }
}

fn validate(stage: &Stage) -> Validate {
    Validate { uuid: stage.id, build: build(stage), generation: Generation(1) }
}

async fn deliver(stage: &Stage, run: &Run) -> Handled {
    let body = serde_json::to_string(&validate(stage)).unwrap();
    run.handle(&Received { body, receipt: "the receipt".to_owned(), deliveries: 1 }, TIME).await
}

async fn deliver_to_new(stage: &Stage) -> Handled {
    deliver(stage, &run_in(stage)).await
}

async fn attempt(stage: &Stage) -> Attempt {
    stage.relocation().await.validation.unwrap().attempts.pop().unwrap()
}

/// The findings files that a run left, by name, with what they say.
async fn findings(stage: &Stage) -> Vec<(String, Vec<Value>)> {
    let folder = artifact::folder(stage.id, Folder::Findings);
    let listed = stage.objects.list(Place::Artifacts, &folder).await.unwrap();
    let read = |(key, _): (String, u64)| {
        let content = stage.objects.content(Place::Artifacts, &key).unwrap();
        (key.strip_prefix(&folder).unwrap().to_owned(), serde_json::from_slice(&content).unwrap())
    };
    listed.into_iter().map(read).collect()
}

async fn assert_harmless(stage: &Stage) {
    assert_eq!(deliver_to_new(stage).await, Handled::Done);
    let found = findings(stage).await;
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "compare-baseline-config-1.json",
        "compare-colliding-users-1.json",
        "export-baseline-config-1.json",
        "export-colliding-users-1.json",
        "import-baseline-config-1.json",
        "import-colliding-users-1.json",
        "import-raw-relocation-data-1.json",
    ];
    assert_eq!(names, expected, "{found:#?}");
    assert!(found.iter().all(|(_, findings)| findings.is_empty()), "{found:#?}");
    let (json, page) = report(stage);
    assert!(json["total"]["inserted"].as_u64() > Some(0) && page.ends_with("</html>\n"));
    let attempt = attempt(stage).await;
    assert_eq!((attempt.status, attempt.ended_at), (ValidationStatus::InProgress, Some(stage.clock.now())));
}

#[tokio::test]
async fn a_harmless_import_leaves_empty_findings_and_its_exports() {
    let stage = stage().await;
    assert_harmless(&stage).await;
    let key = artifact::output(build(&stage), FileKind::CollidingUsersValidationData);
    let tarball = stage.objects.content(Place::Artifacts, &key).unwrap();
    let plaintext = TestKeys::default().unsealed(&tarball);
    let eve = RowReader::new(&plaintext[..]).next_row().unwrap().unwrap();
    assert_eq!(eve.fields["email"], "eve@elsewhere.example");
}

/// The report that a run left, in both of its forms.
fn report(stage: &Stage) -> (Value, String) {
    let content = |extension| {
        let key = artifact::rehearsal_report(build(stage), extension);
        stage.objects.content(Place::Artifacts, &key).unwrap()
    };
    let page = String::from_utf8(content("html").to_vec()).unwrap();
    (serde_json::from_slice(&content("json")).unwrap(), page)
}

#[tokio::test]
async fn what_the_import_would_do_is_reported() {
    let stage = stage().await;
    assert_harmless(&stage).await;
    let (json, page) = report(&stage);
    assert_eq!(json["file"], "raw-relocation-data.tar");
    assert_eq!(
        (&json["scope"], &json["filter"]),
        (&json!("organization"), &json!({"OrganizationSlugs": ["acme"]}))
    );
    assert_eq!(json["models"]["sentry.organization"]["inserted"], 1);
    let renamed = json["renamed"].as_array().unwrap();
    let [eve] = &renamed[..] else { panic!("{renamed:#?}") };
    assert_eq!((&eve["model"], &eve["from"]), (&json!("sentry.user"), &json!("eve")));
    let to = eve["to"].as_str().unwrap();
    assert!(to.starts_with("eve-"), "{to}");
    assert!(page.contains(&format!("<bdi>eve</bdi></td><td><bdi>{to}</bdi>")), "both tell the same: {page}");
    assert!(!page.contains("eve@") && !json.to_string().contains("eve@"), "names are told, no other values");
}

#[tokio::test]
async fn two_runs_at_once_leave_what_one_leaves() {
    let stage = stage().await;
    let handled = tokio::join!(deliver_to_new(&stage), deliver_to_new(&stage));
    assert_eq!(handled, (Handled::Done, Handled::Done));
    assert_harmless(&stage).await;
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_is_made_up_for() {
    for call in 1.. {
        for when in [When::Before, When::After] {
            let stage = stage().await;
            stage.faults.fail_call(call, when);
            let handled = deliver_to_new(&stage).await;
            let failed = stage.faults.calls() >= call;
            stage.faults.reset();
            assert!(failed || handled == Handled::Done, "nothing failed, and yet the run did");
            assert_harmless(&stage).await;
            if !failed {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_policy_that_alters_an_existing_user_is_found() {
    let text = include_str!("../../../shared/catalog/sentry.toml");
    let altered = text.replace(r#""suffix-if-taken(username)""#, r#""replace-automatic(username)""#);
    assert_ne!(altered, text);
    let stage = stage().await;
    let run = ValidationRun { catalog: Arc::new(Catalog::parse(&altered).unwrap()), ..run_in(&stage) };
    assert_eq!(deliver(&stage, &run).await, Handled::Done);
    let mut found = findings(&stage).await;
    found.retain(|(_, findings)| !findings.is_empty());
    let [(name, findings)] = &found[..] else { panic!("{found:#?}") };
    assert_eq!(name, "compare-colliding-users-1.json");
    assert!(findings.iter().any(|finding| finding["on"] == json!({"model": "sentry.user", "ordinal": 1})));
    let text = serde_json::to_string(findings).unwrap();
    assert!(!text.contains("eve@"), "no address stands whole in a finding: {text}");
    assert!(attempt(&stage).await.ended_at.is_some());
}

#[tokio::test]
async fn a_row_that_cannot_be_imported_is_a_finding_and_ends_the_run() {
    let raw = Export::acme().user_has("username", "").json();
    let stage = stage_of(&["umbrella"], &[], &Instance::empty(), &raw).await;
    assert_eq!(deliver_to_new(&stage).await, Handled::Done);
    let found = findings(&stage).await;
    let (name, findings) = found.last().unwrap();
    assert_eq!((found.len(), name.as_str()), (3, "import-raw-relocation-data-1.json"));
    let [finding] = &findings[..] else { panic!("{findings:#?}") };
    assert_eq!(finding["finding"], "RpcImportError");
    assert_eq!(finding["kind"], "ValidationError");
    assert_eq!(finding["on"], json!({"model": "sentry.user", "ordinal": 3}));
    assert_eq!(finding["left_pk"], 3);
    let key = artifact::rehearsal_report(build(&stage), "json");
    assert_eq!(stage.objects.content(Place::Artifacts, &key), None, "nothing was rehearsed to its end");
    assert!(attempt(&stage).await.ended_at.is_some());
}

/// Fails the relocation when so many imports have begun.
struct Aborting {
    values: SeededEntropy,
    imports_left: AtomicUsize,
    store: Arc<MemoryRelocations>,
    relocation: RelocationId,
}

impl Entropy for Aborting {
    fn bytes(&self) -> [u8; 32] {
        self.values.bytes()
    }

    fn uuid(&self) -> Uuid {
        if self.imports_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let fail = amend(&self.store, self.relocation, vec![], |record| record.status = Status::Failure);
            futures::executor::block_on(fail);
        }
        self.values.uuid()
    }
}

#[tokio::test]
async fn a_run_stops_when_the_relocation_has_ended() {
    let stage = stage().await;
    let entropy = Aborting {
        values: SeededEntropy::default(),
        imports_left: AtomicUsize::new(2),
        store: Arc::clone(&stage.ports.store),
        relocation: stage.id,
    };
    let run = ValidationRun { entropy: Box::new(entropy), ..run_in(&stage) };
    assert_eq!(deliver(&stage, &run).await, Handled::Done);
    assert_eq!(findings(&stage).await.len(), 1, "the second import was under way");
    assert_eq!(attempt(&stage).await.ended_at, None);
}

#[tokio::test]
async fn a_run_that_was_given_up_does_nothing() {
    let stage = stage().await;
    let now = stage.clock.now();
    amend(&stage.ports.store, stage.id, vec![], |record| {
        let validation = record.validation.as_mut().unwrap();
        validation.conclude(build(&stage), ValidationStatus::Timeout);
        validation.start_run(stage.id, now).unwrap();
    })
    .await;
    assert_eq!(deliver_to_new(&stage).await, Handled::Done);
    assert_eq!(findings(&stage).await, []);
    assert_eq!(attempt(&stage).await.ended_at, None);
}

#[tokio::test]
async fn a_run_that_no_retry_can_mend_breaks_off_at_once() {
    let stage = stage().await;
    stage.objects.insert(Place::Artifacts, &artifact::validation_plan(stage.id), "no plan");
    assert_eq!(deliver_to_new(&stage).await, Handled::Done);
    let attempt = attempt(&stage).await;
    assert_eq!((attempt.status, attempt.ended_at), (ValidationStatus::Failure, Some(stage.clock.now())));
}

#[tokio::test]
async fn a_key_service_that_does_not_answer_is_asked_again() {
    let stage = stage().await;
    let run = run_in(&stage);
    run.keys.set_unreachable(true);
    assert_eq!(deliver(&stage, &run).await, Handled::Failed);
    let [postponed] = run.queues.postponed().try_into().unwrap();
    assert!(postponed.delay <= Waits::default().backoff_base, "{postponed:?}");
    run.keys.set_unreachable(false);
    assert_eq!(deliver(&stage, &run).await, Handled::Done);
    assert!(attempt(&stage).await.ended_at.is_some());
}

#[tokio::test]
async fn a_run_that_takes_too_long_says_so_while_it_can() {
    let stage = stage().await;
    let run = run_in(&stage);
    let body = serde_json::to_string(&validate(&stage)).unwrap();
    let received = Received { body, receipt: "the receipt".to_owned(), deliveries: 1 };
    assert_eq!(
        run.handle(&received, Duration::from_secs(5)).await,
        Handled::Failed,
        "no time is left to run in"
    );
    assert_eq!(run.queues.postponed().len(), 1);
    assert_eq!(attempt(&stage).await.ended_at, None);
}

#[tokio::test]
async fn a_message_that_makes_no_sense_becomes_a_dead_letter() {
    let stage = stage().await;
    let received = Received { body: "?".to_owned(), receipt: String::new(), deliveries: 1 };
    assert_eq!(run_in(&stage).handle(&received, TIME).await, Handled::Failed);
}

/// A real export moves into an instance that has every one of its rows already.
#[tokio::test]
async fn a_real_export_harms_nobody_in_an_instance_that_is_its_twin() {
    let Some(raw) = outside::reference_bytes("exports/release-24.7.0.json") else { return };
    let rows: Vec<Value> = serde_json::from_slice(&raw).unwrap();
    let usernames = rows.iter().filter(|row| row["model"] == "sentry.user");
    let usernames: Vec<&str> = usernames.map(|row| row["fields"]["username"].as_str().unwrap()).collect();
    let stage = stage_of(&["test-org"], &usernames, &Instance::of(&rows), &raw).await;
    assert_harmless(&stage).await;
}

#[tokio::test]
async fn its_lines_and_figures_belong_to_the_run_that_waits_for_it() {
    let stage = stage().await;
    let log = Log::new();
    assert_eq!(deliver_to_new(&stage).await, Handled::Done);
    log.assert_about(stage.relocation().await.trace(), "validation-run", Some(1));
    assert_eq!(["TasksStarted", "TasksFailed", "TaskDuration"].map(|name| log.count(name)), [1, 0, 1]);
}
