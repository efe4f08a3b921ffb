//! The index over keys: which rows lead to a target.

use std::collections::{BTreeSet, VecDeque};

use catalog::ModelId;

use crate::Pk;

/// Model, slot of the key, target, and the row that leads there.
type Reference = (ModelId, usize, Pk, Pk);

/// What is seen of the index: all that happened, or what it has caught up with.
#[derive(Debug, Default)]
pub(super) struct References {
    seen: BTreeSet<Reference>,
    /// What an index that lags has not seen yet.
    late: Option<VecDeque<Change>>,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Insert(Reference),
    Remove(Reference),
}

impl References {
    pub(super) fn lagging() -> Self {
        Self { late: Some(VecDeque::new()), ..Self::default() }
    }

    pub(super) fn insert(&mut self, model: ModelId, slot: usize, target: Pk, pk: Pk) {
        self.note(Change::Insert((model, slot, target, pk)));
    }

    pub(super) fn remove(&mut self, model: ModelId, slot: usize, target: Pk, pk: Pk) {
        self.note(Change::Remove((model, slot, target, pk)));
    }

    /// The rows that lead to a target, from a primary key on.
    pub(super) fn to(
        &self,
        model: ModelId,
        slot: usize,
        target: Pk,
        from: Pk,
    ) -> impl Iterator<Item = Pk> + '_ {
        let range = (model, slot, target, from)..=(model, slot, target, Pk::MAX);
        self.seen.range(range).map(|(.., pk)| *pk)
    }

    pub(super) fn catch_up(&mut self, changes: usize) -> usize {
        let Some(late) = &mut self.late else { return 0 };
        let due: Vec<Change> = late.drain(..changes.min(late.len())).collect();
        let left = late.len();
        due.into_iter().for_each(|change| self.apply(change));
        left
    }

    fn note(&mut self, change: Change) {
        match &mut self.late {
            Some(late) => late.push_back(change),
            None => self.apply(change),
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Insert(reference) => drop(self.seen.insert(reference)),
            Change::Remove(reference) => drop(self.seen.remove(&reference)),
        };
    }
}
