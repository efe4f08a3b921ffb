//! Which rows depend on which, by the keys that a silo itself keeps.

use catalog::{Catalog, Key, KeyKind, Model, OnDelete};

/// The keys of the same silo that lead to rows of a model and say something of them, deepest first: a model's keys lead
/// to models above it in the catalogue, so that the last model comes first.
pub(crate) fn dependents<'a>(
    catalog: &'a Catalog,
    target: &'a Model,
) -> impl Iterator<Item = (&'a Model, &'a Key, OnDelete)> {
    let models = catalog.models().iter().rev();
    let keys = models.flat_map(|model| model.keys.iter().map(move |key| (model, key)));
    keys.filter_map(move |(model, key)| {
        let leads_here = key.kind == KeyKind::Local && key.target == Some(target.id);
        key.on_delete.filter(|_| leads_here).map(|on_delete| (model, key, on_delete))
    })
}
