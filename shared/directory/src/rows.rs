//! Rows by their unique values, and changes to single rows.

use catalog::Model;
use runtime::TaskError;
use silo::{Fields, ImportPlan, Pk, Silo, StoreError, StoreErrorKind, Stored, UniqueKey, Write, WriteError};

/// How often a change is made again because the row changed meanwhile.
const ATTEMPTS_MAX: usize = 16;

/// How many rows one request reads, which is what a DynamoDB batch holds.
const ROWS_PER_READ: usize = 100;

/// A task broke off because a silo failed; it is tried again if that can help.
#[must_use]
pub fn broken(error: StoreError) -> TaskError {
    TaskError::Broken { retryable: error.retryable(), source: error.into() }
}

/// The rows with these primary keys, in the same order, however many.
///
/// # Errors
/// The store's.
pub async fn several(silo: &impl Silo, model: &Model, pks: &[Pk]) -> Result<Vec<Option<Stored>>, StoreError> {
    let mut rows = Vec::with_capacity(pks.len());
    for pks in pks.chunks(ROWS_PER_READ) {
        rows.extend(silo.get(model, pks).await?);
    }
    Ok(rows)
}

/// The primary keys of the rows that have these values, in the same order. Each is a full set of values of
/// the unique set with these fields.
///
/// # Errors
/// The store's; also that the model has no such set, or that a value is null.
pub async fn by_unique(
    silo: &impl Silo,
    model: &Model,
    set: &[&str],
    values: &[Fields],
) -> Result<Vec<Option<Pk>>, StoreError> {
    let fields: Vec<String> = set.iter().map(|field| (*field).to_owned()).collect();
    let refused = || {
        let action = format!("looking {} up by {}", model.name, fields.join(", "));
        StoreError::new(StoreErrorKind::Refused, action)
    };
    let (position, set) = model.unique_set(&fields).ok_or_else(refused)?;
    let key = |values| UniqueKey::in_set(model, position, set, values).ok_or_else(refused);
    let keys = values.iter().map(key).collect::<Result<Vec<_>, _>>()?;
    let mut holders = Vec::with_capacity(keys.len());
    for keys in keys.chunks(ROWS_PER_READ) {
        holders.extend(silo.holders(keys).await?);
    }
    Ok(holders)
}

/// Gives a row the fields that `change` makes of it, again from what the row has become when it changed
/// meanwhile. A row that is gone, or of which `change` makes nothing, stays as it is. The journal of the import keeps
/// what the row was, unless the import itself brought it.
///
/// # Errors
/// The store's; also that the new values are taken, or that the row keeps changing.
pub async fn amend(
    silo: &impl Silo,
    plan: &ImportPlan,
    model: &Model,
    pk: Pk,
    change: impl Fn(&Fields) -> Option<Fields> + Send,
) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS_MAX {
        let Some(before) = silo.get(model, &[pk]).await?.pop().flatten() else { return Ok(()) };
        let Some(fields) = change(&before.row.fields) else { return Ok(()) };
        let write = Write::replace(model, before, fields);
        match silo.write(&plan.transaction(silo.catalog(), vec![write], None)).await {
            Ok(()) => return Ok(()),
            Err(WriteError::Conflict(conflict)) if conflict.taken.is_empty() => {}
            Err(WriteError::Store(error)) => return Err(error),
            Err(error) => {
                let action = format!("changing {} {pk}", model.name);
                return Err(StoreError::with_source(StoreErrorKind::Refused, action, error));
            }
        }
    }
    let action = format!("changing {} {pk}, which keeps changing,", model.name);
    Err(StoreError::new(StoreErrorKind::Contention, action))
}
