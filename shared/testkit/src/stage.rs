use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, ImportScope};
use jiff::Timestamp;
use pipeline::commit::{Actor, Dispatch};
use pipeline::event::Event;
use pipeline::ids::{Generation, RelocationId, Turn, UserId};
use pipeline::kinds::{FileKind, Notified, Provenance, Status, Step};
use pipeline::memory::{
    Faults, ManualClock, MemoryObjects, MemoryQueues, MemoryRelocations, MemoryTokens, SeededEntropy, World,
};
use pipeline::message::{Answer, TaskMessage, TaskToken};
use pipeline::port::{Clock, CommitRelocations, ReadRelocations};
use pipeline::relocation::{Failure, Fork, Place, Relocation, RelocationFile};
use pipeline::task::OrderedTask;
use pipeline::transition::lifecycle::{NewRelocation, Source, create, upload_completed};
use pipeline::transition::{Changes, Finished, Start, finish, start};
use runtime::config::Waits;
use runtime::{Handled, Ports, Received, Task, run_task};
use serde_json::{Value, json};
use silo::{Fields, Filter, ImportFlags, Pk, Row, Silo, Silos};
use transfer::import::{ImportReport, ImportRequest, Unwatched, import};

use crate::{Breaker, Export, FaultySilo};

/// The name of the cell.
pub const CELL: &str = "us";

/// The owner and creator of the relocation, who is in control under the username `owner`.
pub const OWNER: UserId = UserId(7);

/// What a relocation asks for.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The wanted slugs.
    pub slugs: Vec<String>,
    /// The wanted usernames, as the scan found them.
    pub usernames: Vec<String>,
    /// A promotion.
    pub promo_code: Option<String>,
    /// Where the data comes from.
    pub provenance: Provenance,
}

impl Default for Setup {
    /// What [`Export::acme`] has of `acme`.
    fn default() -> Self {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            slugs: strings(&["acme"]),
            usernames: strings(&["ada", "bob", "eve"]),
            promo_code: None,
            provenance: Provenance::SelfHosted,
        }
    }
}

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
    /// The time of all.
    pub clock: SharedClock,
    /// Fails calls to ports.
    pub faults: Faults,
    /// Fails calls to silos.
    pub breaker: Breaker,
}

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
        let World { relocations, objects, queues, tokens, faults, entropy, .. } = World::new();
        let clock = SharedClock::default();
        clock.0.set("2026-02-03T04:05:06.789Z".parse().unwrap());
        let (catalog, breaker) = (Catalog::builtin(), Breaker::default());
        let stage = Self {
            id: "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().unwrap(),
            task,
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
            cell: Arc::new(FaultySilo::new(Arc::clone(&catalog), breaker.clone())),
            control: Arc::new(FaultySilo::new(catalog, breaker.clone())),
            clock,
            faults,
            breaker,
        };
        let owner = json!({"username": "owner", "email": "owner@example.com", "is_active": true});
        stage.put("sentry.user", OWNER.0 as Pk, owner);
        stage.ask(&setup).await;
        for earlier in OrderedTask::ALL.iter().take_while(|earlier| **earlier < task) {
            stage.pass(*earlier, &setup).await;
        }
        stage.faults.reset();
        stage.breaker.reset();
        stage
    }

    async fn ask(&self, setup: &Setup) {
        let file = RelocationFile {
            kind: FileKind::RawUserData,
            place: Place::Uploads,
            key: pipeline::artifact::upload(self.id),
            bytes: 1,
            pinned: None,
            upload: None,
        };
        let fork = Fork { cell: "de".to_owned(), slug: setup.slugs.first().cloned().unwrap_or_default() };
        let new = NewRelocation {
            id: self.id,
            creator: OWNER,
            owner: OWNER,
            want_org_slugs: setup.slugs.clone(),
            autopause: None,
            promo_code: setup.promo_code.clone(),
            source: match setup.provenance {
                Provenance::SelfHosted => Source::Upload(file),
                Provenance::SaasToSaas => Source::Cell(fork),
            },
        };
        let now = self.clock.now();
        self.ports.store.commit(create(new, Actor::User(OWNER), now)).await.unwrap();
        if let Some(commit) = upload_completed(&self.relocation().await, now) {
            self.ports.store.commit(commit).await.unwrap();
        }
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
        let usernames = (task == OrderedTask::PreprocessingScan).then(|| setup.usernames.clone());
        let finished = Finished::next().with(Changes { want_usernames: usernames, ..Changes::default() });
        let (commit, _) = finish(&self.relocation().await, &message, finished, now).unwrap();
        self.ports.store.commit(commit).await.unwrap();
    }

    /// The message that asks for the task.
    #[must_use]
    pub fn message(&self) -> TaskMessage {
        TaskMessage {
            uuid: self.id,
            generation: Generation(1),
            task: self.task,
            turn: Turn(0),
            token: TaskToken::new("the token"),
            build: None,
        }
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

    /// The answer that the token took.
    #[must_use]
    pub fn answer(&self) -> Option<Answer> {
        self.ports.tokens.answer_of(&TaskToken::new("the token"))
    }

    /// The silos.
    #[must_use]
    pub fn silos(&self) -> Silos<'_, FaultySilo> {
        Silos { cell: &self.cell, control: &self.control }
    }

    /// Puts a row into its silo as it is.
    pub fn put(&self, model: &str, pk: Pk, fields: Value) {
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        let catalog = Catalog::builtin();
        let model = catalog.find(model).unwrap();
        self.silos().of(model).memory.load(model, Row { pk, fields }).unwrap();
    }

    /// All rows of a model by primary key.
    pub async fn rows(&self, model: &str) -> BTreeMap<Pk, Fields> {
        let catalog = Catalog::builtin();
        let model = catalog.find(model).unwrap();
        let page = self.silos().of(model).memory.page(model, None, usize::MAX).await.unwrap();
        page.items.into_iter().map(|stored| (stored.row.pk, stored.row.fields)).collect()
    }

    /// Imports an export as the task `importing` does.
    pub async fn import(&self, export: &Export) -> ImportReport {
        let slugs = self.relocation().await.want_org_slugs;
        self.import_filtered(export, Filter::OrganizationSlugs(slugs)).await
    }

    /// Imports an export with a filter that need not be the relocation's.
    pub async fn import_filtered(&self, export: &Export, filter: Filter) -> ImportReport {
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
            source_version: "1".to_owned(),
            now: self.clock.now(),
            key: [7; 32],
        };
        let file = export.json();
        let outcome = import(self.silos(), file.as_slice(), &request, &mut Unwatched).await.unwrap();
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

    /// What became of everything, without what differs from run to run: attempts, versions, primary keys of
    /// rows, how often a message was sent.
    pub async fn observe(&self) -> Observed {
        self.faults.reset();
        let relocation = self.relocation().await;
        let mut rows = BTreeSet::new();
        for model in Catalog::builtin().models() {
            for fields in self.rows(&model.name).await.into_values() {
                rows.insert(format!("{} {}", model.name, Value::Object(fields)));
            }
        }
        Observed {
            status: relocation.status,
            step: relocation.step,
            failure: relocation.failure_reason,
            notified: relocation.latest_notified,
            answer: self.answer(),
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
