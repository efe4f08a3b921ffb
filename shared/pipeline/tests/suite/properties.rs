//! Whatever happens to a relocation, in whatever order: messages that come again and late, functions that die
//! before and after their commit, bodies that run at once, people who pause, cancel, abort, recover, commits
//! that were decided on an old state. Certain things always hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::executor::block_on;
use jiff::Timestamp;
use pipeline::code::ErrorCode;
use pipeline::commit::{Commit, Dispatch};
use pipeline::ids::{BuildId, Generation, Turn};
use pipeline::kinds::{Status, Step, UndoStatus, ValidationStatus};
use pipeline::memory::MemoryRelocations;
use pipeline::message::{Answer, TaskMessage, TaskToken, Verdict, Visit};
use pipeline::port::{CommitError, CommitRelocations, ReadRelocations};
use pipeline::relocation::Relocation;
use pipeline::task::OrderedTask;
use pipeline::transition::lifecycle::{Source, create, upload_completed, upload_expired};
use pipeline::transition::{
    Cause, Changes, Finished, Outcome, Start, ValidationChange, admin, fail, finish, start, undo, validation,
};
use pipeline::undo::{CameTo, Undo, UndoCall, Wish};
use proptest::prelude::*;

use crate::common::{OWNER, STAFF, id, new_relocation, now, raw_file};

/// How long after its end a relocation may be undone: an hour, which is sixty things that happen.
const WINDOW: Duration = Duration::from_hours(1);

/// Something that happens. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Op {
    /// A message is delivered, for the first time or again.
    Deliver(usize),
    /// A body that runs comes to an end.
    Finish { body: usize, way: u8, answer_is_lost: bool },
    /// A function dies: its body never ends.
    Die(usize),
    /// The outbox is relayed.
    Relay,
    /// Something beside the run.
    Do(Deed),
    /// The same, decided now and committed later.
    Decide(Deed),
    /// What was decided is committed.
    CommitLate(usize),
}

#[derive(Clone, Debug)]
enum Deed {
    Upload,
    Expire,
    Pause(Option<Step>),
    Unpause(Option<Step>),
    Cancel(Option<Step>),
    Abort,
    Abandon,
    Recover(Option<Step>),
    DeadLetter,
    ValidationEnds,
    ValidationBreaksOff,
    Accept,
    Undo(Wish),
    UndoBegins,
    UndoEnds(CameTo),
}

fn step() -> impl Strategy<Value = Option<Step>> {
    proptest::option::of(proptest::sample::select(Step::ALL))
}

fn wish() -> impl Strategy<Value = Wish> {
    (any::<bool>(), any::<bool>()).prop_map(|(cascade, dry_run)| Wish { cascade, dry_run })
}

fn came_to() -> impl Strategy<Value = CameTo> {
    prop_oneof![
        Just(CameTo::Done),
        Just(CameTo::Obstructed(ErrorCode::UndoObstructed.into())),
        Just(CameTo::BrokeOff(ErrorCode::UndoBrokeOff.into())),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Upload),
        1 => Just(Deed::Expire),
        2 => step().prop_map(Deed::Pause),
        6 => step().prop_map(Deed::Unpause),
        1 => step().prop_map(Deed::Cancel),
        1 => Just(Deed::Abort),
        1 => Just(Deed::Abandon),
        6 => step().prop_map(Deed::Recover),
        1 => Just(Deed::DeadLetter),
        4 => Just(Deed::ValidationEnds),
        2 => Just(Deed::ValidationBreaksOff),
        1 => Just(Deed::Accept),
        3 => wish().prop_map(Deed::Undo),
        2 => Just(Deed::UndoBegins),
        3 => came_to().prop_map(Deed::UndoEnds),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    // Counted from the newest: most deliveries are of the message that the machine has just sent.
    let newest_first = prop_oneof![4 => Just(0_usize), 1 => 0..20_usize];
    prop_oneof![
        10 => newest_first.clone().prop_map(Op::Deliver),
        10 => (newest_first, any::<u8>(), prop::bool::weighted(0.1))
            .prop_map(|(body, way, answer_is_lost)| Op::Finish { body, way, answer_is_lost }),
        1 => (0..20_usize).prop_map(Op::Die),
        5 => Just(Op::Relay),
        3 => deed().prop_map(Op::Do),
        1 => deed().prop_map(Op::Decide),
        1 => (0..20_usize).prop_map(Op::CommitLate),
    ]
}

/// A store, a machine, and everything that is under way.
struct World {
    store: MemoryRelocations,
    now: Timestamp,
    /// Every message that was ever sent; any may be delivered again.
    messages: Vec<TaskMessage>,
    answered: BTreeSet<String>,
    runs: BTreeSet<Generation>,
    stopped: BTreeSet<Generation>,
    bodies: Vec<(TaskMessage, Relocation)>,
    decided: Vec<Commit>,
    starts: BTreeMap<Visit, u32>,
    start_dispatches: BTreeSet<Generation>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            store: MemoryRelocations::default(),
            now: now(),
            messages: Vec::new(),
            answered: BTreeSet::new(),
            runs: BTreeSet::new(),
            stopped: BTreeSet::new(),
            bodies: Vec::new(),
            decided: Vec::new(),
            starts: BTreeMap::new(),
            start_dispatches: BTreeSet::new(),
        };
        assert!(world.commit(&create(new_relocation(Source::Upload(raw_file())), STAFF, now())));
        world
    }

    fn read(&self) -> Relocation {
        block_on(self.store.relocation(id())).unwrap().unwrap()
    }

    fn outcome(&self, visit: Visit) -> Option<Answer> {
        block_on(self.store.outcome(id(), visit)).unwrap()
    }

    /// Commits, and checks what always holds. Says whether the commit was stored.
    fn commit(&mut self, commit: &Commit) -> bool {
        let before = block_on(self.store.relocation(id())).unwrap();
        match block_on(self.store.commit(commit.clone())) {
            Ok(()) => {}
            Err(CommitError::Conflict(_)) => return false,
            Err(error) => panic!("{error}"),
        }
        if let Some(before) = &before {
            assert_follows(before, commit);
        }
        assert_sound(&commit.relocation);
        let lock = commit.relocation.status.is_active().then(id);
        assert_eq!(self.store.lock_of(OWNER), lock, "the owner's lock is held while it is active");
        for dispatch in commit.outbox.iter().map(|entry| &entry.dispatch) {
            if let Dispatch::StartRun(run) = dispatch {
                assert!(self.start_dispatches.insert(run.generation), "{:?} starts twice", run.generation);
            }
        }
        true
    }

    fn act(&mut self, op: Op) {
        self.now += Duration::from_secs(60);
        match op {
            Op::Deliver(n) => self.deliver(n),
            Op::Finish { body, way, answer_is_lost } => self.finish(body, way, answer_is_lost),
            Op::Die(n) => _ = newest(self.bodies.len(), n).map(|n| self.bodies.remove(n)),
            Op::Relay => self.relay(),
            Op::Do(deed) => {
                if let Some(commit) = self.decide(&deed) {
                    assert!(self.commit(&commit), "nothing changed meanwhile");
                }
            }
            Op::Decide(deed) => self.decided.extend(self.decide(&deed)),
            Op::CommitLate(n) => {
                if let Some(n) = newest(self.decided.len(), n) {
                    let commit = self.decided.remove(n);
                    let is_current = commit.expected == self.read().version;
                    assert_eq!(
                        self.commit(&commit),
                        is_current,
                        "only what stands on the current state is stored"
                    );
                }
            }
        }
    }

    fn decide(&self, deed: &Deed) -> Option<Commit> {
        let relocation = self.read();
        let now = self.now;
        let build = relocation.validation.as_ref().and_then(|v| v.latest()).map(|run| run.build);
        match *deed {
            Deed::Upload => upload_completed(&relocation, now),
            Deed::Expire => upload_expired(&relocation, now + Duration::from_hours(24)),
            Deed::Pause(step) => admin::pause(&relocation, step, STAFF, now).ok(),
            Deed::Unpause(step) => admin::unpause(&relocation, step, STAFF, now).ok(),
            Deed::Cancel(step) => admin::cancel(&relocation, step, STAFF, now).ok().flatten(),
            Deed::Abort => admin::abort(&relocation, STAFF, now).ok(),
            Deed::Abandon => admin::abandon_upload(&relocation, STAFF, now).ok(),
            Deed::Recover(step) => admin::recover(&relocation, step, STAFF, now).ok(),
            Deed::DeadLetter => {
                fail(&relocation, ErrorCode::TaskDied.into(), &Cause::Pipeline("dead-letter"), now)
            }
            Deed::ValidationEnds => validation::ended(&relocation, build?, now),
            Deed::ValidationBreaksOff => validation::broke_off(&relocation, build?, now),
            Deed::Accept => undo::accept(&relocation, STAFF, now).ok().flatten(),
            Deed::Undo(wish) => undo::ask(&relocation, wish, WINDOW, OWNER, now).ok(),
            Deed::UndoBegins => {
                let undo = relocation.undo.as_ref().filter(|undo| !undo.wish.dry_run)?.number;
                undo::begin(&relocation, UndoCall { uuid: id(), undo }, now)
            }
            Deed::UndoEnds(ref came_to) => {
                let undo = relocation.undo.as_ref()?.number;
                undo::end(&relocation, UndoCall { uuid: id(), undo }, came_to.clone(), now)
            }
        }
    }

    fn relay(&mut self) {
        for entry in self.store.outbox() {
            match entry.dispatch {
                Dispatch::StartRun(run) if self.runs.insert(run.generation) => {
                    self.send(run.generation, run.start_at, Turn(0), None);
                }
                Dispatch::StopRun(run) => _ = self.stopped.insert(run.generation),
                _ => {}
            }
        }
    }

    fn send(&mut self, generation: Generation, task: OrderedTask, turn: Turn, build: Option<BuildId>) {
        let token = TaskToken::new(format!("token {}", self.messages.len()));
        self.messages.push(TaskMessage { uuid: id(), generation, task, turn, token, build });
    }

    fn deliver(&mut self, n: usize) {
        let Some(n) = newest(self.messages.len(), n) else { return };
        let message = self.messages[n].clone();
        let relocation = self.read();
        let stored = self.outcome(message.visit());
        match start(Some(&relocation), stored.as_ref(), &message, self.now) {
            Start::Drop => {}
            Start::Answer(answer) => self.answer(&message, &answer),
            Start::End(commit, answer) => {
                assert!(self.commit(&commit));
                self.answer(&message, &answer);
            }
            Start::Run(commit) => {
                assert_eq!(stored, None, "a visit with an outcome does not run again");
                let started = commit.relocation.clone();
                assert!(self.commit(&commit));
                let starts = self.starts.entry(message.visit()).or_default();
                *starts += 1;
                assert!(*starts <= message.task.attempts(), "{} has more attempts than it may", message.task);
                self.bodies.push((message, started));
            }
        }
    }

    fn finish(&mut self, n: usize, way: u8, answer_is_lost: bool) {
        let Some(n) = newest(self.bodies.len(), n) else { return };
        let (message, started) = self.bodies.remove(n);
        let relocation = self.read();
        let answer = match self.outcome(message.visit()) {
            Some(answer) => answer,
            None => match finish(&relocation, &message, body(&started, message.task, way), self.now) {
                Some((commit, answer)) => {
                    assert!(self.commit(&commit));
                    answer
                }
                None => Answer::stopped(message.turn),
            },
        };
        if !answer_is_lost {
            self.answer(&message, &answer);
        }
    }

    /// The machine goes on as the first answer to a token says, unless the run was stopped.
    fn answer(&mut self, message: &TaskMessage, answer: &Answer) {
        let is_first = self.answered.insert(message.token.expose().to_owned());
        if !is_first || self.stopped.contains(&message.generation) {
            return;
        }
        if let (Verdict::Next | Verdict::Again, Some(task)) = (answer.outcome, answer.next) {
            self.send(message.generation, task, answer.turn, answer.build);
        }
    }
}

/// The index of the `n`-th newest of `length` things.
fn newest(length: usize, n: usize) -> Option<usize> {
    length.checked_sub(1).map(|last| last - n.min(last))
}

/// What a body comes to; mostly it is done.
fn body(started: &Relocation, task: OrderedTask, way: u8) -> Finished {
    let run = started.validation.as_ref().and_then(|v| v.latest());
    let with = |finished: Finished, change| {
        finished.with(Changes { validation: Some(change), ..Changes::default() })
    };
    match (task, way % 16) {
        (_, 15) => Outcome::Fail(ErrorCode::Internal.into()).into(),
        (OrderedTask::PreprocessingComplete, _) => with(Finished::next(), ValidationChange::Create),
        (OrderedTask::ValidatingStart, _) => {
            match started.validation.as_ref().is_none_or(|v| v.has_runs_left()) {
                true => with(Finished::next(), ValidationChange::StartRun),
                false => Outcome::Fail(ErrorCode::ValidationRunsExhausted.into()).into(),
            }
        }
        (OrderedTask::ValidatingPoll, 0..5) => Finished::again(60),
        (OrderedTask::ValidatingPoll, 5..9) => {
            let run = run.expect("a poll has a run").build;
            let change = ValidationChange::Conclude(run, ValidationStatus::Timeout);
            with(Outcome::BackToValidatingStart.into(), change)
        }
        (OrderedTask::ValidatingComplete, way) => {
            let run = run.expect("a verdict has a run").build;
            let verdict = if way < 14 { ValidationStatus::Valid } else { ValidationStatus::Invalid };
            let outcome = match verdict {
                ValidationStatus::Valid => Outcome::Next,
                _ => Outcome::Fail(ErrorCode::ValidationFindings.into()),
            };
            with(outcome.into(), ValidationChange::Conclude(run, verdict))
        }
        (_, 12..15) => Finished::again(0),
        _ => Finished::next(),
    }
}

/// What holds of every record.
fn assert_sound(relocation: &Relocation) {
    let Relocation { step, status, latest_task, latest_task_attempts, .. } = relocation;
    if let Some(task) = latest_task {
        assert_eq!(task.step(), *step, "the step is the latest task's");
        assert!(*latest_task_attempts <= task.attempts(), "{task} was started too often");
    }
    assert_eq!(*status == Status::Failure, relocation.failure_reason.is_some(), "failed for a reason");
    for scheduled in [relocation.scheduled_pause_at_step, relocation.scheduled_cancel_at_step] {
        assert!(scheduled.is_none_or(|at| at > *step && at < Step::Completed), "{scheduled:?} at {step}");
    }
    if let Some(validation) = &relocation.validation {
        assert!(validation.attempts.len() <= 3, "at most 3 validation runs");
    }
}

/// What holds of every change.
fn assert_follows(before: &Relocation, commit: &Commit) {
    let after = &commit.relocation;
    if before.status == Status::Success {
        assert_eq!(undone_and_accepted(before, after), *after, "after success nothing happens but undoing");
    }
    assert_undoing_follows(before, commit);
    assert!(after.step >= before.step, "the step never falls");
    if before.status == Status::Failure && after.status == Status::Failure {
        assert_eq!(after.failure_reason, before.failure_reason, "the first reason stays");
    }
    assert_eq!(after.version, before.version.next());
    let entries = u64::try_from(commit.outbox.len()).unwrap();
    assert_eq!(after.sequence, before.sequence + entries, "every entry has a number of its own");
    let retention = Duration::from_hours(24 * u64::from(after.artifact_retention_days));
    let due = commit.outbox.iter().filter(|entry| matches!(entry.dispatch, Dispatch::ExpireArtifacts(_)));
    let due: Vec<_> = due.map(|entry| (entry.dispatch.clone(), entry.time)).collect();
    let is_undoing = |relocation: &Relocation| {
        relocation.undo.as_ref().is_some_and(|undo| undo.status == UndoStatus::InProgress)
    };
    let ends = before.status.is_active() && !after.status.is_active();
    let ends = ends || (is_undoing(before) && !is_undoing(after));
    let expected =
        ends.then(|| (Dispatch::ExpireArtifacts(after.generation), after.date_updated + retention));
    assert_eq!(due, Vec::from_iter(expected), "what ends expires, and nothing else does");
    let starts = commit.outbox.iter().any(|entry| matches!(entry.dispatch, Dispatch::StartRun(_)));
    let expected = if starts { before.generation.next() } else { before.generation };
    assert_eq!(after.generation, expected, "each generation has one run");
    let order = (before.latest_task, after.latest_task);
    let follows = after.latest_task == before.latest_task
        || after.latest_task
            == before.latest_task.map_or(OrderedTask::ALL.first().copied(), OrderedTask::next)
        || order == (Some(OrderedTask::ValidatingPoll), Some(OrderedTask::ValidatingStart));
    assert!(follows, "tasks come in order: {order:?}");
}

/// What was, with what undoing and accepting alone may change as it is now.
fn undone_and_accepted(before: &Relocation, after: &Relocation) -> Relocation {
    Relocation {
        undo: after.undo.clone(),
        date_accepted: after.date_accepted,
        date_updated: after.date_updated,
        version: after.version,
        sequence: after.sequence,
        ..before.clone()
    }
}

/// What holds of undoing, whatever else happens.
fn assert_undoing_follows(before: &Relocation, commit: &Commit) {
    let after = &commit.relocation;
    assert_eq!(after.date_ended.is_some(), !after.status.is_active(), "what has ended knows when");
    if before.undo.as_ref().is_some_and(Undo::holds_relocation) {
        assert!(!after.status.is_active(), "what is being undone, or was in part, never goes on");
        assert_eq!(after.date_accepted, before.date_accepted, "nor is it accepted");
    }
    if before.undo.as_ref().is_some_and(|undo| undo.began) {
        let undo = after.undo.as_ref().unwrap();
        assert!(undo.began, "that rows may have changed is not forgotten");
        assert_ne!(undo.status, UndoStatus::Refused, "nor denied");
    }
    if before.undo.as_ref().is_some_and(Undo::is_done) {
        assert_eq!(after.undo, before.undo, "nothing is undone twice");
    }
    if before.date_accepted.is_some() {
        assert_eq!(after.date_accepted, before.date_accepted, "what is accepted stays so");
    }
    let (was, is) = (before.undo.as_ref(), after.undo.as_ref());
    let number = |undo: Option<&Undo>| undo.map_or(0, |undo| undo.number);
    let calls: Vec<_> = commit.outbox.iter().filter(|e| matches!(e.dispatch, Dispatch::Undo(_))).collect();
    let is_new = number(is) == number(was) + 1;
    assert!(is_new || number(is) == number(was), "one after the other");
    assert!(calls.len() <= 1 && (!is_new || calls.len() == 1), "each new one is called for");
    if let [call] = calls.as_slice() {
        assert_eq!(call.dispatch, Dispatch::Undo(UndoCall { uuid: id(), undo: number(is) }));
        let goes_on = was.is_some_and(|undo| undo.status == UndoStatus::InProgress);
        assert_eq!(goes_on, !is_new, "one at a time");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_always_holds(
        uploaded in prop::bool::weighted(0.9),
        ops in proptest::collection::vec(op(), 1..300),
    ) {
        let mut world = World::new();
        if uploaded {
            world.act(Op::Do(Deed::Upload));
        }
        for op in ops {
            world.act(op);
        }
    }
}

/// Delivers, finishes and relays until the relocation has ended, and lets `meddle` do something each time
/// between the delivery and the end of the body. `way` says what the body of the latest task comes to.
fn run_to_the_end(world: &mut World, mut meddle: impl FnMut(&mut World), way: impl Fn(OrderedTask) -> u8) {
    for _ in 0..200 {
        world.act(Op::Relay);
        world.act(Op::Deliver(0));
        meddle(world);
        let task = world.read().latest_task.unwrap();
        world.act(Op::Finish { body: 0, way: way(task), answer_is_lost: false });
        if !world.read().status.is_active() {
            return;
        }
    }
    panic!("it never ends: {:?}", world.read());
}

/// The body of every task is done at once.
const fn done(_: OrderedTask) -> u8 {
    9
}

fn uploaded() -> World {
    let mut world = World::new();
    world.act(Op::Do(Deed::Upload));
    world
}

#[test]
fn undisturbed_it_succeeds() {
    let mut world = uploaded();
    run_to_the_end(&mut world, |_| {}, done);
    let relocation = world.read();
    assert_eq!((relocation.status, relocation.step), (Status::Success, Step::Completed));
    assert_eq!(relocation.validation.unwrap().status, ValidationStatus::Valid);
    assert_eq!(world.messages.len(), OrderedTask::ALL.len());
}

#[test]
fn paused_before_every_step_it_succeeds() {
    let mut world = uploaded();
    let mut pauses = 0;
    let pause_and_go_on = |world: &mut World| {
        if world.read().status == Status::Pause {
            pauses += 1;
            world.act(Op::Do(Deed::Unpause(None)));
        }
        world.act(Op::Do(Deed::Pause(None)));
    };
    run_to_the_end(&mut world, pause_and_go_on, done);
    assert_eq!((world.read().status, pauses), (Status::Success, 5));
    assert_eq!(world.read().generation, Generation(6));
}

#[test]
fn three_validation_runs_that_break_off_are_enough() {
    let mut world = uploaded();
    let time_out = |task| if task == OrderedTask::ValidatingPoll { 5 } else { done(task) };
    run_to_the_end(&mut world, |_| {}, time_out);
    let relocation = world.read();
    assert_eq!(relocation.failure_reason, Some(ErrorCode::ValidationRunsExhausted.into()));
    let validation = relocation.validation.unwrap();
    assert_eq!((validation.attempts.len(), validation.status), (3, ValidationStatus::Timeout));
}

#[test]
fn recovered_at_every_task_it_succeeds() {
    let mut world = uploaded();
    let mut recovered = BTreeSet::new();
    let fail_and_recover = |world: &mut World| {
        let task = world.read().latest_task.unwrap();
        let judges = matches!(task, OrderedTask::ValidatingPoll | OrderedTask::ValidatingComplete);
        if !judges && recovered.insert(task) {
            world.act(Op::Do(Deed::DeadLetter));
            world.act(Op::Do(Deed::Recover(None)));
        }
    };
    run_to_the_end(&mut world, fail_and_recover, done);
    assert_eq!((world.read().status, recovered.len()), (Status::Success, 14));
    assert_eq!(world.read().generation, Generation(15));
}
