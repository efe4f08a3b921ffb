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

/// The batches that earlier runs wrote. Chunks of control models that did not reach the cell are copied now.
pub(crate) async fn load<S: Silo>(
    silos: Silos<'_, S>,
    import: Uuid,
) -> Result<HashMap<ChunkPosition, ImportChunk>, ImportError> {
    let failed = |source| store_error("the chunks", source);
    let mut chunks = HashMap::new();
    for (silo, is_cell) in [(silos.cell, true), (silos.control, false)] {
        let mut after = None;
        loop {
            let page = silo.chunks(import, after, CHUNKS_PER_PAGE).await.map_err(failed)?;
            for chunk in page.items {
                let position = chunk.position();
                if !is_cell && !chunks.contains_key(&position) {
                    silos.cell.replicate_chunk(&chunk).await.map_err(failed)?;
                }
                chunks.insert(position, chunk);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(chunks)
}

/// Copies a chunk of a control model to the cell.
pub(crate) async fn replicate<S: Silo>(
    silos: Silos<'_, S>,
    model: &Model,
    chunk: &ImportChunk,
) -> Result<(), ImportError> {
    if model.silo == SiloKind::Control {
        let copied = silos.cell.replicate_chunk(chunk).await;
        copied.map_err(|source| store_error(&model.name, source))?;
    }
    Ok(())
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
    let chunk = chunk.ok_or_else(vanished)?;
    replicate(silos, model, &chunk).await?;
    Ok(chunk)
}
