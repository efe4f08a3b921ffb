//! Rows that go because of whom they lead to.

use std::collections::HashSet;

use catalog::{Key, Model};
use silo::{Pk, Row, Silo, StoreError};

/// Rows that go because they lead to somebody who goes, or is gone: only as long as they do. An index may show what was
/// before, and a row may be given to somebody else while what depends on others is dealt with.
#[derive(Debug)]
pub struct Leading<'a> {
    key: &'a Key,
    rows: HashSet<(Pk, Pk)>,
}

impl<'a> Leading<'a> {
    /// By a key, each row to its target.
    pub fn new(key: &'a Key, rows: impl IntoIterator<Item = (Pk, Pk)>) -> Self {
        Self { key, rows: rows.into_iter().collect() }
    }

    /// By a key, all to one target.
    pub(crate) fn to(key: &'a Key, target: Pk, pks: &[Pk]) -> Self {
        Self::new(key, pks.iter().map(|pk| (*pk, target)))
    }

    /// Whether a row leads where it was said to.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        row.key(&self.key.field).is_some_and(|target| self.rows.contains(&(row.pk, target)))
    }

    /// The rows that are there and lead where they were said to.
    pub(crate) async fn still<S: Silo>(&self, silo: &S, model: &Model) -> Result<Vec<Pk>, StoreError> {
        let mut pks: Vec<Pk> = self.rows.iter().map(|(pk, _)| *pk).collect();
        pks.sort_unstable();
        pks.dedup();
        let stored = silo.get(model, &pks).await?;
        let leading = stored.into_iter().flatten().filter(|stored| self.holds(&stored.row));
        Ok(leading.map(|stored| stored.row.pk).collect())
    }
}
