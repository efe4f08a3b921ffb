//! What an import brought, as its plan and its chunks tell. The cell has them all: the chunks of control's models are
//! copied to it, and the plan is in both silos.

use catalog::Model;
use silo::{ChunkPosition, ImportKind, ImportPlan, Pk, Silo, StoreError, StoreErrorKind};
use uuid::Uuid;

/// How many chunks one request reads.
const CHUNKS_PER_PAGE: usize = 100;

/// The plan of an import that has begun. Whoever goes on with what it brought writes by it
/// ([`ImportPlan::transaction`]), so that the journal tells of that, too.
///
/// # Errors
/// The store's; also that there is no such import.
pub async fn plan(silo: &impl Silo, import: Uuid) -> Result<ImportPlan, StoreError> {
    silo.plan(import).await?.ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Refused,
            format!("going on with import {import}, which has not begun,"),
        )
    })
}

/// A row of a file that has a primary key here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its primary key.
    pub pk: Pk,
    /// How it got it.
    pub kind: ImportKind,
}

/// All rows of a model that an import dealt with, in the order of the file.
///
/// # Errors
/// The store's.
pub async fn imported(cell: &impl Silo, import: Uuid, model: &Model) -> Result<Vec<Imported>, StoreError> {
    let mut rows = Vec::new();
    // Ordinals count from 1, so this is before the model's first chunk.
    let mut after = Some(ChunkPosition { model: model.name.clone(), min_ordinal: 0 });
    while after.is_some() {
        let page = cell.chunks(import, after, CHUNKS_PER_PAGE).await?;
        after = page.next;
        for chunk in page.items {
            if chunk.model != model.name {
                return Ok(rows);
            }
            rows.extend(chunk.mapped.into_iter().map(|row| Imported { pk: row.pk, kind: row.kind }));
        }
    }
    Ok(rows)
}

/// The primary keys of the rows of a model that an import inserted, in the order of the file. What comes
/// after an import is about these (SPEC, "The ordered tasks": "imported" means inserted).
///
/// # Errors
/// The store's.
pub async fn inserted(cell: &impl Silo, import: Uuid, model: &Model) -> Result<Vec<Pk>, StoreError> {
    let rows = imported(cell, import, model).await?;
    Ok(rows.into_iter().filter(|row| row.kind == ImportKind::Inserted).map(|row| row.pk).collect())
}
