//! An import of a sealed export into silos that keep none of its rows: what the engine itself takes, in time and
//! memory, however large the file.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::{Catalog, ImportScope, Model, ModelId};
use futures::executor::block_on;
use jiff::Timestamp;
use seal::{DataKey, Envelope, KeyUnwrapper, Layout, Plaintext, PrivateKey, Verified};
use silo::{
    ChunkPosition, Filter, ImportChunk, ImportFlags, ImportPlan, JournalEntry, JournalPosition, Page, Pk,
    Silo, Silos, StoreError, Stored, Transaction, UniqueKey, Watermark, WatermarkKey, Watermarks, WriteError,
};
use transfer::import::{ExportSource, ImportRequest, Unwatched, import};
use uuid::Uuid;

/// Verifies, decrypts, checks and remaps a sealed export, and throws it away; answers with the rows inserted.
pub(crate) fn import_sealed(file: &Path, private_key: &Path) -> Result<u64, Box<dyn Error>> {
    let source = Sealed::open(file, &PrivateKey::from_pem(&std::fs::read(private_key)?)?)?;
    let catalog = Catalog::builtin();
    let (cell, control) = (Discarding::new(Arc::clone(&catalog)), Discarding::new(catalog));
    let silos = Silos { cell: &cell, control: &control };
    let request = ImportRequest {
        import: Uuid::from_u128(1),
        scope: ImportScope::Organization,
        flags: ImportFlags::default(),
        filter: Filter::All,
        clear: false,
        source_version: String::new(),
        now: Timestamp::now(),
        key: [7; 32],
    };
    let outcome = block_on(import(silos, &source, &request, &mut Unwatched))?;
    Ok(outcome.report.models.values().map(|model| model.inserted).sum())
}

/// A sealed export whose signature was found good.
struct Sealed {
    path: PathBuf,
    key: DataKey,
    verified: Verified,
}

impl Sealed {
    fn open(path: &Path, private_key: &PrivateKey) -> Result<Self, Box<dyn Error>> {
        let mut file = File::open(path)?;
        let layout = Layout::read(&mut file, u64::MAX)?;
        let envelope = Envelope::read(&mut file, &layout)?;
        envelope.require_key(private_key.public_key())?;
        let key = private_key.unwrap_key(&envelope.wrapped_key)?;
        let verified = Verified::check(&mut file, &layout, &key)?;
        Ok(Self { path: path.to_owned(), key, verified })
    }
}

impl ExportSource for Sealed {
    type Reader = Plaintext<File>;

    fn open(&self) -> io::Result<Self::Reader> {
        self.verified.open(File::open(&self.path)?, &self.key, 0).map_err(io::Error::from)
    }
}

/// A silo that takes everything and keeps nothing but how many primary keys it gave away.
struct Discarding {
    catalog: Arc<Catalog>,
    sequences: Mutex<HashMap<ModelId, Pk>>,
}

impl Discarding {
    fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, sequences: Mutex::default() }
    }
}

fn nothing<T, C>() -> Page<T, C> {
    Page { items: Vec::new(), next: None }
}

impl Silo for Discarding {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    async fn get(&self, _: &Model, pks: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
        Ok(vec![None; pks.len()])
    }

    async fn page(&self, _: &Model, _: Option<Pk>, _: usize) -> Result<Page<Stored>, StoreError> {
        Ok(nothing())
    }

    async fn referring(
        &self,
        _: &Model,
        _: &str,
        _: Pk,
        _: Option<Pk>,
        _: usize,
    ) -> Result<Page<Pk>, StoreError> {
        Ok(nothing())
    }

    async fn privileged(&self, _: &Model, _: Option<Pk>, _: usize) -> Result<Page<Pk>, StoreError> {
        Ok(nothing())
    }

    async fn holders(&self, keys: &[UniqueKey]) -> Result<Vec<Option<Pk>>, StoreError> {
        Ok(vec![None; keys.len()])
    }

    async fn reserve(&self, model: &Model, count: u64) -> Result<Pk, StoreError> {
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let last = sequences.entry(model.id).or_insert(0);
        let first = *last + 1;
        *last += count.cast_signed();
        Ok(first)
    }

    async fn next_pk(&self, model: &Model) -> Result<Pk, StoreError> {
        self.reserve(model, 1).await
    }

    async fn write(&self, _: &Transaction) -> Result<(), WriteError> {
        Ok(())
    }

    async fn record_plan(&self, plan: &ImportPlan) -> Result<ImportPlan, StoreError> {
        Ok(plan.clone())
    }

    async fn plan(&self, _: Uuid) -> Result<Option<ImportPlan>, StoreError> {
        Ok(None)
    }

    async fn chunk(&self, _: Uuid, _: &ChunkPosition) -> Result<Option<ImportChunk>, StoreError> {
        Ok(None)
    }

    async fn chunks(
        &self,
        _: Uuid,
        _: Option<ChunkPosition>,
        _: usize,
    ) -> Result<Page<ImportChunk, ChunkPosition>, StoreError> {
        Ok(nothing())
    }

    async fn replicate_chunks(&self, _: &[ImportChunk]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn journal(
        &self,
        _: Uuid,
        _: Option<JournalPosition>,
        _: usize,
    ) -> Result<Page<JournalEntry, JournalPosition>, StoreError> {
        Ok(nothing())
    }
}

impl Watermarks for Discarding {
    async fn watermarks(&self, keys: &[WatermarkKey]) -> Result<Vec<Option<Watermark>>, StoreError> {
        Ok(vec![None; keys.len()])
    }

    async fn move_watermark(
        &self,
        _: &WatermarkKey,
        _: Option<&Watermark>,
        _: &Watermark,
    ) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn note_open(&self, _: Uuid, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    async fn open_imports(&self) -> Result<Vec<Uuid>, StoreError> {
        Ok(Vec::new())
    }
}
