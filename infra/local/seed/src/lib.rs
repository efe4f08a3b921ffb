//! Puts the rows of an export into two silos as they are, primary keys included. The local stack and the tests
//! begin with it: an empty target has no names that could be taken.

use std::collections::HashMap;
use std::io::Read;

use catalog::{Catalog, Model, ModelId};
use silo::{Row, Silo, Silos, StoreError, Transaction, Write, WriteError};
use transfer::rows::{FileRow, ReadError, RowReader};

/// How many items one transaction has at most; DynamoDB takes 100.
const ITEMS_MAX: usize = 90;

/// Why an instance could not be seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file is no export.
    #[error("the file cannot be read as an export")]
    Read(#[from] ReadError),
    /// A row has no place to go.
    #[error("row {position} is of `{model}`, which the catalogue does not know")]
    UnknownModel {
        /// Which row, counted from 1.
        position: u64,
        /// The name of its model.
        model: String,
    },
    /// Primary keys could not be set aside.
    #[error("the primary keys of {model} cannot be set aside")]
    Reserve {
        /// The model.
        model: String,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// Rows could not be written, most often because a row with the same primary key or name is there.
    #[error("rows of {model} cannot be written")]
    Write {
        /// The model.
        model: String,
        /// What the store said.
        #[source]
        source: WriteError,
    },
}

/// Puts every row of a file into the silo of its model; answers with how many there were.
///
/// # Errors
/// See [`SeedError`]. What was written before stays.
pub async fn seed<S: Silo>(silos: Silos<'_, S>, file: impl Read) -> Result<u64, SeedError> {
    let catalog = silos.cell.catalog();
    let mut reader = RowReader::new(file);
    let mut rows: HashMap<ModelId, Vec<Row>> = HashMap::new();
    while let Some(row) = reader.next_row()? {
        let (model, row) = known(catalog, row, reader.rows_read())?;
        rows.entry(model).or_default().push(row);
    }
    for model in catalog.models() {
        if let Some(rows) = rows.remove(&model.id) {
            put(silos.of(model), model, rows).await?;
        }
    }
    Ok(reader.rows_read())
}

/// Whether no model has a row.
///
/// # Errors
/// The store's.
pub async fn is_empty<S: Silo>(silos: Silos<'_, S>) -> Result<bool, StoreError> {
    for model in silos.cell.catalog().models() {
        if !silos.of(model).page(model, None, 1).await?.items.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn known(catalog: &Catalog, row: FileRow, position: u64) -> Result<(ModelId, Row), SeedError> {
    let FileRow { model, pk, fields } = row;
    let found = catalog.find(&model).map(|model| (model.id, Row::new(pk, fields)));
    found.ok_or(SeedError::UnknownModel { position, model })
}

async fn put<S: Silo>(silo: &S, model: &Model, rows: Vec<Row>) -> Result<(), SeedError> {
    let highest = rows.iter().map(|row| row.pk).max().and_then(|pk| u64::try_from(pk).ok());
    if let Some(highest) = highest {
        // Whatever is imported later gets primary keys above these.
        let reserved = silo.reserve(model, highest).await;
        reserved.map_err(|source| SeedError::Reserve { model: model.name.clone(), source })?;
    }
    for writes in transactions(model, rows) {
        let written = silo.write(&Transaction { writes, chunk: None }).await;
        written.map_err(|source| SeedError::Write { model: model.name.clone(), source })?;
    }
    Ok(())
}

/// Cuts rows into transactions, counting each row and its unique values.
fn transactions(model: &Model, rows: Vec<Row>) -> Vec<Vec<Write>> {
    let mut transactions = Vec::new();
    let (mut writes, mut items) = (Vec::new(), 0);
    for row in rows {
        let write = Write::insert(model, row);
        let needed = 1 + write.takes().len();
        if items + needed > ITEMS_MAX {
            transactions.push(std::mem::take(&mut writes));
            items = 0;
        }
        items += needed;
        writes.push(write);
    }
    transactions.push(writes);
    transactions
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use silo::{MemorySilo, Pk};

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn organization(pk: Pk) -> String {
        format!(r#"{{"model": "sentry.organization", "pk": {pk}, "fields": {{"slug": "org-{pk}"}}}}"#)
    }

    fn instance() -> (MemorySilo, MemorySilo) {
        (MemorySilo::new(Catalog::builtin()), MemorySilo::new(Catalog::builtin()))
    }

    #[test]
    fn rows_go_to_their_silos_under_their_own_primary_keys() {
        let (cell, control) = instance();
        let silos = Silos { cell: &cell, control: &control };
        let user = r#"{"model": "sentry.user", "pk": 4, "fields": {"username": "ada"}}"#;
        let file = format!("[{},{user}]", organization(1000));
        assert_eq!(block_on(seed(silos, file.as_bytes())).unwrap(), 2);

        let catalog = Catalog::builtin();
        for (silo, model, pk) in [(&cell, "sentry.organization", 1000), (&control, "sentry.user", 4)] {
            let model = catalog.find(model).unwrap();
            assert!(block_on(silo.get(model, &[pk])).unwrap().iter().all(Option::is_some));
            assert_eq!(block_on(silo.reserve(model, 1)).unwrap(), pk + 1, "the next one is above");
        }
    }

    #[test]
    fn a_row_of_an_unknown_model_is_not_lost_in_silence() {
        let (cell, control) = instance();
        let file = r#"[{"model": "sentry.gadget", "pk": 1, "fields": {}}]"#;
        let error = block_on(seed(Silos { cell: &cell, control: &control }, file.as_bytes())).unwrap_err();
        assert_eq!(error.to_string(), "row 1 is of `sentry.gadget`, which the catalogue does not know");
    }

    #[test]
    fn a_transaction_never_has_more_items_than_the_store_takes() {
        let catalog = Catalog::builtin();
        let model = catalog.find("sentry.organization").unwrap();
        let rows = (1..=200).map(|pk| serde_json::from_str::<FileRow>(&organization(pk)).unwrap());
        let rows: Vec<Row> = rows.map(|FileRow { pk, fields, .. }| Row::new(pk, fields)).collect();
        let transactions = transactions(model, rows);
        // Each has its row and its slug.
        assert!(transactions.iter().all(|writes| writes.len() * 2 <= ITEMS_MAX));
        assert_eq!(transactions.iter().map(Vec::len).sum::<usize>(), 200);
    }
}
