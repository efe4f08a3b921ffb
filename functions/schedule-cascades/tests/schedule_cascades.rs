//! Which jobs are started, and which imports are closed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, SiloKind};
use deletion::CascadeJob;
use pipeline::commit::Actor;
use pipeline::memory::{MemoryQueues, MemoryRelocations};
use pipeline::option::KnownOption;
use pipeline::port::{Clock, CommitRelocations, Queue};
use pipeline::task::OrderedTask;
use pipeline::transition::admin;
use schedule_cascades::{Invocation, ScheduleCascades, Scheduled};
use silo::Watermarks;
use testkit::{Breaker, FaultySilo, OWNER, Stage, faulty_silo};
use uuid::Uuid;

type Function = ScheduleCascades<MemoryRelocations, MemoryQueues, FaultySilo>;

async fn stage() -> (Stage, Function) {
    let stage = Stage::at(OrderedTask::Importing).await;
    let silo = || Arc::new(faulty_silo(Catalog::builtin(), Breaker::default()));
    let function = ScheduleCascades {
        store: Arc::clone(&stage.ports.store),
        queues: MemoryQueues::with_faults(stage.faults.clone()),
        cell: silo(),
        control: silo(),
        clock: Box::new(stage.clock.clone()),
    };
    (stage, function)
}

async fn schedule(function: &Function, silo: SiloKind) -> Scheduled {
    function.handle(Invocation { silo }).await.unwrap()
}

#[tokio::test]
async fn there_is_a_job_for_each_key_across_silos() {
    let (_, function) = stage().await;
    let cell = schedule(&function, SiloKind::Cell).await;
    let control = schedule(&function, SiloKind::Control).await;
    // SPEC §10 and reference/model_facts.json: 81 keys.
    assert_eq!((cell.jobs, control.jobs), (60, 21));
    let sent = function.queues.sent();
    assert!(sent.iter().all(|sent| sent.queue == Queue::Cascade && sent.delay == Duration::ZERO));
    let jobs: Vec<CascadeJob> = sent.iter().map(|sent| serde_json::from_str(&sent.body).unwrap()).collect();
    let different: BTreeSet<(String, String)> =
        jobs.iter().map(|job| (job.model.clone(), job.field.clone())).collect();
    assert_eq!(different.len(), 81);
    let silo_of = |job: &CascadeJob| Catalog::builtin().find(&job.model).unwrap().silo;
    assert!(jobs.iter().all(|job| silo_of(job) == job.silo));
}

#[tokio::test]
async fn the_option_stops_them() {
    let (stage, function) = stage().await;
    for (value, jobs) in [("true", 0), ("True ", 0), ("false", 21)] {
        stage.ports.store.give_option(KnownOption::DisableTombstoneCleanup.name(), value);
        assert_eq!(schedule(&function, SiloKind::Control).await.jobs, jobs, "{value}");
    }
}

#[tokio::test]
async fn an_import_is_closed_when_nothing_of_it_can_be_under_way() {
    let (stage, function) = stage().await;
    let import = stage.id.uuid();
    let of_others = Uuid::from_u128(77);
    for silo in [&function.cell, &function.control] {
        silo.note_open(import, true).await.unwrap();
        silo.note_open(of_others, true).await.unwrap();
    }
    let open = async || function.cell.open_imports().await.unwrap().len();
    stage.clock.0.advance(Duration::from_hours(5));
    assert_eq!((schedule(&function, SiloKind::Cell).await.closed, open().await), (0, 2), "it goes on");
    let relocation = stage.relocation().await;
    let abort = admin::abort(&relocation, Actor::User(OWNER), stage.clock.now()).unwrap();
    stage.ports.store.commit(abort).await.unwrap();
    stage.clock.0.advance(Duration::from_mins(10) - Duration::from_secs(1));
    assert_eq!(
        (schedule(&function, SiloKind::Cell).await.closed, open().await),
        (0, 2),
        "something may be under way"
    );
    stage.clock.0.advance(Duration::from_secs(1));
    assert_eq!((schedule(&function, SiloKind::Cell).await.closed, open().await), (2, 1));
    assert_eq!(function.control.open_imports().await.unwrap(), [of_others]);
}
