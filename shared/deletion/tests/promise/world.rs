//! The world that is simulated, and the chance that moves it.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use catalog::{Catalog, ImportScope, SiloKind};
use deletion::Settings;
use jiff::Timestamp;
use silo::{
    Departed, Filter, ImportFlags, ImportPlan, Intercept, Intercepted, MemorySilo, PendingDeparture, Pk,
    PkRange, Reconcile, Row, Silo, StoreError, Transaction, Watermarks, cross_silo_keys,
};
use uuid::Uuid;

use crate::oracle::{self, History};
use crate::steps;

/// Users in control and teams in the cell go; what refers to them elsewhere follows, or not, as each key says.
const MODELS: &str = r#"
[[model]]
name = "app.user"
silo = "control"
scope = "user"
[model.fields]
name = "text"

[[model]]
name = "app.team"
silo = "cell"
scope = "organization"
[model.fields]
name = "text"

[[model]]
name = "app.room"
silo = "cell"
scope = "organization"
[model.fields]
team = "key(app.team) cascade"

[[model]]
name = "app.member"
silo = "cell"
scope = "organization"
[model.fields]
user = "cross-silo-key(app.user) cascade"

[[model]]
name = "app.note"
silo = "cell"
scope = "organization"
[model.fields]
author = "cross-silo-key(app.user)? set-null"
member = "key(app.member)? cascade"

[[model]]
name = "app.log"
silo = "cell"
scope = "organization"
[model.fields]
user = "cross-silo-key(app.user) do-nothing"

[[model]]
name = "app.replica"
silo = "control"
scope = "user"
[model.fields]
team  = "cross-silo-key(app.team) cascade"
other = "cross-silo-key(app.team)? set-null"
"#;

/// How many users and teams there are; only some of them go.
pub(crate) const TARGETS: Pk = 4;
pub(crate) const GOING: std::ops::RangeInclusive<Pk> = 1..=2;
const STAYING: std::ops::RangeInclusive<Pk> = 3..=TARGETS;
/// The longest that an index lags.
const LAG: Duration = Duration::from_secs(20);
/// The most chance moves before all becomes quiet.
const MOVES_MAX: usize = 240;
/// More rounds of jobs than any seed needs to come to rest.
const ROUNDS_MAX: usize = 400;

/// What stores do beyond what is simple.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mode {
    /// Indexes over keys follow late.
    pub(crate) lagging_index: bool,
    /// Imports write rows beneath primary keys that are there already, in any order.
    pub(crate) out_of_order: bool,
}

/// The rules that the promise rests on (DESIGN §4), each of which can be switched off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) open_imports_bound: bool,
    pub(crate) opening_moves_back: bool,
    pub(crate) keys_in_transaction: bool,
    pub(crate) tombstones_settle: bool,
    pub(crate) looks_after: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            open_imports_bound: true,
            opening_moves_back: true,
            keys_in_transaction: true,
            tombstones_settle: true,
            looks_after: true,
        }
    }
}

/// A silo whose every call can be overtaken, or be the last of its caller, before and after its effect.
pub(crate) type Store = Intercepted<Arc<MemorySilo>, Seen>;

/// Lets others go first, and sees what was written.
pub(crate) struct Seen(Arc<Mutex<History>>);

impl Intercept for Seen {
    async fn call<T: Send, E: From<StoreError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        give_way().await;
        let result = call.await;
        give_way().await;
        result
    }

    fn written(&self, transaction: &Transaction) {
        self.0.lock().unwrap().note(transaction);
    }
}

async fn give_way() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Something under way.
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// An import: its plan, and the rows that it is to write.
pub(crate) struct Import {
    pub(crate) plan: ImportPlan,
    pub(crate) rows: Vec<(&'static str, Row)>,
}

pub(crate) struct World {
    pub(crate) chance: fastrand::Rng,
    pub(crate) rules: Rules,
    mode: Mode,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) cell: Arc<Store>,
    pub(crate) control: Arc<Store>,
    history: Arc<Mutex<History>>,
    now: Timestamp,
    quiet_since: Timestamp,
    tasks: Vec<Task>,
    pub(crate) imports: Vec<Arc<Import>>,
    /// What the bus holds, for either silo.
    bus: Vec<(SiloKind, Departed)>,
    /// When each change happened that an index has not seen yet.
    late: [VecDeque<Timestamp>; 2],
    gone: BTreeSet<(&'static str, Pk)>,
}

impl World {
    pub(crate) fn new(seed: u64, mode: Mode, rules: Rules) -> Self {
        let catalog = Arc::new(Catalog::parse(MODELS).expect("the catalogue of the simulation"));
        let history = Arc::new(Mutex::new(History::default()));
        let store = || {
            let memory = if mode.lagging_index {
                MemorySilo::with_lagging_index(Arc::clone(&catalog))
            } else {
                MemorySilo::new(Arc::clone(&catalog))
            };
            for model in
                catalog.models().iter().filter(|model| model.name == "app.user" || model.name == "app.team")
            {
                for pk in 1..=TARGETS {
                    memory.load(model, Row::new(pk, steps::fields(&[("name", None)]))).unwrap();
                }
            }
            Arc::new(Intercepted { silo: Arc::new(memory), between: Seen(Arc::clone(&history)) })
        };
        let (cell, control) = (store(), store());
        let world = Self {
            chance: fastrand::Rng::with_seed(seed),
            rules,
            mode,
            catalog,
            cell,
            control,
            history,
            now: Timestamp::UNIX_EPOCH,
            quiet_since: Timestamp::UNIX_EPOCH,
            tasks: Vec::new(),
            imports: Vec::new(),
            bus: Vec::new(),
            late: Default::default(),
            gone: BTreeSet::new(),
        };
        let room = world.catalog.find("app.room").unwrap();
        for team in 1..=TARGETS {
            let fields = steps::fields(&[("team", Some(team))]);
            let row = Row::new(team, fields);
            world
                .history
                .lock()
                .unwrap()
                .note(&Transaction { writes: vec![silo::Write::insert(room, row.clone())], chunk: None });
            world.cell.silo.load(room, row).unwrap();
        }
        world
    }

    /// Lets chance have its way for a while, waits until all is quiet, and says what is not as it should be.
    pub(crate) fn run(mut self) -> Result<(), String> {
        let moves = self.chance.usize(MOVES_MAX / 4..MOVES_MAX);
        for _ in 0..moves {
            self.happens();
        }
        self.comes_to_rest()?;
        let history = self.history.lock().unwrap();
        oracle::check(&self.catalog, [&self.cell.silo, &self.control.silo], &history, &self.gone)
    }

    pub(crate) fn store(&self, silo: SiloKind) -> Arc<Store> {
        Arc::clone(match silo {
            SiloKind::Cell => &self.cell,
            SiloKind::Control => &self.control,
        })
    }

    fn happens(&mut self) {
        match self.chance.u8(0..100) {
            0..3 => self.deletes(),
            3..10 => self.inserts(),
            10..13 if self.mode.out_of_order => self.imports(),
            13..15 if self.mode.out_of_order => self.resumes(),
            15..17 => self.a_task_dies(),
            17..23 => self.relays(),
            23..30 => self.delivers(),
            30..38 => self.a_job_starts(),
            38..39 => self.moves_a_room(),
            39..41 => {
                let seconds = self.chance.u64(1..30);
                self.time_passes(Duration::from_secs(seconds));
            }
            _ => self.a_task_goes_on(),
        }
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.tasks.push(Box::pin(task));
    }

    fn deletes(&mut self) {
        let (name, silo) =
            if self.chance.bool() { ("app.user", SiloKind::Control) } else { ("app.team", SiloKind::Cell) };
        let pk = self.chance.i64(GOING);
        self.gone.insert((name, pk));
        self.spawn(steps::delete(self.store(silo), name, pk));
    }

    fn inserts(&mut self) {
        let task = steps::insert(self);
        self.spawn(task);
    }

    fn moves_a_room(&mut self) {
        let (room, team) = (self.chance.i64(1..=TARGETS), self.chance.i64(STAYING));
        self.spawn(steps::move_room(self.store(SiloKind::Cell), room, team));
    }

    /// An import begins: its plan is recorded, and whoever runs it may die at any time.
    fn imports(&mut self) {
        let number = self.imports.len() as u128 + 1;
        let rows: u64 = self.chance.u64(1..5);
        let reserve = |name: &str| {
            let model = self.catalog.find(name).unwrap();
            ready(self.store(model.silo).silo.reserve(model, rows)).unwrap()
        };
        let names = ["app.member", "app.note", "app.replica"];
        let starts = names.map(|name| (name, reserve(name)));
        let plan = ImportPlan {
            import: Uuid::from_u128(number),
            scope: ImportScope::Organization,
            flags: ImportFlags::default(),
            filter: Filter::All,
            source_version: "1".to_owned(),
            now: self.now,
            key: [0; 32],
            transaction_items: 99,
            ranges: starts
                .iter()
                .map(|(name, start)| ((*name).to_owned(), PkRange { start: *start, rows, automatic: 0 }))
                .collect(),
        };
        for store in [&self.cell, &self.control] {
            ready(store.silo.record_plan(&plan)).unwrap();
        }
        let mut planned = Vec::new();
        for (name, start) in starts {
            for pk in start..start + rows as Pk {
                planned.push((name, Row::new(pk, steps::some_fields(&mut self.chance, name))));
            }
        }
        self.chance.shuffle(&mut planned);
        self.imports.push(Arc::new(Import { plan, rows: planned }));
        self.resume(self.imports.len() - 1);
    }

    fn resumes(&mut self) {
        if !self.imports.is_empty() {
            let number = self.chance.usize(0..self.imports.len());
            self.resume(number);
        }
    }

    fn resume(&mut self, number: usize) {
        let import = Arc::clone(&self.imports[number]);
        let task =
            steps::import(self.store(SiloKind::Cell), self.store(SiloKind::Control), import, self.rules);
        self.spawn(task);
    }

    fn a_task_dies(&mut self) {
        if !self.tasks.is_empty() {
            let number = self.chance.usize(0..self.tasks.len());
            drop(self.tasks.swap_remove(number));
        }
    }

    /// What the stores keep of those who went is told, maybe twice; later it is looked for what they left behind.
    fn relays(&mut self) {
        for store in [self.store(SiloKind::Cell), self.store(SiloKind::Control)] {
            for PendingDeparture { departure, told } in ready(store.silo.departures(10)).unwrap() {
                match told {
                    None => {
                        for _ in 0..self.chance.usize(1..3) {
                            for silo in [SiloKind::Cell, SiloKind::Control] {
                                self.bus.extend(departure.departed.iter().map(|one| (silo, one.clone())));
                            }
                        }
                        // Whoever tells it may die before that is noted.
                        if self.chance.bool() {
                            ready(store.silo.note_told(&departure, self.now)).unwrap();
                        }
                    }
                    Some(told) if told + self.settling() <= self.now => {
                        self.spawn(steps::look_after(Arc::clone(&store), departure, self.rules));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn settling(&self) -> Duration {
        if self.rules.tombstones_settle && self.mode.lagging_index { LAG } else { Duration::ZERO }
    }

    /// One message arrives, whichever; it may arrive again.
    fn delivers(&mut self) {
        if self.bus.is_empty() {
            return;
        }
        let number = self.chance.usize(0..self.bus.len());
        let (silo, departed) = self.bus[number].clone();
        if self.chance.u8(0..4) > 0 {
            self.bus.swap_remove(number);
        }
        ready(self.store(silo).silo.bury(&[departed], self.now)).unwrap();
    }

    fn a_job_starts(&mut self) {
        let silo = if self.chance.bool() { SiloKind::Cell } else { SiloKind::Control };
        let catalog = Arc::clone(&self.catalog);
        let keys: Vec<_> = cross_silo_keys(&catalog, silo).collect();
        let (model, key) = keys[self.chance.usize(0..keys.len())];
        let job = self.job(silo, &model.name, &key.field);
        if self.chance.bool() {
            finished(job);
        } else {
            self.spawn(async { _ = job.await });
        }
    }

    /// One run of a job for a key; whether it wants to run again.
    fn job(&mut self, silo: SiloKind, model: &str, field: &str) -> impl Future<Output = bool> + 'static {
        let settings = Settings { batch: self.chance.u64(1..5), settling: self.settling() };
        let fresh = format!("fresh {}", self.chance.u64(..));
        steps::reconcile(
            self.store(silo),
            silo,
            (model.to_owned(), field.to_owned()),
            settings,
            self.now,
            fresh,
        )
    }

    fn a_task_goes_on(&mut self) {
        if !self.tasks.is_empty() {
            let number = self.chance.usize(0..self.tasks.len());
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..self.chance.usize(1..12) {
                if self.tasks[number].as_mut().poll(&mut context).is_ready() {
                    drop(self.tasks.swap_remove(number));
                    break;
                }
            }
            self.indexes_follow(false);
        }
    }

    fn time_passes(&mut self, duration: Duration) {
        self.now += duration;
        self.indexes_follow(false);
    }

    /// Indexes follow by chance, but never later than they may.
    fn indexes_follow(&mut self, whole: bool) {
        for (place, store) in [&self.cell, &self.control].into_iter().enumerate() {
            let late = &mut self.late[place];
            let left = store.silo.catch_up(0);
            late.resize(left.max(late.len()), self.now);
            let overdue = late.iter().take_while(|since| **since + LAG <= self.now).count();
            let more = if whole { left } else { overdue + usize::from(self.chance.u8(0..20) == 0) };
            store.silo.catch_up(more);
            late.drain(..more.min(late.len()));
        }
    }

    /// Nothing new happens, all that was begun ends, and jobs run until none finds anything to do.
    fn comes_to_rest(&mut self) -> Result<(), String> {
        self.tasks.clear();
        self.quiet_since = self.now;
        for number in 0..self.imports.len() {
            // Some are recovered, the others have failed for good.
            if self.chance.bool() {
                self.resume(number);
                self.finish();
            } else {
                let import = self.imports[number].plan.import;
                for store in [&self.cell, &self.control] {
                    ready(store.silo.note_open(import, false)).unwrap();
                }
            }
        }
        for (name, pk) in self.gone.clone() {
            let silo = self.catalog.find(name).unwrap().silo;
            self.spawn(steps::delete(self.store(silo), name, pk));
            self.finish();
        }
        let catalog = Arc::clone(&self.catalog);
        for _ in 0..ROUNDS_MAX {
            self.relays();
            self.finish();
            while !self.bus.is_empty() {
                self.delivers();
            }
            let mut has_more = false;
            for silo in [SiloKind::Cell, SiloKind::Control] {
                for (model, key) in cross_silo_keys(&catalog, silo) {
                    has_more |= finished(self.job(silo, &model.name, &key.field));
                }
            }
            // What deletions leave behind is looked after, too.
            let nobody_went = [&self.cell, &self.control]
                .into_iter()
                .all(|store| ready(store.silo.departures(1)).unwrap().is_empty());
            if !has_more && nobody_went && self.now > self.quiet_since + LAG * 2 {
                return Ok(());
            }
            self.time_passes(LAG);
            self.indexes_follow(true);
        }
        Err("it does not come to rest".to_owned())
    }

    fn finish(&mut self) {
        while !self.tasks.is_empty() {
            self.a_task_goes_on();
        }
    }
}

/// What a call of a store in memory answers, which never waits.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    finished(future)
}

/// What a future answers when it is let run alone.
pub(crate) fn finished<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}
