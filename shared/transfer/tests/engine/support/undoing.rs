//! An instance without an import, worked out from what the import left of itself.

use std::sync::Arc;

use futures::executor::block_on;
use silo::{JournalEntry, Pk, Silo, StoreError, Traces, UniqueKey};
use transfer::import::ImportRequest;

use super::Instance;

/// What an import left of itself: in the cell, and in control.
#[derive(Clone)]
pub(crate) struct Left {
    pub(crate) cell: Traces,
    pub(crate) control: Traces,
}

impl Left {
    pub(crate) fn of(request: &ImportRequest, instance: &Instance) -> Self {
        let read = |silo| block_on(Traces::read(silo, request.import)).unwrap();
        Self { cell: read(&instance.cell), control: read(&instance.control) }
    }

    /// The instance without the import.
    pub(crate) fn undone(&self, instance: &Instance) -> Result<Instance, StoreError> {
        Ok(Instance {
            catalog: Arc::clone(&instance.catalog),
            cell: block_on(self.cell.undone(&instance.cell))?,
            control: block_on(self.control.undone(&instance.control))?,
        })
    }

    pub(crate) fn journal(&self) -> impl Iterator<Item = &JournalEntry> {
        self.cell.journal.iter().chain(&self.control.journal)
    }

    /// The same but for one entry of the two journals together.
    pub(crate) fn without(&self, entry: &JournalEntry) -> Self {
        let mut left = self.clone();
        for traces in [&mut left.cell, &mut left.control] {
            traces.journal.retain(|kept| kept != entry);
        }
        left
    }
}

/// Fails unless an instance without the import is what it was before, row for row and unique value for unique value.
pub(crate) fn assert_undone(before: &Instance, after: &Instance, request: &ImportRequest, when: &str) {
    let undone = Left::of(request, after).undone(after).unwrap();
    assert_eq!(undone.state(), before.state(), "{when}");
    let uniques: Vec<UniqueKey> = [before, after].into_iter().flat_map(uniques).collect();
    assert_eq!(holders(&undone, &uniques), holders(before, &uniques), "{when}");
}

/// The unique values of all rows.
pub(crate) fn uniques(instance: &Instance) -> Vec<UniqueKey> {
    let of_model = |(name, rows): (String, Vec<silo::Row>)| {
        let model = instance.catalog.find(&name).unwrap();
        rows.into_iter().flat_map(|row| UniqueKey::of(model, &row.fields)).collect::<Vec<_>>()
    };
    instance.state().into_iter().flat_map(of_model).collect()
}

pub(crate) fn holders(instance: &Instance, uniques: &[UniqueKey]) -> Vec<Option<Pk>> {
    let holder = |key: &UniqueKey| {
        let silo = instance.silos().of(instance.catalog.model(key.model));
        block_on(silo.holders(std::slice::from_ref(key))).unwrap().remove(0)
    };
    uniques.iter().map(holder).collect()
}
