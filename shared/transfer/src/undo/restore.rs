//! Restores what the import changed, each row once.
//!
//! What was restored of a row is kept as a chunk, written in the transaction that restores it. So a later run knows that
//! what somebody made of the row afterwards is none of ours. And an earlier import, of which the row was the work, knows
//! that it is as it left it, although its revision is another one.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::Model;
use futures::future::{BoxFuture, FutureExt};
use silo::{ImportChunk, Pk, Silo, StoreError, Stored, Transaction, Write, WriteError};
use uuid::{Builder, Uuid};

use super::Watch;
use super::change::{READS_MAX, failed, keeps_changing};
use super::error::{UndoError, at};
use super::imported::{Imported, ROWS};
use super::journaled::{self, Journaled};
use super::report::Obstacle;
use super::runner::Undoing;

/// How a row that the import changed stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// As the import left it.
    Untouched,
    /// Somebody else has changed it since.
    Changed,
    /// It is what it was, or was restored once.
    Restored,
    /// It is not there any more, and stays away: whoever deleted it since has meant it.
    Gone,
}

/// A row as it is now.
pub(super) async fn current<S: Silo>(
    imported: &Imported<'_, S>,
    model: &Model,
    pk: Pk,
) -> Result<Option<Stored>, StoreError> {
    Ok(imported.silos.of(model).get(model, &[pk]).await?.pop().flatten())
}

/// How a row stands that is like this now.
pub(super) async fn standing<S: Silo>(
    imported: &Imported<'_, S>,
    model: &Model,
    row: &Journaled,
    current: Option<&Stored>,
) -> Result<Standing, StoreError> {
    let Some(current) = current else { return Ok(Standing::Gone) };
    if row.is_untouched(current.revision) {
        return Ok(Standing::Untouched);
    }
    if row.original.as_ref().is_some_and(|original| original.row.fields == current.row.fields) {
        return Ok(Standing::Restored);
    }
    let restored = restorations(imported.silos.of(model), model, row.pk).await?;
    let is_ours = |restoration: &Restoration| restoration.import == imported.import;
    Ok(if restored.iter().any(is_ours) {
        Standing::Restored
    } else if row.is_untouched(restored_to(&restored, current.revision)) {
        Standing::Untouched
    } else {
        Standing::Changed
    })
}

/// Somebody else has a value that a row is to have again.
pub(super) fn taken(model: &Model, pk: Pk, set: usize, holder: Pk) -> Obstacle {
    let set = model.uniques.get(set).map(catalog::UniqueSet::name).unwrap_or_default();
    Obstacle::Taken { model: model.name.clone(), pk, set, holder }
}

impl<S: Silo, W: Watch> Undoing<'_, '_, S, W> {
    /// Restores the originals of rows.
    pub(super) async fn restore(&mut self, model: &Model, rows: Vec<Journaled>) -> Result<(), UndoError> {
        for row in rows {
            self.restore_row(model, &row, &mut Vec::new()).await?;
        }
        Ok(())
    }

    /// Restores a row behind those that have to give it its values back. `waiting` are those that wait for it.
    fn restore_row<'s>(
        &'s mut self,
        model: &'s Model,
        row: &'s Journaled,
        waiting: &'s mut Vec<Pk>,
    ) -> BoxFuture<'s, Result<(), UndoError>> {
        async move {
            for _ in 0..READS_MAX {
                let now = current(self.imported, model, row.pk).await.map_err(at(&model.name))?;
                let stands = standing(self.imported, model, row, now.as_ref()).await;
                let stands = stands.map_err(at(&model.name))?;
                match stands {
                    Standing::Restored => return Ok(()),
                    Standing::Gone => {
                        self.state.report.count(&model.name, 1, |counts| &mut counts.already_gone);
                        return Ok(());
                    }
                    Standing::Changed if !self.request.cascade => {
                        return Err(Obstacle::Changed { model: model.name.clone(), pk: row.pk }.into());
                    }
                    Standing::Untouched | Standing::Changed => {}
                }
                let Some((now, original)) = now.zip(row.original.as_ref()) else { return Ok(()) };
                let write = Write::replace(model, now, Arc::clone(&original.row.fields));
                let restoration = Restoration {
                    import: self.imported.import,
                    revision: write.revision(),
                    original: original.revision,
                };
                let chunk = Some(restoration.chunk(model, row.pk));
                let transaction = Transaction { writes: vec![write], chunk };
                match self.imported.silos.of(model).write(&transaction).await {
                    Ok(()) => {
                        let changed = u64::from(stands == Standing::Changed);
                        let report = &mut self.state.report;
                        report.count(&model.name, 1, |counts| &mut counts.restored);
                        report.count(&model.name, changed, |counts| &mut counts.changed_since);
                        return Ok(());
                    }
                    Err(WriteError::Conflict(conflict)) => {
                        for taken in conflict.taken {
                            waiting.push(row.pk);
                            self.make_room(model, (row.pk, taken.set, taken.holder), waiting).await?;
                            waiting.pop();
                        }
                    }
                    Err(error) => return Err(failed(model, error)),
                }
            }
            Err(keeps_changing(model))
        }
        .boxed()
    }

    /// Restores the row that has a value which another one had, so that it gives it up.
    async fn make_room(
        &mut self,
        model: &Model,
        (pk, set, holder): (Pk, usize, Pk),
        waiting: &mut Vec<Pk>,
    ) -> Result<(), UndoError> {
        let Imported { silos, import, .. } = *self.imported;
        let row = journaled::row(silos.of(model), import, &model.name, holder).await;
        match row.map_err(at(&model.name))?.filter(|row| row.original.is_some()) {
            Some(row) if !waiting.contains(&holder) => self.restore_row(model, &row, waiting).await,
            _ => Err(taken(model, pk, set, holder).into()),
        }
    }
}

/// What was restored of a row, in the name of one import.
struct Restoration {
    import: Uuid,
    /// The revision that the row got.
    revision: u64,
    /// The revision of what it was restored to.
    original: u64,
}

impl Restoration {
    /// The chunk that keeps it, beside the others of the row.
    fn chunk(&self, model: &Model, pk: Pk) -> ImportChunk {
        ImportChunk {
            import: restorations_of(model, pk),
            model: model.name.clone(),
            min_ordinal: self.revision,
            mapped: Vec::new(),
            identifiers: BTreeMap::from([(pk, format!("{} {}", self.import, self.original))]),
        }
    }

    fn read(chunk: &ImportChunk, pk: Pk) -> Option<Self> {
        let (import, original) = chunk.identifiers.get(&pk)?.split_once(' ')?;
        Some(Self {
            import: import.parse().ok()?,
            revision: chunk.min_ordinal,
            original: original.parse().ok()?,
        })
    }
}

/// What was restored of a row: as often as imports that changed it were undone.
async fn restorations<S: Silo>(silo: &S, model: &Model, pk: Pk) -> Result<Vec<Restoration>, StoreError> {
    let (mut restorations, mut after) = (Vec::new(), None);
    loop {
        let page = silo.chunks(restorations_of(model, pk), after, ROWS).await?;
        restorations.extend(page.items.iter().filter_map(|chunk| Restoration::read(chunk, pk)));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(restorations),
        }
    }
}

/// The revision whose fields a revision has again.
fn restored_to(restorations: &[Restoration], revision: u64) -> u64 {
    let restored = restorations.iter().find(|restoration| restoration.revision == revision);
    // Revisions rise, so that this comes to an end.
    match restored.map(|restoration| restoration.original).filter(|original| *original < revision) {
        Some(original) => restored_to(restorations, original),
        None => revision,
    }
}

/// Under which uuid it is kept what was restored of a row: one that is made of the row's name, and no import's.
fn restorations_of(model: &Model, pk: Pk) -> Uuid {
    let row = format!("{} {pk}", model.name);
    let hash = blake3::derive_key("relocation 2026-11 what was restored of a row", row.as_bytes());
    Builder::from_custom_bytes(std::array::from_fn(|byte| hash.get(byte).copied().unwrap_or(0))).into_uuid()
}
