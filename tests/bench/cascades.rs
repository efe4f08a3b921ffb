//! What it takes to reconcile a key with tombstones: requests, capacity, memory and time, in memory and through DynamoDB,
//! and what a run takes that has nothing to do.
//!
//! `tests/bench/run` starts the emulator for it. Each argument is a number of rows; there is a tombstone for every tenth
//! of them. It says, for each silo, `silo rows tombstones deleted jobs seconds requests units peakMiB idleRequests`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints its figures, or stops at the first surprise"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::{Catalog, SiloKind};
use deletion::{CrossSiloKey, Reconciled, Reconciler, Settings, Unwatched};
use jiff::Timestamp;
use platform::DynamoSilo;
use serde_json::Value;
use silo::{Departed, Fields, MemorySilo, Pk, Reconcile, Row, Transaction, Write};
use support::{account, make_table};

#[path = "../../shared/platform/tests/emulator/support.rs"]
mod support;

const MODELS: &str = r#"
[[model]]
name = "app.user"
silo = "control"
scope = "user"
[model.fields]
name = "text"

[[model]]
name = "app.member"
silo = "cell"
scope = "organization"
[model.fields]
user = "cross-silo-key(app.user) cascade"
"#;

/// How many rows lead to a user; of the users every fifth is gone.
const ROWS_PER_USER: Pk = 2;

#[tokio::main]
async fn main() {
    let catalog = Arc::new(Catalog::parse(MODELS).expect("a catalogue"));
    // The most memory that a process has had never falls again, so that what keeps its rows in memory comes last.
    // `cargo bench` hands in an option of its own.
    for rows in std::env::args().skip(1).filter_map(|size| size.parse::<Pk>().ok()) {
        if let Some(account) = account() {
            let client = aws_sdk_dynamodb::Client::new(&account);
            let table = make_table(&client, "CellTable").await;
            let silo = DynamoSilo::new(client, table, Arc::clone(&catalog));
            let usage = || {
                let usage = silo.meter().usage();
                usage.values().fold((0, 0.0), |(requests, units), usage| {
                    (requests + usage.requests, units + usage.units)
                })
            };
            measure("dynamodb", rows, &silo, usage).await;
        }
        let memory = MemorySilo::new(Arc::clone(&catalog));
        measure("memory", rows, &memory, || (0, 0.0)).await;
    }
}

async fn measure(name: &str, rows: Pk, silo: &impl Reconcile, usage: impl Fn() -> (u64, f64)) {
    seed(silo, rows).await;
    let tombstones = rows / 10;
    let before = usage();
    let began = Instant::now();
    let (mut jobs, mut deleted) = (0, 0);
    loop {
        let done = job(silo).await;
        jobs += 1;
        deleted += done.passes().map(|pass| pass.deleted).sum::<u64>();
        if !done.has_more() {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = usage();
    job(silo).await;
    let idle = usage().0 - after.0;
    let (requests, units) = (after.0 - before.0, after.1 - before.1);
    println!(
        "{name} {rows} {tombstones} {deleted} {jobs} {seconds:.3} {requests} {units:.1} {:.0} {idle}",
        peak_mib()
    );
}

async fn seed(silo: &impl Reconcile, rows: Pk) {
    let catalog = silo.catalog();
    let model = catalog.find("app.member").expect("a model");
    let write = |pk: Pk| {
        let user = Value::from(pk / ROWS_PER_USER);
        Write::insert(model, Row::new(pk, Fields::from_iter([("user".to_owned(), user)])))
    };
    for chunk in (1..=rows).collect::<Vec<Pk>>().chunks(5_000) {
        for transaction in Transaction::split(catalog, chunk.iter().copied().map(write)) {
            silo.write(&transaction).await.expect("rows are written");
        }
    }
    let gone: Vec<Departed> =
        (0..rows / 10).map(|user| Departed { table: "app_user".to_owned(), object: user * 5 }).collect();
    for chunk in gone.chunks(490) {
        silo.bury(chunk, Timestamp::UNIX_EPOCH).await.expect("tombstones are written");
    }
}

async fn job(silo: &impl Reconcile) -> Reconciled {
    let key = CrossSiloKey::find(silo.catalog(), SiloKind::Cell, "app.member", "user").expect("a key");
    let settings = Settings { settling: Duration::from_mins(1), ..Settings::default() };
    let reconciler = Reconciler { silo, settings, now: Timestamp::now(), fresh: "fresh".to_owned() };
    reconciler.reconcile(key, &mut Unwatched).await.expect("a job")
}

/// The most memory that this process has had.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
