//! A checkpoint that lasts as long as the process.

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Checkpoint, Part};

/// A checkpoint in memory.
#[derive(Debug, Default)]
pub struct MemoryCheckpoint {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    manifest: Option<Vec<u8>>,
    parts: BTreeMap<Part, Arc<[u8]>>,
}

impl MemoryCheckpoint {
    /// The parts that are kept, with the files of their rows.
    pub fn parts(&self) -> BTreeMap<Part, Arc<[u8]>> {
        self.lock().parts.clone()
    }

    /// What is kept is changed in single steps, so that it is whole even if one of them panicked.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpoint for MemoryCheckpoint {
    type Sink = Vec<u8>;
    type Source = Cursor<Arc<[u8]>>;

    async fn claim(&self, manifest: &[u8]) -> io::Result<Vec<u8>> {
        Ok(self.lock().manifest.get_or_insert_with(|| manifest.to_vec()).clone())
    }

    async fn open(&self, part: &Part) -> io::Result<Option<Self::Source>> {
        Ok(self.lock().parts.get(part).cloned().map(Cursor::new))
    }

    async fn begin(&self, _part: &Part) -> io::Result<Self::Sink> {
        Ok(Vec::new())
    }

    async fn keep(&self, part: &Part, sink: Self::Sink) -> io::Result<()> {
        self.lock().parts.insert(part.clone(), sink.into());
        Ok(())
    }
}
