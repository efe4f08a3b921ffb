//! How many rows took which way, by model in the order of the catalogue.

use transfer::import::ModelReport;

use crate::Report;

/// Counts by model, and of all together.
pub(crate) struct Counts<'a> {
    pub(crate) models: Vec<(&'a str, ModelReport)>,
    pub(crate) total: ModelReport,
}

impl<'a> Counts<'a> {
    pub(crate) fn of(report: Report<'a>) -> Self {
        let counts = &report.import.models;
        let models = report.catalog.models().iter();
        let models =
            models.filter_map(|model| Some((model.name.as_str(), *counts.get(&model.name)?))).collect();
        Self { models, total: report.import.total() }
    }
}

/// A way that rows take.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) count: fn(&ModelReport) -> u64,
}

/// The ways by which rows are told apart: each row takes one.
pub(crate) const WAYS: [Way; 5] = [
    Way { name: "inserted", count: |counts| counts.inserted },
    Way { name: "reused", count: |counts| counts.existing },
    Way { name: "overwritten", count: |counts| counts.overwritten },
    Way { name: "dropped", count: |counts| counts.dropped },
    Way { name: "left out", count: ModelReport::left_out },
];
