//! What sanitising did.

use std::collections::BTreeMap;

use catalog::Catalog;
use serde::{Deserialize, Serialize};

use super::row::LookAlike;
use crate::import::count_unknown;

/// Counts of what was written and of what was left out.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SanitizeReport {
    /// Rows that were written.
    pub rows: u64,
    /// Those rows by model.
    pub models: BTreeMap<String, u64>,
    /// Rows that were left out because their model never relocates, by model.
    pub excluded_models: BTreeMap<String, u64>,
    /// Rows that were left out because the catalogue does not know their model, by model, up to
    /// [`UNKNOWN_NAMED_MAX`](crate::import::UNKNOWN_NAMED_MAX); those that newer versions dropped do not count.
    pub unknown_models: BTreeMap<String, u64>,
    /// Fields that were left out because the catalogue does not know them, by model and field, with the number of
    /// rows that had them; as many.
    pub unknown_fields: BTreeMap<String, u64>,
    /// Dates that are what they were: those that lie within two milliseconds of others, since all keep their order, and
    /// those at the end of time.
    pub unmoved_dates: u64,
}

impl SanitizeReport {
    /// Counts a row that is written, and what of it is not or not otherwise.
    pub(crate) fn count(&mut self, catalog: &Catalog, model: &str, made: &LookAlike) {
        self.rows += 1;
        self.unmoved_dates += made.unmoved_dates;
        match self.models.get_mut(model) {
            Some(rows) => *rows += 1,
            None => drop(self.models.insert(model.to_owned(), 1)),
        }
        for field in made.unknown.iter().filter(|field| !catalog.is_removed_field(model, field)) {
            count_unknown(&mut self.unknown_fields, &format!("{model}.{field}"));
        }
    }

    /// Counts a row that is not written.
    pub(crate) fn leave_out(&mut self, catalog: &Catalog, model: &str) {
        if catalog.find(model).is_some() {
            *self.excluded_models.entry(model.to_owned()).or_insert(0) += 1;
        } else if !catalog.is_removed_model(model) {
            count_unknown(&mut self.unknown_models, model);
        }
    }
}
