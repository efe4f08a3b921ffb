//! Cuts the rows of a file into batches, by the file and the plan alone (DESIGN §3): the same import has the same
//! batches in every run.

use std::collections::HashMap;
use std::io::Read;

use catalog::{Catalog, ModelId};

use silo::{ImportPlan, TRANSACTION_BYTES};

use super::plan::{original_bytes_max, rows_per_transaction};
use crate::rows::{FileRow, ReadError, RowReader};

/// Consecutive rows of one model.
pub(crate) struct Batch {
    /// The model by name; the catalogue may not know it.
    pub(crate) model: String,
    /// The ordinal of the first row among the rows of its model in the file.
    pub(crate) min_ordinal: u64,
    pub(crate) rows: Vec<FileRow>,
}

pub(crate) struct Batches<'a, R> {
    catalog: &'a Catalog,
    plan: &'a ImportPlan,
    reader: RowReader<R>,
    /// The row that ended the last batch, with its length.
    pending: Option<(FileRow, usize)>,
    ordinals: HashMap<ModelId, u64>,
}

impl<'a, R: Read> Batches<'a, R> {
    pub(crate) fn new(catalog: &'a Catalog, plan: &'a ImportPlan, reader: RowReader<R>) -> Self {
        Self { catalog, plan, reader, pending: None, ordinals: HashMap::new() }
    }

    /// The next batch; none at the end of the file.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, ReadError> {
        let Some((first, first_bytes)) = self.take_row()? else { return Ok(None) };
        let model = self.catalog.find(&first.model);
        let items = self.plan.transaction_items;
        let rows_max = model.map_or(1, |model| rows_per_transaction(self.catalog, model, items));
        let original = model.map_or(0, |model| original_bytes_max(model, self.plan.flags));
        let mut bytes = first_bytes + original;
        let mut batch = Batch { model: first.model.clone(), min_ordinal: 1, rows: vec![first] };
        while batch.rows.len() < rows_max {
            let Some((row, row_bytes)) = self.take_row()? else { break };
            if row.model != batch.model || bytes + row_bytes + original > TRANSACTION_BYTES {
                self.pending = Some((row, row_bytes));
                break;
            }
            bytes += row_bytes + original;
            batch.rows.push(row);
        }
        if let Some(model) = model {
            let before = self.ordinals.entry(model.id).or_insert(0);
            batch.min_ordinal = *before + 1;
            *before += batch.rows.len() as u64;
        }
        Ok(Some(batch))
    }

    fn take_row(&mut self) -> Result<Option<(FileRow, usize)>, ReadError> {
        if let Some(pending) = self.pending.take() {
            return Ok(Some(pending));
        }
        let row = self.reader.next_row()?;
        Ok(row.map(|row| (row, self.reader.row_bytes())))
    }
}
