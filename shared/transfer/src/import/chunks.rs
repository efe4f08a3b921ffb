//! What is known of batches that were written before, and the copies of control's chunks in the cell (SPEC §7,
//! "Exactly once").

use std::collections::HashMap;

use catalog::{Model, SiloKind};
use silo::{ChunkPosition, ImportChunk, Silo, Silos, StoreError, StoreErrorKind};
use uuid::Uuid;

use super::error::ImportError;
use super::store_error;

/// How many chunks one request reads.
const CHUNKS_PER_PAGE: usize = 500;

/// How many chunks are copied to the cell at once: as many as one request of DynamoDB writes.
const REPLICAS_AT_ONCE: usize = 25;

/// The batches that earlier runs wrote. Chunks of control models that did not reach the cell are copied now.
pub(crate) async fn load<S: Silo>(
    silos: Silos<'_, S>,
    import: Uuid,
) -> Result<HashMap<ChunkPosition, ImportChunk>, ImportError> {
    let failed = |source| store_error("the chunks", source);
    let mut chunks = HashMap::new();
    let mut not_copied = Vec::new();
    for (silo, is_cell) in [(silos.cell, true), (silos.control, false)] {
        let mut after = None;
        loop {
            let page = silo.chunks(import, after, CHUNKS_PER_PAGE).await.map_err(failed)?;
            for chunk in page.items {
                let position = chunk.position();
                if !is_cell && !chunks.contains_key(&position) {
                    not_copied.push(chunk.clone());
                }
                chunks.insert(position, chunk);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    if !not_copied.is_empty() {
        silos.cell.replicate_chunks(&not_copied).await.map_err(failed)?;
    }
    Ok(chunks)
}

/// Copies chunks of control models to the cell, some at a time. What is kept back when a run dies is copied by the next
/// one ([`load`]).
pub(crate) struct Replicator<'a, S> {
    silos: Silos<'a, S>,
    kept_back: Vec<ImportChunk>,
}

impl<'a, S: Silo> Replicator<'a, S> {
    pub(crate) const fn new(silos: Silos<'a, S>) -> Self {
        Self { silos, kept_back: Vec::new() }
    }

    /// Takes a chunk, and copies what has gathered if that is enough.
    pub(crate) async fn add(&mut self, model: &Model, chunk: &ImportChunk) -> Result<(), ImportError> {
        if model.silo == SiloKind::Control {
            self.kept_back.push(chunk.clone());
        }
        if self.kept_back.len() >= REPLICAS_AT_ONCE { self.flush().await } else { Ok(()) }
    }

    /// Copies what has gathered.
    pub(crate) async fn flush(&mut self) -> Result<(), ImportError> {
        if !self.kept_back.is_empty() {
            let copied = self.silos.cell.replicate_chunks(&self.kept_back).await;
            copied.map_err(|source| store_error("the chunks", source))?;
            self.kept_back.clear();
        }
        Ok(())
    }
}

/// The chunk that a faster run of the same import wrote a moment ago.
pub(crate) async fn of_faster_run<S: Silo>(
    silos: Silos<'_, S>,
    import: Uuid,
    model: &Model,
    position: &ChunkPosition,
) -> Result<ImportChunk, ImportError> {
    let chunk = silos.of(model).chunk(import, position).await;
    let chunk = chunk.map_err(|source| store_error(&model.name, source))?;
    let vanished = || {
        let error = StoreError::new(StoreErrorKind::Corrupt, "reading a chunk that was there a moment ago");
        store_error(&model.name, error)
    };
    chunk.ok_or_else(vanished)
}
