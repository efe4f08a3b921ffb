use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalog::{Catalog, ImportScope, Model};
use jiff::Timestamp;
use pipeline::commit::{Actor, Dispatch};
use pipeline::event::Event;
use pipeline::ids::{Generation, RelocationId, Turn, UserId};
use pipeline::kinds::{FileKind, Notified, Provenance, Status, Step};
use pipeline::memory::{
    Faults, ManualClock, MemoryObjects, MemoryQueues, MemoryRelocations, MemoryTokens, SeededEntropy, World,
};
use pipeline::message::{Answer, TaskMessage, TaskToken, Verdict};
use pipeline::port::{Clock, CommitRelocations, ReadRelocations};
use pipeline::relocation::{Failure, Fork, Place, Relocation, RelocationFile};
use pipeline::task::OrderedTask;
use pipeline::transition::admin::abort;
use pipeline::transition::lifecycle::{NewRelocation, Source, create, upload_completed};
use pipeline::transition::{Changes, Finished, Start, ValidationChange, finish, start};
use runtime::config::Waits;
use runtime::{Handled, Ports, Received, Task, run_task};
use serde_json::{Value, json};
use silo::{Fields, Filter, ImportFlags, JournalEntry, Pk, Row, Silo, Silos, Traces};
use transfer::import::{ImportReport, ImportRequest, Unwatched, import};

use crate::{Breaker, Export, FaultySilo, faulty_silo};

/// The name of the cell.
pub const CELL: &str = "us";

/// The owner of the relocation, and its creator unless a test says otherwise, who is in control under the username `owner`.
pub const OWNER: UserId = UserId(7);

/// What a relocation asks for.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Who asks.
    pub creator: UserId,
    /// The wanted slugs.
    pub slugs: Vec<String>,
    /// The wanted usernames, as the scan found them.
    pub usernames: Vec<String>,
    /// A promotion.
    pub promo_code: Option<String>,
    /// Where the data comes from.
    pub provenance: Provenance,
    /// The models of the silos.
    pub catalog: Arc<Catalog>,
    /// The sealed export, which lies with the run's inputs once `preprocessing_transfer` is done.
    pub raw: Vec<u8>,
}

impl Default for Setup {
    /// What [`Export::acme`] has of `acme`.
    fn default() -> Self {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            creator: OWNER,
            slugs: strings(&["acme"]),
            usernames: strings(&["ada", "bob", "eve"]),
            promo_code: None,
            provenance: Provenance::SelfHosted,
            catalog: Catalog::builtin(),
            raw: Vec::new(),
        }
    }
}

impl Setup {
    /// What the tutorial's export has of both bookshops, and its catalogue.
    ///
    /// # Panics
    /// The catalogue does not load.
    #[must_use]
    pub fn bookshops() -> Self {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            slugs: strings(&["harbour-books", "hill-books"]),
            usernames: strings(&["ada", "ben", "cleo"]),
            catalog: Arc::new(Catalog::parse(BOOKSHOP).unwrap()),
            ..Self::default()
        }
    }
}

/// The tutorial's catalogue.
const BOOKSHOP: &str = include_str!("../../catalog/example/bookshop.toml");

/// The tutorial's export: the shops `harbour-books` (with `ada`, an owner, and `ben`) and `hill-books` (with `cleo`).
pub const BOOKSHOPS: &[u8] = include_bytes!("../../catalog/example/export.json");

/// A relocation whose turn for a task has come, and the world around it.
pub struct Stage {
    /// The relocation.
    pub id: RelocationId,
    /// The task whose turn it is.
    pub task: OrderedTask,
    /// What running a task needs.
    pub ports: Ports<MemoryRelocations, MemoryQueues, MemoryTokens>,
    /// The buckets.
    pub objects: Arc<MemoryObjects>,
    /// The queues that a body sends to.
    pub queues: Arc<MemoryQueues>,
    /// The cell's silo, empty but for what the test puts there.
    pub cell: Arc<FaultySilo>,
    /// Control's silo, with the relocation's owner.
    pub control: Arc<FaultySilo>,
    /// The models of both.
    pub catalog: Arc<Catalog>,
    /// The time of all.
    pub clock: SharedClock,
    /// Fails calls to ports.
    pub faults: Faults,
    /// Fails calls to silos.
    pub breaker: Breaker,
    /// The rows that the test has put into silos: all that there are without the relocation.
    put: Mutex<Rows>,
}

/// Rows by model and primary key.
pub(crate) type Rows = BTreeMap<(String, Pk), Fields>;

/// A clock that moves for all who share it.
#[derive(Clone, Debug, Default)]
pub struct SharedClock(pub Arc<ManualClock>);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl Stage {
    /// A relocation of `acme` that has come to a task.
    pub async fn at(task: OrderedTask) -> Self {
        Self::with(task, Setup::default()).await
    }

    /// A relocation that has come to a task.
    pub async fn with(task: OrderedTask, setup: Setup) -> Self {
        let stage = Self { task, ..Self::awaiting_upload(setup.clone()).await };
        if let Some(commit) = upload_completed(&stage.relocation().await, stage.clock.now()) {
            stage.ports.store.commit(commit).await.unwrap();
        }
        for earlier in OrderedTask::ALL.iter().take_while(|earlier| **earlier < task) {
            stage.pass(*earlier, &setup).await;
        }
        stage.faults.reset();
        stage
    }

    /// A relocation that was asked for, and no more.
    pub async fn awaiting_upload(setup: Setup) -> Self {
        let World { relocations, objects, queues, tokens, faults, entropy, .. } = World::new();
        let clock = SharedClock::default();
        clock.0.set("2026-02-03T04:05:06.789Z".parse().unwrap());
        let (catalog, breaker) = (Arc::clone(&setup.catalog), Breaker::default());
        let stage = Self {
            id: "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().unwrap(),
            task: OrderedTask::UploadingStart,
            ports: Ports {
                store: Arc::new(relocations),
                queues: MemoryQueues::with_faults(faults.clone()),
                tokens,
                clock: Box::new(clock.clone()),
                entropy: Box::new(entropy),
                waits: Waits::default(),
            },
            objects: Arc::new(objects),
            queues: Arc::new(queues),
            cell: Arc::new(faulty_silo(Arc::clone(&catalog), breaker.clone())),
            control: Arc::new(faulty_silo(Arc::clone(&catalog), breaker.clone())),
            catalog,
            clock,
            faults,
            breaker,
            put: Mutex::default(),
        };
        stage.put_owner();
        stage.ask(&setup).await;
        stage.faults.reset();
        stage
    }

    fn put_owner(&self) {
        let tenancy = self.catalog.tenancy().unwrap();
        let users = self.catalog.model(tenancy.user.model);
        let mut owner = json!({});
        owner[&tenancy.user.field] = "owner".into();
        owner[&tenancy.user_address.field] = "owner@example.com".into();
        if users.field("is_active").is_some() {
            owner["is_active"] = true.into();
        }
        self.put(&users.name, OWNER.0 as Pk, owner);
    }

    async fn ask(&self, setup: &Setup) {
        let file = RelocationFile {
            kind: FileKind::RawUserData,
            place: Place::Uploads,
            key: pipeline::artifact::upload(self.id),
            bytes: 1,
            pinned: None,
            upload: None,
            proof: None,
        };
        let fork = Fork { cell: "de".to_owned(), slug: setup.slugs.first().cloned().unwrap_or_default() };
        let new = NewRelocation {
            id: self.id,
            creator: setup.creator,
            owner: OWNER,
            want_org_slugs: setup.slugs.clone(),
            autopause: None,
            promo_code: setup.promo_code.clone(),
            artifact_retention_days: 30,
            source: match setup.provenance {
                Provenance::SelfHosted => Source::Upload(file),
                Provenance::SaasToSaas => Source::Cell(fork),
            },
        };
        let now = self.clock.now();
        self.ports.store.commit(create(new, Actor::User(OWNER), now)).await.unwrap();
    }

    /// Lets the task and those that follow begin and end without their bodies, so that the relocation succeeds.
    pub async fn succeed(&self) {
        for task in OrderedTask::ALL.iter().skip_while(|task| **task < self.task) {
            self.pass(*task, &Setup::default()).await;
        }
        self.faults.reset();
    }

    /// Lets staff abort the relocation, so that it fails.
    pub async fn abort(&self) {
        let aborted = abort(&self.relocation().await, Actor::User(OWNER), self.clock.now()).unwrap();
        self.ports.store.commit(aborted).await.unwrap();
        self.faults.reset();
    }

    /// Lets a task begin and end without its body.
    async fn pass(&self, task: OrderedTask, setup: &Setup) {
        let message = TaskMessage { task, ..self.message() };
        let now = self.clock.now();
        let relocation = self.relocation().await;
        let Start::Run(commit) = start(Some(&relocation), None, &message, now) else {
            panic!("{task} does not start")
        };
        self.ports.store.commit(*commit).await.unwrap();
        let finished = Finished::next().with(self.changes(task, setup));
        let (commit, _) = finish(&self.relocation().await, &message, finished, now).unwrap();
        self.ports.store.commit(commit).await.unwrap();
    }

    /// What a task before the one in question left, as far as a later one looks at it.
    fn changes(&self, task: OrderedTask, setup: &Setup) -> Changes {
        let mut changes = Changes::default();
        match task {
            OrderedTask::PreprocessingScan => changes.want_usernames = Some(setup.usernames.clone()),
            OrderedTask::PreprocessingTransfer => changes.files.push(self.raw_file(&setup.raw)),
            OrderedTask::ValidatingStart => changes.validation = Some(ValidationChange::StartRun),
            _ => {}
        }
        changes
    }

    fn raw_file(&self, content: &[u8]) -> RelocationFile {
        let (kind, place) = (FileKind::RawUserData, Place::Artifacts);
        let key = pipeline::artifact::input(self.id, kind);
        let pinned = Some(self.objects.insert(place, &key, content.to_vec()).pinned);
        RelocationFile { kind, place, key, bytes: content.len() as u64, pinned, upload: None, proof: None }
    }

    /// The message that asks for the task.
    #[must_use]
    pub fn message(&self) -> TaskMessage {
        TaskMessage {
            uuid: self.id,
            generation: Generation(1),
            task: self.task,
            turn: self.turn(),
            token: token(self.turn()),
            build: None,
        }
    }

    /// The turn that the machine is at: the one after the last that answered `again`.
    fn turn(&self) -> Turn {
        let mut turn = Turn(0);
        while let Some(Answer { outcome: Verdict::Again, turn: next, .. }) = self.answer_at(turn) {
            turn = next;
        }
        turn
    }

    fn answer_at(&self, turn: Turn) -> Option<Answer> {
        self.ports.tokens.answer_of(&token(turn))
    }

    /// Runs the task's body the way its function does.
    pub async fn deliver(&self, task: &impl Task) -> Handled {
        let body = serde_json::to_string(&self.message()).unwrap();
        let received = Received { body, receipt: "the receipt".to_owned(), deliveries: 1 };
        run_task(task, &self.ports, &received, Duration::from_secs(60)).await
    }

    /// Random values, the same in every run.
    #[must_use]
    pub fn entropy(&self) -> Box<SeededEntropy> {
        Box::default()
    }

    /// The record.
    pub async fn relocation(&self) -> Relocation {
        self.ports.store.relocation(self.id).await.unwrap().unwrap()
    }

    /// The answer that ended the task, if one did: `again` is none.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        self.answer_at(self.turn())
    }

    /// The silos.
    #[must_use]
    pub fn silos(&self) -> Silos<'_, FaultySilo> {
        Silos { cell: &self.cell, control: &self.control }
    }

    /// Puts a row into its silo as it is.
    pub fn put(&self, model: &str, pk: Pk, fields: Value) {
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        let model = self.catalog.find(model).unwrap();
        self.put.lock().unwrap().insert((model.name.clone(), pk), fields.clone());
        self.silos().of(model).silo.load(model, Row::new(pk, fields)).unwrap();
    }

    /// All rows of a model by primary key.
    pub async fn rows(&self, model: &str) -> BTreeMap<Pk, Fields> {
        let model = self.catalog.find(model).unwrap();
        let page = self.silos().of(model).silo.page(model, None, usize::MAX).await.unwrap();
        page.items
            .into_iter()
            .map(|stored| (stored.row.pk, Arc::unwrap_or_clone(stored.row.fields)))
            .collect()
    }

    /// What the journal of the relocation's import tells, in the cell and then in control.
    pub async fn journal(&self) -> Vec<JournalEntry> {
        let [cell, control] = self.traces().await;
        [cell.journal, control.journal].concat()
    }

    async fn traces(&self) -> [Traces; 2] {
        let (cell, control) = (&*self.cell.silo, &*self.control.silo);
        [
            Traces::read(cell, self.id.uuid()).await.unwrap(),
            Traces::read(control, self.id.uuid()).await.unwrap(),
        ]
    }

    /// The rows that would be there without the relocation, as it tells itself, beside those that the test has put
    /// there: the same, or the relocation cannot be undone.
    pub(crate) async fn undone(&self) -> (Rows, Rows) {
        let [cell, control] = self.traces().await;
        let cell = cell.undone(&*self.cell.silo).await.unwrap();
        let control = control.undone(&*self.control.silo).await.unwrap();
        let silos = Silos { cell: &cell, control: &control };
        let mut undone = Rows::new();
        for model in cell.catalog().models() {
            let page = silos.of(model).page(model, None, usize::MAX).await.unwrap();
            undone.extend(page.items.into_iter().map(|stored| {
                ((model.name.clone(), stored.row.pk), Arc::unwrap_or_clone(stored.row.fields))
            }));
        }
        (undone, self.put.lock().unwrap().clone())
    }

    /// Imports an export as the task `importing` does.
    pub async fn import(&self, export: &Export) -> ImportReport {
        let slugs = self.relocation().await.want_org_slugs;
        self.import_filtered(export, Filter::OrganizationSlugs(slugs)).await
    }

    /// Imports an export with a filter that need not be the relocation's.
    pub async fn import_filtered(&self, export: &Export, filter: Filter) -> ImportReport {
        self.import_file(&export.json(), filter).await
    }

    /// Imports a file of rows with a filter that need not be the relocation's.
    pub async fn import_file(&self, file: &[u8], filter: Filter) -> ImportReport {
        let relocation = self.relocation().await;
        let request = ImportRequest {
            import: self.id.uuid(),
            scope: ImportScope::Organization,
            flags: ImportFlags {
                merge_users: relocation.provenance == Provenance::SaasToSaas,
                overwrite_configs: false,
                hide_organizations: true,
            },
            filter,
            clear: false,
            source_version: "1".to_owned(),
            now: self.clock.now(),
            key: [7; 32],
        };
        let outcome = import(self.silos(), file, &request, &mut Unwatched).await.unwrap();
        self.breaker.reset();
        outcome.report
    }

    /// The events that were published or wait for it.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let events = self.ports.store.outbox().into_iter().filter_map(|entry| match entry.dispatch {
            Dispatch::Publish(recorded) => Some(recorded.event),
            _ => None,
        });
        events.collect()
    }

    /// Puts names in place of primary keys, which differ from run to run; keys to what has no name go.
    async fn name_targets(&self, model: &Model, fields: &mut Fields) {
        let catalog = &self.catalog;
        for key in &model.keys {
            let target = key.target.map(|target| catalog.model(target));
            let pk = fields.remove(&key.field).as_ref().and_then(Value::as_i64);
            let named = target.and_then(|target| Some((target, target.identifier.as_ref()?, pk?)));
            let Some((target, identifier, pk)) = named else { continue };
            let row = self.silos().of(target).silo.get(target, &[pk]).await.unwrap().pop().flatten();
            let name = row.and_then(|stored| stored.row.fields.get(identifier).cloned());
            fields.insert(key.field.clone(), name.unwrap_or(Value::Null));
        }
    }

    /// What became of everything, without what differs from run to run: attempts, turns, versions, primary keys
    /// of rows, how often a message was sent.
    pub async fn observe(&self) -> Observed {
        self.faults.reset();
        let relocation = self.relocation().await;
        let mut rows = BTreeSet::new();
        for model in self.catalog.models() {
            for mut fields in self.rows(&model.name).await.into_values() {
                self.name_targets(model, &mut fields).await;
                rows.insert(format!("{} {}", model.name, Value::Object(fields)));
            }
        }
        Observed {
            status: relocation.status,
            step: relocation.step,
            failure: relocation.failure_reason,
            notified: relocation.latest_notified,
            answer: self.answer().map(|answer| Answer { turn: Turn(0), ..answer }),
            events: self.events(),
            messages: self.queues.sent().into_iter().map(|sent| sent.body).collect(),
            rows,
        }
    }
}

/// See [`Stage::observe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The record's status.
    pub status: Status,
    /// The record's step.
    pub step: Step,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The latest mail.
    pub notified: Option<Notified>,
    /// The answer to the token.
    pub answer: Option<Answer>,
    /// All events.
    pub events: Vec<Event>,
    /// The messages that the body sent, each once.
    pub messages: BTreeSet<String>,
    /// All rows, as `model fields`.
    pub rows: BTreeSet<String>,
}

fn token(turn: Turn) -> TaskToken {
    TaskToken::new(format!("the token of turn {turn}"))
}
