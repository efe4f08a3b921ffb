//! Deleting rows within a silo, with what depends on them (SPEC §10, "Deletions within a silo").

use std::collections::BTreeMap;
use std::sync::Arc;

use catalog::{Catalog, Key, Model, OnDelete};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use silo::{
    Conflict, Departed, Departure, Pk, Silo, StoreError, StoreErrorKind, Stored, Transaction, Write,
    WriteError,
};

use crate::dependents::dependents;
use crate::leading::Leading;
use crate::protection::Protection;
use crate::{CHUNK, DeletionError, RowId, Watch};

/// How often rows are read anew because they changed meanwhile.
const READS_MAX: usize = 20;

/// What a deletion did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deleted {
    /// How many rows went, by model.
    pub deleted: BTreeMap<String, u64>,
    /// How many rows lost a key, by model and field joined by a dot.
    pub nulled: BTreeMap<String, u64>,
    /// Whether it was stopped before its end; doing it again goes on.
    pub was_stopped: bool,
}

impl Deleted {
    /// How many rows went.
    pub fn rows(&self) -> u64 {
        self.deleted.values().sum()
    }

    /// How many keys were nulled.
    pub fn keys(&self) -> u64 {
        self.nulled.values().sum()
    }
}

/// Deletes rows of a model and all that depends on them, deepest first: whenever it is cut short, no key leads nowhere,
/// and doing it again goes on. Rows that are not there are passed over.
///
/// # Errors
/// Rows that stay refer to rows that would go; or a store failed.
pub async fn delete<S: Silo>(
    silo: &S,
    model: &Model,
    pks: &[Pk],
    watch: &mut impl Watch,
) -> Result<Deleted, DeletionError> {
    delete_because(silo, model, pks, None, watch).await
}

/// Deletes rows of a model as [`delete`] does, and those alone that lead where they are said to when their turn comes.
///
/// # Errors
/// As of [`delete`].
pub async fn delete_leading<S: Silo>(
    silo: &S,
    model: &Model,
    rows: &Leading<'_>,
    watch: &mut impl Watch,
) -> Result<Deleted, DeletionError> {
    let pks = rows.still(silo, model).await?;
    delete_because(silo, model, &pks, Some(rows), watch).await
}

async fn delete_because<S: Silo>(
    silo: &S,
    model: &Model,
    pks: &[Pk],
    because: Option<&Leading<'_>>,
    watch: &mut impl Watch,
) -> Result<Deleted, DeletionError> {
    let protection = Protection::new(silo, model, pks);
    protection.check().await?;
    let mut deleter = Deleter { silo, protection: Some(&protection), watch, done: Deleted::default() };
    for chunk in pks.chunks(CHUNK) {
        deleter.clear(model, chunk.to_vec(), because).await?;
    }
    Ok(deleter.done)
}

/// Deals with what still depends on rows that are gone: indexes follow late, so that some of it may not have been seen
/// when they went. To be called when indexes show all that was written until then.
///
/// # Errors
/// As of [`delete`]; nothing stands in the way of who is gone already.
pub async fn look_after<S: Silo>(
    silo: &S,
    departure: &Departure,
    watch: &mut impl Watch,
) -> Result<Deleted, DeletionError> {
    let catalog = silo.catalog();
    let mut deleter = Deleter { silo, protection: None, watch, done: Deleted::default() };
    for Departed { table, object } in &departure.departed {
        let model = catalog.models().iter().find(|model| model.table == *table);
        let Some(model) = model else { continue };
        // Nobody has the primary key again, unless it was brought along from elsewhere.
        if silo.get(model, &[*object]).await?.iter().all(Option::is_none) {
            deleter.clear_dependents(model, &[*object]).await?;
        }
    }
    Ok(deleter.done)
}

/// Takes a key away from rows that lead to a target by it. How many had it.
///
/// # Errors
/// A row would share a unique value then, or a store failed.
pub(crate) async fn set_null<S: Silo>(
    silo: &S,
    model: &Model,
    key: &Key,
    target: Pk,
    pks: &[Pk],
) -> Result<u64, DeletionError> {
    let change = |stored: Stored| {
        if stored.row.key(&key.field) != Some(target) {
            return None;
        }
        let mut fields = Arc::clone(&stored.row.fields);
        drop(Arc::make_mut(&mut fields).insert(key.field.clone(), Value::Null));
        Some(Write::replace(model, stored, fields))
    };
    let taken = |conflict: &Conflict, writes: &[Write]| {
        let taken = conflict.taken.first()?;
        let row = RowId { model: model.name.clone(), pk: writes.get(taken.write)?.row().pk };
        let set = model.uniques.get(taken.set)?.name();
        Some(DeletionError::Taken { row, field: key.field.clone(), set, holder: taken.holder })
    };
    change_rows(silo, model, pks, change, taken).await
}

struct Deleter<'a, S, W> {
    silo: &'a S,
    /// Who may stand in the way; nobody of those who come too late.
    protection: Option<&'a Protection<'a, S>>,
    watch: &'a mut W,
    done: Deleted,
}

impl<'a, S: Silo, W: Watch> Deleter<'a, S, W> {
    fn catalog(&self) -> &'a Catalog {
        self.silo.catalog()
    }

    /// Deletes a chunk of rows behind all that depends on them; if it is because of whom they lead to, then those that
    /// still do.
    fn clear<'s>(
        &'s mut self,
        model: &'s Model,
        pks: Vec<Pk>,
        because: Option<&'s Leading<'s>>,
    ) -> BoxFuture<'s, Result<(), DeletionError>> {
        async move {
            self.clear_dependents(model, &pks).await?;
            if self.goes_on().await {
                let delete = |stored: Stored| {
                    let goes = because.is_none_or(|leading| leading.holds(&stored.row));
                    goes.then(|| Write::delete(model, stored))
                };
                let deleted = change_rows(self.silo, model, &pks, delete, |_, _| None);
                count(&mut self.done.deleted, &model.name, deleted.await?);
            }
            Ok(())
        }
        .boxed()
    }

    async fn clear_dependents(&mut self, model: &Model, pks: &[Pk]) -> Result<(), DeletionError> {
        for (dependent, key, on_delete) in dependents(self.catalog(), model) {
            for target in pks {
                self.clear_referring(dependent, key, on_delete, *target).await?;
            }
        }
        Ok(())
    }

    /// Does to the rows that lead to a target what their key says.
    async fn clear_referring(
        &mut self,
        model: &Model,
        key: &Key,
        on_delete: OnDelete,
        target: Pk,
    ) -> Result<(), DeletionError> {
        if on_delete == OnDelete::DoNothing {
            return Ok(());
        }
        let mut after = None;
        while self.goes_on().await {
            let page = self.silo.referring(model, &key.field, target, after, CHUNK).await?;
            if !page.items.is_empty() {
                match on_delete {
                    OnDelete::Cascade => self.clear_leading(model, key, target, &page.items).await?,
                    OnDelete::SetNull => {
                        let nulled = set_null(self.silo, model, key, target, &page.items).await?;
                        count(&mut self.done.nulled, &format!("{}.{}", model.name, key.field), nulled);
                    }
                    OnDelete::Protect => {
                        if let Some(protection) = self.protection {
                            protection.refuse_staying(model, key, target, &page.items).await?;
                            self.clear_leading(model, key, target, &page.items).await?;
                        }
                    }
                    OnDelete::DoNothing => {}
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        Ok(())
    }

    /// Deletes the rows that lead to a target by a key. An index may show others, which keep what depends on them.
    async fn clear_leading(
        &mut self,
        model: &Model,
        key: &Key,
        target: Pk,
        pks: &[Pk],
    ) -> Result<(), DeletionError> {
        let leading = Leading::to(key, target, pks);
        // Where nothing depends on them it is enough that they are looked at when they are deleted.
        let has_dependents = dependents(self.catalog(), model).next().is_some();
        let pks = if has_dependents { leading.still(self.silo, model).await? } else { pks.to_vec() };
        self.clear(model, pks, Some(&leading)).await
    }

    async fn goes_on(&mut self) -> bool {
        if !self.done.was_stopped {
            self.done.was_stopped = !self.watch.goes_on(&self.done).await;
        }
        !self.done.was_stopped
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str, more: u64) {
    if more > 0 {
        *counts.entry(name.to_owned()).or_default() += more;
    }
}

/// Changes rows as they are now, however often others change them meanwhile. How many were changed.
pub(crate) async fn change_rows<S: Silo>(
    silo: &S,
    model: &Model,
    pks: &[Pk],
    change: impl Fn(Stored) -> Option<Write>,
    give_up: impl Fn(&Conflict, &[Write]) -> Option<DeletionError>,
) -> Result<u64, DeletionError> {
    let mut changed = 0;
    for _ in 0..READS_MAX {
        let rows = silo.get(model, pks).await?;
        let writes: Vec<Write> = rows.into_iter().flatten().filter_map(&change).collect();
        let mut is_stale = false;
        for transaction in Transaction::split(silo.catalog(), writes) {
            match silo.write(&transaction).await {
                Ok(()) => changed += transaction.writes.len() as u64,
                Err(WriteError::Conflict(conflict)) => match give_up(&conflict, &transaction.writes) {
                    Some(error) => return Err(error),
                    None => is_stale = true,
                },
                Err(WriteError::Store(error)) => return Err(error.into()),
                Err(error @ WriteError::RowTooLarge { .. }) => {
                    let action = format!("changing a row of {}", model.name);
                    return Err(StoreError::with_source(StoreErrorKind::Refused, action, error).into());
                }
            }
        }
        if !is_stale {
            return Ok(changed);
        }
    }
    let action = format!("changing rows of {}, which keep changing,", model.name);
    Err(StoreError::new(StoreErrorKind::Contention, action).into())
}
