//! What all rows of an import have in common.

use catalog::{Catalog, ImportScope, Model};
use silo::ImportPlan;

use super::fields::Defaults;
use super::foresight::Foresight;
use super::plan::PlannedPks;
use super::random::RowRandom;

/// The decisions that an import rests on, and the catalogue that they are about.
#[derive(Clone, Copy)]
pub(crate) struct ImportContext<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) plan: &'a ImportPlan,
    /// The plan's time as rows have it.
    pub(crate) now: &'a str,
    /// What is known of the file beforehand.
    pub(crate) foresight: &'a Foresight,
}

impl<'a> ImportContext<'a> {
    /// Whether this is anything but a copy of a whole instance.
    pub(crate) fn is_outside_global(&self) -> bool {
        self.plan.scope != ImportScope::Global
    }

    /// The primary keys that rows get.
    pub(crate) fn pks(&self) -> PlannedPks<'a> {
        PlannedPks { catalog: self.catalog, plan: self.plan, foresight: self.foresight }
    }

    /// Where the random values of a row come from.
    pub(crate) fn random<'m>(&self, model: &'m Model, ordinal: u64) -> RowRandom<'m>
    where
        'a: 'm,
    {
        RowRandom { key: &self.plan.key, model: &model.name, ordinal, maker: "" }
    }

    /// Where the random values of a row come from that is made with a row of the file.
    pub(crate) fn random_of_made<'m>(&self, made: &'m Model, maker: &'m Model, ordinal: u64) -> RowRandom<'m>
    where
        'a: 'm,
    {
        RowRandom { maker: &maker.name, ..self.random(made, ordinal) }
    }

    /// What the defaults of a row are made from.
    pub(crate) fn defaults<'m>(&self, model: &'m Model, ordinal: u64) -> Defaults<'m>
    where
        'a: 'm,
    {
        Defaults { now: self.now, random: self.random(model, ordinal) }
    }
}
