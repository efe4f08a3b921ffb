//! What the cases have in common.

use std::error::Error;

use catalog::Model;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Conflict, Fields, ImportChunk, ImportKind, Mapped, Page, Pk, Row, Silo, Stored, Transaction, Write,
    WriteError,
};

/// A case ends well, or with what went wrong.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// No primary keys.
pub(super) const NONE: [Pk; 0] = [];

pub(super) type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Fails the case with a message that says which promise was broken.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(format!($($message)+).into());
        }
    };
}

/// Fails the case unless both are equal.
macro_rules! ensure_eq {
    ($left:expr, $right:expr, $($message:tt)+) => {
        match (&$left, &$right) {
            (left, right) => {
                if left != right {
                    let message = format!($($message)+);
                    return Err(format!("{message}\n  is     {left:?}\n  should {right:?}").into());
                }
            }
        }
    };
}

pub(super) use {ensure, ensure_eq};

pub(super) fn model<'a>(silo: &'a impl Silo, name: &str) -> Fallible<&'a Model> {
    silo.catalog().find(name).ok_or_else(|| format!("the catalogue has no {name}").into())
}

pub(super) fn row(pk: Pk, fields: Value) -> Row {
    Row::new(pk, object(fields))
}

fn object(fields: Value) -> Fields {
    match fields {
        Value::Object(fields) => fields,
        other => Fields::from_iter([("value".to_owned(), other)]),
    }
}

pub(super) fn organization(pk: Pk, slug: &str) -> Row {
    row(pk, json!({ "name": "An organisation", "slug": slug, "status": 0 }))
}

pub(super) fn insert(model: &Model, row: Row) -> Write {
    Write::insert(model, row)
}

pub(super) fn replace(model: &Model, before: &Stored, fields: Value) -> Write {
    Write::replace(model, before.clone(), object(fields))
}

pub(super) fn delete(model: &Model, before: &Stored) -> Write {
    Write::delete(model, before.clone())
}

pub(super) fn transaction(writes: impl IntoIterator<Item = Write>) -> Transaction {
    Transaction { writes: writes.into_iter().collect(), chunk: None }
}

pub(super) async fn write(silo: &impl Silo, writes: impl IntoIterator<Item = Write> + Send) -> Outcome {
    Ok(silo.write(&transaction(writes)).await?)
}

/// Writes rows of one model, so many to a transaction that any store takes them.
pub(super) async fn fill(
    silo: &impl Silo,
    model: &Model,
    rows: impl IntoIterator<Item = Row> + Send,
) -> Outcome {
    let rows: Vec<Row> = rows.into_iter().collect();
    for part in rows.chunks(20) {
        write(silo, part.iter().map(|row| insert(model, row.clone())).collect::<Vec<_>>()).await?;
    }
    Ok(())
}

pub(super) async fn read(silo: &impl Silo, model: &Model, pk: Pk) -> Fallible<Stored> {
    let found = silo.get(model, &[pk]).await?;
    found.into_iter().next().flatten().ok_or_else(|| format!("{} {pk} is not there", model.name).into())
}

pub(super) async fn is_there(silo: &impl Silo, model: &Model, pk: Pk) -> Fallible<bool> {
    Ok(silo.get(model, &[pk]).await?.into_iter().flatten().next().is_some())
}

/// The conflict that a write ended in.
pub(super) fn conflict(written: Result<(), WriteError>) -> Fallible<Conflict> {
    match written {
        Err(WriteError::Conflict(conflict)) => Ok(conflict),
        Err(error) => Err(error.into()),
        Ok(()) => Err("the write should have conflicted, but went through".into()),
    }
}

/// Everything that pages hold, and the check that none is larger than asked for.
pub(super) async fn collect<T, C: Clone, F>(
    limit: usize,
    mut page: impl FnMut(Option<C>) -> F,
) -> Fallible<Vec<T>>
where
    F: Future<Output = Fallible<Page<T, C>>>,
{
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let next = page(after).await?;
        ensure!(next.items.len() <= limit, "a page of {} exceeds the limit {limit}", next.items.len());
        all.extend(next.items);
        match next.next {
            Some(position) => after = Some(position),
            None => return Ok(all),
        }
    }
}

pub(super) async fn all_pks(silo: &impl Silo, model: &Model, limit: usize) -> Fallible<Vec<Pk>> {
    let rows = collect(limit, async |after| Ok(silo.page(model, after, limit).await?)).await?;
    Ok(rows.into_iter().map(|stored: Stored| stored.row.pk).collect())
}

pub(super) async fn all_referring(
    silo: &impl Silo,
    model: &Model,
    key: &str,
    target: Pk,
    limit: usize,
) -> Fallible<Vec<Pk>> {
    collect(limit, async |after| Ok(silo.referring(model, key, target, after, limit).await?)).await
}

pub(super) async fn all_privileged(silo: &impl Silo, model: &Model, limit: usize) -> Fallible<Vec<Pk>> {
    collect(limit, async |after| Ok(silo.privileged(model, after, limit).await?)).await
}

/// A chunk of the import `import`, as the engine makes them.
pub(super) fn chunk(import: Uuid, model: &str, min_ordinal: u64, rows: u64) -> ImportChunk {
    let first = i64::try_from(min_ordinal).unwrap_or(Pk::MAX);
    let mapped = (0..i64::try_from(rows).unwrap_or(0)).map(|offset| Mapped {
        source: 70_000 + first + offset,
        pk: first + offset,
        kind: match offset % 3 {
            0 => ImportKind::Inserted,
            1 => ImportKind::Existing,
            _ => ImportKind::Overwrite,
        },
    });
    ImportChunk {
        import,
        model: model.to_owned(),
        min_ordinal,
        mapped: mapped.collect(),
        identifiers: [(first, format!("slug-{first}"))].into(),
    }
}

/// An id of an import that is the same in every run.
pub(super) fn import(number: u128) -> Uuid {
    Uuid::from_u128(0x5e7_0000_0000_4000_8000_0000_0000_0000 + number)
}
