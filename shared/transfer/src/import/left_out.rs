//! Which rows scope and filter left out, so that a row that was dropped for want of one of them can say so.

use std::collections::HashSet;

use catalog::{Catalog, Model, ModelId};
use silo::Pk;

use super::pk_runs::PkRuns;
use super::report::{Absence, DropReason, Dropped};

/// Primary keys in the file of rows that were left out, by model, with the reason.
pub(super) struct LeftOut(Vec<PkRuns<Absence>>);

impl LeftOut {
    pub(super) fn new(catalog: &Catalog) -> Self {
        Self(vec![PkRuns::default(); catalog.models().len()])
    }

    pub(super) fn add(&mut self, model: &Model, source_pk: Pk, absence: Absence) {
        if let Some(rows) = self.0.get_mut(model.id.index()) {
            rows.insert(source_pk, source_pk, absence);
        }
    }

    /// Says of each dropped row what became of the target it missed. `seen` are the rows that scope and filter
    /// admit. Only after the whole file is read is it known what the file does not have.
    pub(super) fn explain(&self, catalog: &Catalog, seen: &[PkRuns<()>], dropped: &mut [Dropped]) {
        // Rows that were dropped come before those that were dropped because of them.
        let mut dropped_before: HashSet<(ModelId, Pk)> = HashSet::new();
        for row in dropped {
            if let DropReason::MissingTarget { model, source_pk, .. } = &row.reason {
                let target = catalog.find(model).map(|target| target.id);
                row.absence = Some(target.map_or(Absence::NeverImported, |target| {
                    if dropped_before.contains(&(target, *source_pk)) {
                        Absence::Dropped
                    } else {
                        self.absence(target, *source_pk, seen)
                    }
                }));
            }
            if let Some(model) = catalog.find(&row.model) {
                dropped_before.insert((model.id, row.source_pk));
            }
        }
    }

    fn absence(&self, target: ModelId, source_pk: Pk, seen: &[PkRuns<()>]) -> Absence {
        let is_seen = seen.get(target.index()).is_some_and(|rows| rows.get(source_pk).is_some());
        let left_out = self.0.get(target.index()).and_then(|rows| rows.get(source_pk));
        match left_out {
            Some((_, absence)) => absence,
            None if is_seen => Absence::Later,
            None => Absence::NotInFile,
        }
    }
}
