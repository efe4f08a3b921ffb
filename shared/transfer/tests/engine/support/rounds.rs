//! There and back: what an import and an export make of a file, against what went in.

use std::collections::BTreeSet;

use catalog::{ImportScope, ModelId};
use futures::executor::block_on;
use silo::{Filter, Pk};
use transfer::compare::compare_rows;
use transfer::export::{ExportRequest, export};
use transfer::findings::Finding;
use transfer::import::ImportOutcome;
use transfer::rows::{FileRow, RowReader};

use super::Instance;

impl Instance {
    /// An instance in which the rows of a file stand as they are.
    pub(crate) fn loaded(file: &[u8]) -> Self {
        let instance = Self::new();
        for row in rows(file) {
            instance.put(&row.model, row.pk, row.fields.into());
        }
        instance
    }

    /// An export of everything in a scope.
    pub(crate) fn export_file(&self, scope: ImportScope) -> Vec<u8> {
        let request = ExportRequest { scope, filter: Filter::All };
        block_on(export(self.silos(), &request, Vec::new())).unwrap().0
    }

    /// The rows of an export of everything in a scope.
    pub(crate) fn export(&self, scope: ImportScope) -> Vec<FileRow> {
        rows(&self.export_file(scope))
    }

    /// What a comparison says.
    pub(crate) fn compare(&self, left: &[FileRow], right: &[FileRow]) -> Vec<Finding> {
        let all = |rows: &[FileRow]| rows.iter().cloned().map(Ok).collect::<Vec<_>>();
        compare_rows(&self.catalog, all(left), all(right)).unwrap()
    }

    /// The rows of the file that have a primary key here, and the rows here that have it.
    pub(crate) fn met(&self, outcome: &ImportOutcome) -> (Met, Met) {
        let (mut left, mut right) = (Met::default(), Met::default());
        for model in self.catalog.models() {
            for (source, pk, _) in outcome.pk_map.rows(model.id) {
                left.0.insert((model.id, source));
                right.0.insert((model.id, pk));
            }
        }
        (left, right)
    }
}

/// Rows of one side that met a row of the other.
#[derive(Default)]
pub(crate) struct Met(BTreeSet<(ModelId, Pk)>);

impl Met {
    /// Those among these rows.
    pub(crate) fn of(&self, instance: &Instance, rows: &[FileRow]) -> Vec<FileRow> {
        let met = |row: &&FileRow| self.0.contains(&(instance.catalog.find(&row.model).unwrap().id, row.pk));
        rows.iter().filter(met).cloned().collect()
    }
}

pub(crate) fn rows(file: &[u8]) -> Vec<FileRow> {
    let mut reader = RowReader::new(file);
    std::iter::from_fn(|| reader.next_row().unwrap()).collect()
}
