//! The first pass over a file: how many rows of each model it has, and which of them a filter admits.

mod graph;

use std::collections::BTreeMap;
use std::io::Read;

use catalog::{Catalog, ModelId};
use silo::Filter;

use self::graph::Graph;
use super::report::count_unknown;
use crate::rows::{ReadError, RowReader};

/// What a file holds.
#[derive(Debug)]
pub struct Census {
    counts: Vec<u64>,
    unknown: BTreeMap<String, u64>,
    admitted: Option<Vec<Vec<bool>>>,
}

impl Census {
    /// Reads a file to its end.
    ///
    /// Without a filter it keeps counts only; with one, where the keys of every row lead: four bytes a key.
    ///
    /// # Errors
    /// The file cannot be read or is no array of rows.
    pub fn take<R: Read>(
        catalog: &Catalog,
        rows: &mut RowReader<R>,
        filter: &Filter,
    ) -> Result<Census, ReadError> {
        let mut counts = vec![0; catalog.models().len()];
        let mut unknown = BTreeMap::new();
        let mut graph = match (filter, catalog.tenancy()) {
            (Filter::All, _) | (_, None) => None,
            (_, Some(tenancy)) => Some(Graph::new(catalog, tenancy)),
        };
        while let Some(outline) = rows.next_outline()? {
            let Some(model) = catalog.find(outline.model()) else {
                if !catalog.is_removed_model(outline.model()) {
                    count_unknown(&mut unknown, outline.model());
                }
                continue;
            };
            if let Some(count) = counts.get_mut(model.id.index()) {
                *count += 1;
            }
            if let Some(graph) = &mut graph {
                let fields = outline.fields(graph.wanted(model.id))?;
                graph.add(model, outline.pk(), &fields);
            }
        }
        Ok(Census { counts, unknown, admitted: graph.map(|graph| graph.admitted(filter)) })
    }

    /// How many rows of a model the file has.
    pub fn rows(&self, model: ModelId) -> u64 {
        self.counts.get(model.index()).copied().unwrap_or(0)
    }

    /// Rows of models that the catalogue does not know, by model; models that newer versions dropped do not
    /// count.
    pub fn unknown_models(&self) -> &BTreeMap<String, u64> {
        &self.unknown
    }

    /// Whether the filter admits a row, by its position among the rows of its model, from 1.
    pub fn admits(&self, model: ModelId, ordinal: u64) -> bool {
        let Some(admitted) = &self.admitted else { return true };
        let position = usize::try_from(ordinal).ok().and_then(|ordinal| ordinal.checked_sub(1));
        let rows = admitted.get(model.index());
        position.and_then(|position| rows?.get(position)).copied().unwrap_or(true)
    }
}
