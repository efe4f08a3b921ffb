//! Which primary key each row of the file has now.

use std::collections::HashMap;

use catalog::{Catalog, ModelId};
use silo::{ImportChunk, ImportKind, Mapped, Pk};

/// The primary keys of everything imported so far, and the names that inserted rows were given.
#[derive(Debug)]
pub struct PkMap {
    models: Vec<HashMap<Pk, (Pk, ImportKind)>>,
    identifiers: Vec<HashMap<Pk, String>>,
}

impl PkMap {
    /// An empty map.
    pub fn new(catalog: &Catalog) -> Self {
        let models = catalog.models().len();
        Self { models: vec![HashMap::new(); models], identifiers: vec![HashMap::new(); models] }
    }

    /// What became of a row of the file.
    pub fn get(&self, model: ModelId, source: Pk) -> Option<(Pk, ImportKind)> {
        self.models.get(model.index())?.get(&source).copied()
    }

    /// The name that an inserted row was given, by its primary key here.
    pub fn identifier(&self, model: ModelId, pk: Pk) -> Option<&str> {
        self.identifiers.get(model.index())?.get(&pk).map(String::as_str)
    }

    /// Adds what a chunk says.
    pub fn learn(&mut self, model: ModelId, chunk: &ImportChunk) {
        if let Some(map) = self.models.get_mut(model.index()) {
            map.extend(chunk.mapped.iter().map(|Mapped { source, pk, kind }| (*source, (*pk, *kind))));
        }
        if let Some(identifiers) = self.identifiers.get_mut(model.index()) {
            identifiers.extend(chunk.identifiers.iter().map(|(pk, name)| (*pk, name.clone())));
        }
    }

    /// The rows of a model, as (primary key in the file, primary key here, how it got it).
    pub fn rows(&self, model: ModelId) -> impl Iterator<Item = (Pk, Pk, ImportKind)> + '_ {
        let rows = self.models.get(model.index()).into_iter().flatten();
        rows.map(|(source, (pk, kind))| (*source, *pk, *kind))
    }
}
