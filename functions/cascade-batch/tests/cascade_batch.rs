//! What a job does, says and leaves to the next one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use cascade_batch::CascadeBatch;
use catalog::Catalog;
use pipeline::memory::{Faults, ManualClock, MemoryQueues, MemoryRelocations, SeededEntropy, When};
use pipeline::option::KnownOption;
use pipeline::port::Queue;
use runtime::config::Waits;
use runtime::{Handled, Received};
use serde_json::{Value, json};
use silo::{CascadeRun, Departed, Pk, Reconcile, Row, Silo, Transaction, Write};
use testkit::{Breaker, FaultySilo, SharedClock, faulty_silo};

const LEFT: Duration = Duration::from_secs(300);

type Function = CascadeBatch<MemoryRelocations, MemoryQueues, FaultySilo>;

struct World {
    function: Function,
    breaker: Breaker,
    faults: Faults,
}

impl World {
    /// Members of two users, of whom one is gone.
    async fn new() -> Self {
        let (breaker, faults, clock) =
            (Breaker::default(), Faults::default(), Arc::new(ManualClock::default()));
        let silo = || Arc::new(faulty_silo(Catalog::builtin(), breaker.clone()));
        let function = CascadeBatch {
            store: Arc::new(MemoryRelocations::with_faults(faults.clone())),
            queues: MemoryQueues::with_faults(faults.clone()),
            cell: silo(),
            control: silo(),
            clock: Box::new(SharedClock(Arc::clone(&clock))),
            entropy: Box::new(SeededEntropy::default()),
            waits: Waits::default(),
        };
        let world = Self { function, breaker, faults };
        for (pk, user) in [(1, 10), (2, 11)] {
            world.put(pk, json!({ "organization": pk, "user_id": user, "email": null, "token": null })).await;
        }
        let departed = Departed { table: "auth_user".to_owned(), object: 10 };
        world.cell().bury(&[departed], jiff::Timestamp::UNIX_EPOCH).await.unwrap();
        clock.advance(Duration::from_mins(2));
        world.breaker.reset();
        world
    }

    fn cell(&self) -> &silo::MemorySilo {
        &self.function.cell.silo
    }

    async fn put(&self, pk: Pk, fields: Value) {
        let model = self.cell().catalog().find("sentry.organizationmember").unwrap();
        let write = Write::insert(model, Row::new(pk, fields.as_object().unwrap().clone()));
        self.cell().write(&Transaction { writes: vec![write], chunk: None }).await.unwrap();
    }

    async fn run(&self, field: &str) -> Handled {
        self.function.handle(&message(field), LEFT).await
    }

    async fn members(&self) -> Vec<Pk> {
        let model = self.cell().catalog().find("sentry.organizationmember").unwrap();
        let page = self.cell().page(model, None, 10).await.unwrap();
        page.items.into_iter().map(|stored| stored.row.pk).collect()
    }

    async fn last_run(&self) -> CascadeRun {
        self.cell().runs().await.unwrap().pop().unwrap()
    }
}

fn message(field: &str) -> Received {
    let body = json!({ "silo": "cell", "model": "sentry.organizationmember", "field": field }).to_string();
    Received { body, receipt: "r".to_owned(), deliveries: 1 }
}

#[tokio::test]
async fn a_job_that_has_more_to_do_is_asked_for_again() {
    let world = World::new().await;
    assert_eq!(world.run("user_id").await, Handled::Done);
    assert_eq!(world.members().await, [2]);
    let sent = world.function.queues.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].queue, sent[0].body.as_str()), (Queue::Cascade, message("user_id").body.as_str()));
    assert_eq!(sent[0].delay, Duration::from_secs(15));
    let run = world.last_run().await;
    assert_eq!((run.has_more, run.lag_millis, run.error), (true, Some(120_000), None));
    world.run("user_id").await;
    world.run("user_id").await;
    assert_eq!(world.function.queues.sent().len(), 1, "it has come to its end");
    let run = world.last_run().await;
    assert_eq!((run.has_more, run.pending, run.lag_millis), (false, 0, None));
}

#[tokio::test]
async fn the_option_stops_jobs_that_wait() {
    let world = World::new().await;
    world.function.store.give_option(KnownOption::DisableTombstoneCleanup.name(), "true");
    assert_eq!(world.run("user_id").await, Handled::Done);
    assert_eq!((world.members().await, world.cell().runs().await.unwrap()), (vec![1, 2], vec![]));
}

#[tokio::test]
async fn what_is_no_job_is_kept_for_an_operator() {
    let world = World::new().await;
    for field in ["role", "nothing", "organization"] {
        assert_eq!(world.run(field).await, Handled::Failed, "{field}");
        let error = world.last_run().await.error.unwrap();
        assert!(error.contains("no key across silos"), "{error}");
    }
    let no_job = Received { body: "{}".to_owned(), ..message("") };
    assert_eq!(world.function.handle(&no_job, LEFT).await, Handled::Failed);
}

#[tokio::test]
async fn without_time_nothing_is_deleted_and_it_is_asked_for_again() {
    let world = World::new().await;
    assert_eq!(world.function.handle(&message("user_id"), Duration::from_secs(10)).await, Handled::Done);
    assert_eq!((world.members().await, world.function.queues.sent().len()), (vec![1, 2], 1));
}

#[tokio::test]
async fn broken_off_at_any_call_it_comes_to_the_same() {
    async fn to_the_end(world: &World) -> usize {
        let mut failures = 0;
        for _ in 0..5 {
            failures += usize::from(world.run("user_id").await == Handled::Failed);
        }
        failures
    }
    let undisturbed = World::new().await;
    to_the_end(&undisturbed).await;
    let (silo_calls, port_calls) = (undisturbed.breaker.calls(), undisturbed.faults.calls());
    for when in [When::Before, When::After] {
        for call in 1..=silo_calls {
            let world = World::new().await;
            world.breaker.fail_call(call, when);
            to_the_end(&world).await;
            assert_eq!(world.members().await, [2], "{when:?} {call}");
        }
        for call in 1..=port_calls {
            let world = World::new().await;
            world.faults.fail_call(call, when);
            assert_eq!(to_the_end(&world).await, 1, "{when:?} {call}");
            assert_eq!(world.members().await, [2], "{when:?} {call}");
        }
    }
}

#[tokio::test]
async fn two_at_once_do_what_one_does() {
    let world = World::new().await;
    for _ in 0..3 {
        let (job, message) = (&world.function, message("user_id"));
        tokio::join!(job.handle(&message, LEFT), job.handle(&message, LEFT));
    }
    assert_eq!(world.members().await, [2]);
}
