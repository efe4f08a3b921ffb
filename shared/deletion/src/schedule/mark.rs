//! What an object says of its deletion, where its model has a field for that (SPEC §10).

use std::sync::Arc;

use catalog::{Catalog, DeletionMark, Model};
use serde_json::Value;
use silo::{Fields, Pk, Silo, StoreError, Stored, Write};

use super::{Object, ScheduledDeletion, Standing};
use crate::rows::change_rows;
use crate::{DeletionError, DeletionJob};

/// The model of an object, if it lives where the object is said to be.
///
/// # Errors
/// There is no such model there.
pub(super) fn model<'a>(catalog: &'a Catalog, job: &DeletionJob) -> Result<&'a Model, DeletionError> {
    let found = catalog.find(&job.model).filter(|model| model.silo == job.silo);
    found.ok_or_else(|| DeletionError::UnknownModel { model: job.model.clone() })
}

/// How an object stands, as a deletion looks at it.
///
/// # Errors
/// There is no such model, or the store failed.
pub async fn find<S: Silo>(silo: &S, job: &DeletionJob) -> Result<Object, DeletionError> {
    let model = model(silo.catalog(), job)?;
    Ok(match read(silo, model, job.object).await? {
        None => Object::Gone,
        Some(stored) if model.deletion.as_ref().is_none_or(|mark| mark.is_set(&stored.row.fields)) => {
            Object::Goes
        }
        Some(_) => Object::Stays,
    })
}

/// Marks an object as one that is being deleted, if it is still to go; says how it stands.
///
/// # Errors
/// As of [`find`].
pub async fn begin<S: Silo>(silo: &S, job: &DeletionJob) -> Result<Object, DeletionError> {
    change(silo, job, |mark, now| (now == &mark.pending).then(|| mark.in_progress.clone())).await?;
    find(silo, job).await
}

/// Marks an object whose deletion was given up as one whose deletion is pending.
///
/// # Errors
/// As of [`find`].
pub async fn put_back<S: Silo>(silo: &S, job: &DeletionJob) -> Result<(), DeletionError> {
    change(silo, job, |mark, now| (now == &mark.in_progress).then(|| mark.pending.clone())).await
}

/// Marks an object as one whose deletion is pending.
pub(super) async fn schedule<S: Silo>(silo: &S, job: &DeletionJob) -> Result<(), DeletionError> {
    change(silo, job, |mark, now| (now != &mark.pending).then(|| mark.pending.clone())).await
}

/// Takes the mark off an object whose deletion is taken back.
pub(super) async fn restore<S: Silo>(silo: &S, record: &ScheduledDeletion) -> Result<(), DeletionError> {
    let was_given_up = matches!(record.standing, Standing::GivenUp { .. });
    change(silo, &record.job, |mark, now| {
        let is_marked = now == &mark.pending || (was_given_up && now == &mark.in_progress);
        is_marked.then(|| record.restores.clone().unwrap_or_else(|| mark.active.clone()))
    })
    .await
}

/// What the field said before the object was marked; none if nothing marks it.
pub(super) fn before(model: &Model, fields: &Fields) -> Option<Value> {
    let mark = model.deletion.as_ref()?;
    Some(if mark.is_set(fields) { mark.active.clone() } else { mark.of(fields).clone() })
}

/// The object itself.
pub(super) async fn read<S: Silo>(silo: &S, model: &Model, pk: Pk) -> Result<Option<Stored>, StoreError> {
    Ok(silo.get(model, &[pk]).await?.into_iter().flatten().next())
}

/// Changes what the field says, if the model has one and the object is there.
async fn change<S: Silo>(
    silo: &S,
    job: &DeletionJob,
    change: impl Fn(&DeletionMark, &Value) -> Option<Value>,
) -> Result<(), DeletionError> {
    let model = model(silo.catalog(), job)?;
    let Some(mark) = &model.deletion else { return Ok(()) };
    let write = |stored: Stored| {
        let value = change(mark, mark.of(&stored.row.fields))?;
        let mut fields = Arc::clone(&stored.row.fields);
        drop(Arc::make_mut(&mut fields).insert(mark.field.clone(), value));
        Some(Write::replace(model, stored, fields))
    };
    change_rows(silo, model, &[job.object], write, |_, _| None).await.map(drop)
}
