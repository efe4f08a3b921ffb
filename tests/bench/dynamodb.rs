//! What an import into silos in DynamoDB takes: time, requests and capacity units, beside the least that it could.
//!
//! `tests/bench/run` starts the emulator for it. It says `rows seconds requests units floor` for each size.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints its figures, or stops at the first surprise"
)]

use std::num::NonZeroU32;
use std::time::Instant;

use catalog::{Catalog, ImportScope};
use platform::{DynamoSilo, Meter};
use relocate::generate::{Blueprint, Generator};
use silo::{Filter, ImportFlags, Silos};
use support::{account, make_table};
use transfer::import::{ImportRequest, TRANSACTION_ITEMS_MAX, Unwatched, import};
use uuid::Uuid;

#[path = "../../shared/platform/tests/emulator/support.rs"]
mod support;

#[tokio::main]
async fn main() {
    // `cargo bench` hands in an option of its own.
    let sizes = std::env::args().skip(1).filter_map(|size| size.parse().ok());
    for organizations in sizes {
        measure(organizations).await;
    }
}

async fn measure(organizations: NonZeroU32) {
    let account = account().expect("RELOCATE_TEST_ENDPOINT says where the emulator is");
    let client = aws_sdk_dynamodb::Client::new(&account);
    let cell = make_table(&client, "CellTable").await;
    let cell = DynamoSilo::new(client, cell, Catalog::builtin());
    // Another account, so that the tables can have the names that the template gives them.
    let account = support::account().expect("it was there a moment ago");
    let client = aws_sdk_dynamodb::Client::new(&account);
    let control = make_table(&client, "CellTable").await;
    let control = DynamoSilo::new(client, control, Catalog::builtin());

    let generator = Generator::new(Catalog::builtin(), Blueprint::new(organizations)).expect("a blueprint");
    let file = generator.write(Vec::new(), || {}).expect("a file in memory");
    let request = ImportRequest {
        import: Uuid::from_u128(1),
        scope: ImportScope::Organization,
        flags: ImportFlags::default(),
        filter: Filter::All,
        clear: false,
        source_version: String::new(),
        now: jiff::Timestamp::now(),
        key: [7; 32],
    };
    let start = Instant::now();
    let silos = Silos { cell: &cell, control: &control };
    let outcome = import(silos, file.as_slice(), &request, &mut Unwatched).await.expect("an import");
    let seconds = start.elapsed().as_secs_f64();
    let rows: u64 = outcome.report.models.values().map(|model| model.inserted + model.existing).sum();
    let (requests, units) = [cell.meter(), control.meter()].into_iter().map(usage).fold((0, 0.0), add);
    println!("{rows} {seconds:.3} {requests} {units:.1} {:.1}", transactions_needed(&outcome.report));
    for (silo, meter) in [("cell", cell.meter()), ("control", control.meter())] {
        meter.to_string().lines().for_each(|line| println!("# {silo:<8} {line}"));
    }
}

fn usage(meter: &Meter) -> (u64, f64) {
    let usage = meter.usage();
    usage.values().map(|usage| (usage.requests, usage.units)).fold((0, 0.0), add)
}

fn add(one: (u64, f64), other: (u64, f64)) -> (u64, f64) {
    (one.0 + other.0, one.1 + other.1)
}

/// The fewest transactions that the rows fit into: each row with its unique values, and a chunk for each transaction.
fn transactions_needed(report: &transfer::import::ImportReport) -> f64 {
    let catalog = Catalog::builtin();
    let items = report.models.iter().map(|(name, model)| {
        let uniques = catalog.find(name).map_or(0, |model| model.uniques.len());
        (model.inserted as usize * (1 + uniques)) as f64
    });
    items.sum::<f64>() / (TRANSACTION_ITEMS_MAX - 1) as f64
}
