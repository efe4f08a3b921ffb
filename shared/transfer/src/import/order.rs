//! Which batches may be written at the same time, without the outcome depending on which of them is faster
//! (DESIGN §3).

use std::collections::{HashMap, HashSet};

use catalog::{Catalog, Model, ModelId, Rule};
use silo::UniqueKey;

use super::row::Candidate;

/// For each model, the models whose earlier batches have to be written before one of its own is looked at.
pub(crate) struct WriteOrder {
    waits_for: Vec<Vec<ModelId>>,
}

impl WriteOrder {
    /// The order that a catalogue's keys and rules ask for.
    pub(crate) fn new(catalog: &Catalog) -> Self {
        let mut waits_for: Vec<HashSet<ModelId>> =
            catalog.models().iter().map(|model| targets(catalog, model).collect()).collect();
        for maker in catalog.models() {
            // A row of the file and the row that is made for the same thing look for each other.
            for made in maker.automatic.iter().chain(&maker.registered) {
                for (one, other) in [(maker.id, made.model), (made.model, maker.id)] {
                    if let Some(waits) = waits_for.get_mut(one.index()) {
                        waits.insert(other);
                    }
                }
            }
            if takes_turns(maker)
                && let Some(waits) = waits_for.get_mut(maker.id.index())
            {
                waits.insert(maker.id);
            }
        }
        Self { waits_for: waits_for.into_iter().map(|models| models.into_iter().collect()).collect() }
    }

    fn of(&self, model: &Model) -> &[ModelId] {
        self.waits_for.get(model.id.index()).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The models that a model's keys lead to.
fn targets<'a>(catalog: &'a Catalog, model: &'a Model) -> impl Iterator<Item = ModelId> + 'a {
    let soft = model.rules.iter().filter_map(|rule| match rule {
        Rule::SoftKey { target, .. } => catalog.find(target).map(|model| model.id),
        _ => None,
    });
    model.keys.iter().filter_map(|key| key.target).chain(soft)
}

/// Whether the batches of a model are written one after the other: names that are made up may be names that other
/// rows of the file have, and so may what is made with rows or registers them.
fn takes_turns(model: &Model) -> bool {
    let makes_names_up = model.rules.iter().any(|rule| matches!(rule, Rule::SuffixIfTaken(_)));
    makes_names_up
        || !model.registered.is_empty()
        || model.automatic.iter().any(|automatic| automatic.unless_taken)
}

/// What is being written at this moment.
#[derive(Default)]
pub(crate) struct InFlight {
    batches: HashMap<ModelId, usize>,
    values: HashSet<UniqueKey>,
}

impl InFlight {
    /// Whether a batch of this model has to wait before it is looked at.
    pub(crate) fn holds_back(&self, order: &WriteOrder, model: &Model) -> bool {
        order.of(model).iter().any(|waited| self.batches.contains_key(waited))
    }

    /// Whether some of these unique values are being written: whose row has them is decided in the order of the file.
    pub(crate) fn has_any(&self, candidates: &[Candidate]) -> bool {
        candidates.iter().flat_map(|candidate| &candidate.takes).any(|key| self.values.contains(key))
    }

    /// A batch is about to be written.
    pub(crate) fn begin(&mut self, model: &Model, candidates: &[Candidate]) {
        *self.batches.entry(model.id).or_insert(0) += 1;
        self.values.extend(candidates.iter().flat_map(|candidate| candidate.takes.iter().cloned()));
    }

    /// A batch was written, or failed.
    pub(crate) fn end(&mut self, model: &Model, candidates: &[Candidate]) {
        if let Some(batches) = self.batches.get_mut(&model.id) {
            *batches -= 1;
            if *batches == 0 {
                self.batches.remove(&model.id);
            }
        }
        for key in candidates.iter().flat_map(|candidate| &candidate.takes) {
            self.values.remove(key);
        }
    }
}
