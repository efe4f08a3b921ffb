//! Which primary key each row of the file has now.

use std::collections::HashMap;

use catalog::{Catalog, ModelId};
use silo::{ImportChunk, ImportKind, Pk};

use super::pk_runs::PkRuns;

/// The primary keys of everything imported so far, and the names that inserted rows were given.
///
/// Planned primary keys follow each other as those of a file mostly do (DESIGN §3, "arithmetic plus exceptions"), so
/// that it is small.
#[derive(Debug)]
pub struct PkMap {
    models: Vec<PkRuns<ImportKind>>,
    identifiers: Vec<HashMap<Pk, String>>,
}

impl PkMap {
    /// An empty map.
    pub fn new(catalog: &Catalog) -> Self {
        let models = catalog.models().len();
        Self { models: vec![PkRuns::default(); models], identifiers: vec![HashMap::new(); models] }
    }

    /// What became of a row of the file.
    pub fn get(&self, model: ModelId, source: Pk) -> Option<(Pk, ImportKind)> {
        self.models.get(model.index())?.get(source)
    }

    /// The name that an inserted row was given, by its primary key here.
    pub fn identifier(&self, model: ModelId, pk: Pk) -> Option<&str> {
        self.identifiers.get(model.index())?.get(&pk).map(String::as_str)
    }

    /// Adds what a chunk says.
    pub fn learn(&mut self, model: ModelId, chunk: &ImportChunk) {
        if let Some(rows) = self.models.get_mut(model.index()) {
            for row in &chunk.mapped {
                rows.insert(row.source, row.pk, row.kind);
            }
        }
        if let Some(identifiers) = self.identifiers.get_mut(model.index()) {
            identifiers.extend(chunk.identifiers.iter().map(|(pk, name)| (*pk, name.clone())));
        }
    }

    /// The rows of a model, as (primary key in the file, primary key here, how it got it), by the first.
    pub fn rows(&self, model: ModelId) -> impl Iterator<Item = (Pk, Pk, ImportKind)> + '_ {
        self.models.get(model.index()).into_iter().flat_map(PkRuns::iter)
    }
}
