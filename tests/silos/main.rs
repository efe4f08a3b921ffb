//! The engine on the silo in DynamoDB, beside the silo in memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and says what it skips"
)]

use std::num::NonZeroU32;

use catalog::{Catalog, ImportScope};
use platform::DynamoSilo;
use relocate::generate::{Blueprint, Generator};
use silo::{Filter, ImportChunk, ImportFlags, ImportPlan, JournalEntry, Row, Silo, Silos, Traces};
use support::{account, make_table};
use transfer::import::{ImportReport, ImportRequest};
use uuid::Uuid;

mod deletions;
mod equal;
mod exactly_once;
#[path = "../../shared/platform/tests/emulator/support.rs"]
mod support;
mod undo;

const IMPORT: Uuid = Uuid::from_u128(7);

/// The rows of each model.
type Rows = Vec<(String, Vec<Row>)>;

/// Everything that an import leaves behind.
#[derive(Debug, PartialEq)]
struct State {
    plan: ImportPlan,
    report: ImportReport,
    rows: Rows,
    chunks: Vec<ImportChunk>,
    journal: Vec<JournalEntry>,
}

/// An export of two organisations, and of the configuration of the instance that they were on.
fn export() -> (Generator, Vec<u8>) {
    let blueprint = Blueprint { instance: true, ..Blueprint::new(NonZeroU32::new(2).unwrap()) };
    let generator = Generator::new(Catalog::builtin(), blueprint).unwrap();
    let file = generator.write(Vec::new(), || {}).unwrap();
    (generator, file)
}

/// An instance that has a slug and two usernames of the export, and configuration of its own.
fn instance(export: &Generator) -> Vec<u8> {
    let blueprint = Blueprint {
        instance: true,
        seed: 2,
        usernames: vec![export.username(0, 0), export.username(1, 0)],
        slugs: vec![export.slug(1)],
        ..Blueprint::new(NonZeroU32::MIN)
    };
    Generator::new(Catalog::builtin(), blueprint).unwrap().write(Vec::new(), || {}).unwrap()
}

/// An import of it, the same in every run.
fn request(scope: ImportScope, flags: ImportFlags) -> ImportRequest {
    ImportRequest {
        import: IMPORT,
        scope,
        flags,
        filter: Filter::All,
        clear: false,
        source_version: "1".to_owned(),
        now: "2026-02-03T04:05:06.789Z".parse().unwrap(),
        key: [7; 32],
    }
}

/// What an import left, once it has ended.
async fn state_of<S: Silo>(silos: Silos<'_, S>, report: ImportReport) -> State {
    let (mut chunks, mut journal) = (Vec::new(), Vec::new());
    for silo in [silos.cell, silos.control] {
        let traces = Traces::read(silo, IMPORT).await.unwrap();
        chunks.extend(traces.chunks);
        journal.extend(traces.journal);
    }
    let plan = silos.cell.plan(IMPORT).await.unwrap().unwrap();
    State { plan, report, rows: rows_of(silos).await, chunks, journal }
}

async fn rows_of<S: Silo>(silos: Silos<'_, S>) -> Rows {
    let mut rows = Rows::new();
    for model in Catalog::builtin().models() {
        rows.push((model.name.clone(), Box::pin(all_rows(silos.of(model), model)).await));
    }
    rows
}

async fn all_rows(silo: &impl Silo, model: &catalog::Model) -> Vec<Row> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = silo.page(model, after, 100).await.unwrap();
        rows.extend(page.items.into_iter().map(|stored| stored.row));
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}

async fn table() -> Option<DynamoSilo> {
    let client = aws_sdk_dynamodb::Client::new(&account()?);
    let table = make_table(&client, "CellTable").await;
    Some(DynamoSilo::new(client, table, Catalog::builtin()))
}
