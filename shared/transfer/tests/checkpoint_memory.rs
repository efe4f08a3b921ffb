//! An export with a checkpoint, of far more rows than the memory that it may take. It has a process of its own, so that
//! the peak is its own too.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IntoInnerError, Seek};
use std::sync::{Arc, Mutex};

use catalog::{Catalog, ImportScope, Model};
use futures::executor::block_on;
use serde_json::json;
use silo::{
    ChunkPosition, Filter, ImportChunk, ImportPlan, JournalEntry, JournalPosition, Page, Pk, Row, Silo,
    Silos, StoreError, StoreErrorKind, Stored, Transaction, UniqueKey, WriteError,
};
use transfer::export::{Checkpoint, ExportRequest, Part, export_resumable};
use uuid::Uuid;

const ROWS: i64 = 6_000;
const VALUE: usize = 20_000;
const LIMIT_KIB: u64 = 64 << 10;

/// Files without names.
#[derive(Default)]
struct Files(Mutex<BTreeMap<Part, File>>);

impl Checkpoint for Files {
    type Sink = BufWriter<File>;
    type Source = File;

    async fn claim(&self, manifest: &[u8]) -> io::Result<Vec<u8>> {
        Ok(manifest.to_vec())
    }

    async fn open(&self, part: &Part) -> io::Result<Option<File>> {
        let kept = self.0.lock().unwrap();
        let Some(file) = kept.get(part) else { return Ok(None) };
        let mut file = file.try_clone()?;
        file.rewind()?;
        Ok(Some(file))
    }

    async fn begin(&self, _part: &Part) -> io::Result<Self::Sink> {
        Ok(BufWriter::new(tempfile::tempfile()?))
    }

    async fn keep(&self, part: &Part, sink: Self::Sink) -> io::Result<()> {
        let file = sink.into_inner().map_err(IntoInnerError::into_error)?;
        self.0.lock().unwrap().insert(part.clone(), file);
        Ok(())
    }
}

/// One organisation with a great many long options, which are made when they are read.
struct Endless(Arc<Catalog>);

fn refused<T>() -> Result<T, StoreError> {
    Err(StoreError::new(StoreErrorKind::Refused, "asking for anything but pages"))
}

impl Silo for Endless {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.0
    }

    async fn page(&self, model: &Model, after: Option<Pk>, limit: usize) -> Result<Page<Stored>, StoreError> {
        let (rows, fields) = match model.name.as_str() {
            "sentry.organization" => (1, json!({ "slug": "acme", "name": "acme" })),
            "sentry.organizationoption" => {
                (ROWS, json!({ "organization": 1, "key": "k", "value": "x".repeat(VALUE) }))
            }
            _ => (0, json!({})),
        };
        let first = after.unwrap_or(0) + 1;
        let last = rows.min(first + Pk::try_from(limit).unwrap() - 1);
        let stored = |pk| {
            let fields = fields.as_object().unwrap().clone();
            Stored { row: Row::new(pk, fields), revision: 1 }
        };
        Ok(Page { items: (first..=last).map(stored).collect(), next: (last < rows).then_some(last) })
    }

    async fn get(&self, _: &Model, _: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
        refused()
    }

    async fn referring(
        &self,
        _: &Model,
        _: &str,
        _: Pk,
        _: Option<Pk>,
        _: usize,
    ) -> Result<Page<Pk>, StoreError> {
        refused()
    }

    async fn privileged(&self, _: &Model, _: Option<Pk>, _: usize) -> Result<Page<Pk>, StoreError> {
        refused()
    }

    async fn holders(&self, _: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        refused()
    }

    async fn reserve(&self, _: &Model, _: u64) -> Result<Pk, StoreError> {
        refused()
    }

    async fn next_pk(&self, _: &Model) -> Result<Pk, StoreError> {
        refused()
    }

    async fn write(&self, _: &Transaction) -> Result<(), WriteError> {
        Ok(refused()?)
    }

    async fn record_plan(&self, _: &ImportPlan) -> Result<ImportPlan, StoreError> {
        refused()
    }

    async fn plan(&self, _: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        refused()
    }

    async fn chunk(&self, _: Uuid, _: &ChunkPosition) -> Result<Option<ImportChunk>, StoreError> {
        refused()
    }

    async fn chunks(
        &self,
        _: Uuid,
        _: Option<ChunkPosition>,
        _: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        refused()
    }

    async fn replicate_chunks(&self, _: &[ImportChunk]) -> Result<(), StoreError> {
        refused()
    }

    async fn journal(
        &self,
        _: Uuid,
        _: Option<JournalPosition>,
        _: usize,
    ) -> Result<Page<JournalEntry, JournalPosition>, StoreError> {
        refused()
    }
}

#[test]
fn a_model_is_kept_row_by_row() {
    let silo = Endless(Catalog::builtin());
    let silos = Silos { cell: &silo, control: &silo };
    let request = ExportRequest { scope: ImportScope::Organization, filter: Filter::All };
    let kept = Files::default();
    for run in ["the first, which keeps them", "the second, which finds them"] {
        let (_, rows) = block_on(export_resumable(silos, &request, &kept, io::sink())).unwrap();
        assert_eq!(rows, 1 + u64::try_from(ROWS).unwrap(), "{run}");
    }
    if let Some(peak) = outside::peak_kib() {
        assert!(peak < LIMIT_KIB, "{peak} KiB");
    }
}
