//! Deletes what the import inserted, and deals with what depends on it.

use std::sync::Arc;

use catalog::{Model, OnDelete};
use deletion::{Leading, delete_leading};
use futures::future::join_all;
use serde_json::Value;
use silo::{Conflict, Pk, Silo, StoreError, StoreErrorKind, Stored, Transaction, Write, WriteError};

use super::dependents::{Link, links_to};
use super::error::{UndoError, at};
use super::look::who_refers;
use super::restore;
use super::runner::Undoing;
use super::{Proceed, Watch};

/// How often rows are read anew because they changed meanwhile.
pub(super) const READS_MAX: usize = 20;

impl<S: Silo, W: Watch> Undoing<'_, '_, S, W> {
    /// Deletes rows that the import inserted.
    pub(super) async fn delete(
        &mut self,
        model: &Model,
        rows: Vec<Stored>,
        known: u64,
    ) -> Result<(), UndoError> {
        let silo = self.imported.silos.of(model);
        let deleted = change_rows(silo, model, rows, |stored| Some(Write::delete(model, stored))).await?;
        self.count_going(model, deleted.iter().copied(), known);
        Ok(())
    }

    /// Deals with what others have built on rows that are about to go; false when it was stopped.
    ///
    /// Only keys are asked by which the look found somebody. Whoever came later is dealt with like those behind any
    /// other deletion.
    pub(super) async fn clear_dependents(
        &mut self,
        model: &Model,
        rows: &[Stored],
    ) -> Result<bool, UndoError> {
        let catalog = self.imported.catalog();
        let found = |link: &Link<'_>| self.state.keys.contains(&link.name());
        let links: Vec<Link<'_>> = links_to(catalog, model).filter(found).collect();
        for link in links {
            for stored in rows {
                if !self.clear_referring(link, (model, stored.row.pk)).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn clear_referring(&mut self, link: Link<'_>, target: (&Model, Pk)) -> Result<bool, UndoError> {
        let mut after = None;
        loop {
            let page = who_refers(self.imported, link, target.1, after).await?;
            let others = self.imported.others(link, target.1, &page.items).await;
            let others = others.map_err(at(&link.model.name))?;
            if !others.is_empty() {
                self.clear(link, target, others).await?;
            }
            match page.next {
                // There are more of them than rows on a page, so that somebody may want to stop.
                Some(next) => after = Some(next),
                None => return Ok(true),
            }
            if self.watch.proceed(self.progress, self.state).await == Proceed::Stop {
                return Ok(false);
            }
        }
    }

    /// Does to others' rows what their key says.
    async fn clear(
        &mut self,
        link: Link<'_>,
        target: (&Model, Pk),
        others: Vec<Stored>,
    ) -> Result<(), UndoError> {
        match link.on_delete {
            OnDelete::SetNull => self.set_null(link, target.1, others).await,
            OnDelete::Cascade => self.cascade(link, target.1, &others).await,
            OnDelete::Protect => {
                for stored in &others {
                    let goes = self.imported.goes(link.model, &stored.row).await;
                    if !goes.map_err(at(&link.model.name))? {
                        return Err(link.obstacle(stored.row.pk, target).into());
                    }
                }
                self.cascade(link, target.1, &others).await
            }
            OnDelete::DoNothing => Ok(()),
        }
    }

    /// Deletes others' rows that lead to a target, with all that depends on them in turn.
    async fn cascade(&mut self, link: Link<'_>, target: Pk, rows: &[Stored]) -> Result<(), UndoError> {
        let Link { model, key, .. } = link;
        let leading = Leading::new(key, rows.iter().map(|stored| (stored.row.pk, target)));
        let silo = self.imported.silos.of(model);
        let done = Box::pin(delete_leading(silo, model, &leading, &mut deletion::Unwatched)).await?;
        let report = &mut self.state.report;
        for (model, count) in done.deleted {
            report.count(&model, count, |counts| &mut counts.cascaded);
        }
        for (key, count) in done.nulled {
            // What it says is the model and the field.
            let model = key.rsplit_once('.').map_or(key.as_str(), |(model, _)| model);
            report.count(model, count, |counts| &mut counts.nulled);
        }
        Ok(())
    }

    async fn set_null(&mut self, link: Link<'_>, target: Pk, rows: Vec<Stored>) -> Result<(), UndoError> {
        let Link { model, key, .. } = link;
        let change = |stored: Stored| {
            let mut fields = Arc::clone(&stored.row.fields);
            let leads_there = stored.row.key(&key.field) == Some(target);
            drop(Arc::make_mut(&mut fields).insert(key.field.clone(), Value::Null));
            leads_there.then(|| Write::replace(model, stored, fields))
        };
        let nulled = change_rows(self.imported.silos.of(model), model, rows, change).await?;
        self.state.report.count(&model.name, nulled.len() as u64, |counts| &mut counts.nulled);
        Ok(())
    }
}

/// Changes rows, as they were read or as they are by now. Which were changed.
async fn change_rows<S: Silo>(
    silo: &S,
    model: &Model,
    mut rows: Vec<Stored>,
    change: impl Fn(Stored) -> Option<Write>,
) -> Result<Vec<Pk>, UndoError> {
    let mut changed = Vec::with_capacity(rows.len());
    for _ in 0..READS_MAX {
        let writes: Vec<Write> = rows.into_iter().filter_map(&change).collect();
        let transactions = Transaction::split(silo.catalog(), writes);
        let written = join_all(transactions.iter().map(|transaction| silo.write(transaction))).await;
        let mut stale = Vec::new();
        for (transaction, written) in transactions.iter().zip(written) {
            let pks = transaction.writes.iter().map(|write| write.row().pk);
            match written {
                Ok(()) => changed.extend(pks),
                Err(WriteError::Conflict(conflict)) => {
                    stay_free(model, transaction, &conflict)?;
                    stale.extend(pks);
                }
                Err(error) => return Err(failed(model, error)),
            }
        }
        if stale.is_empty() {
            return Ok(changed);
        }
        rows = silo.get(model, &stale).await.map_err(at(&model.name))?.into_iter().flatten().collect();
    }
    Err(keeps_changing(model))
}

/// Fails if a change wants a unique value that somebody else has: reading it again does not help.
fn stay_free(model: &Model, transaction: &Transaction, conflict: &Conflict) -> Result<(), UndoError> {
    let Some(taken) = conflict.taken.first() else { return Ok(()) };
    let pk = transaction.writes.get(taken.write).map_or(0, |write| write.row().pk);
    Err(restore::taken(model, pk, taken.set, taken.holder).into())
}

/// A write that failed for another reason than a conflict.
pub(super) fn failed(model: &Model, error: WriteError) -> UndoError {
    let source = match error {
        WriteError::Store(source) => source,
        error => {
            let action = format!("changing a row of {}", model.name);
            StoreError::with_source(StoreErrorKind::Refused, action, error)
        }
    };
    at(&model.name)(source)
}

/// Others change rows faster than they are read.
pub(super) fn keeps_changing(model: &Model) -> UndoError {
    let action = format!("changing rows of {}, which keep changing,", model.name);
    at(&model.name)(StoreError::new(StoreErrorKind::Contention, action))
}
