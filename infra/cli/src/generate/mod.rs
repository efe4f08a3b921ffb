//! Makes valid exports of any size, row by row, without holding them.
//!
//! A [`Blueprint`] says what is wanted. The models, their fields, keys and defaults come from the catalogue;
//! [`recipes`] says how many rows of each model an organisation has and gives the values that make a row look
//! like one of a real instance. Every value is a function of the seed and the place of its row, so that a row
//! can be told of from anywhere: nothing is remembered, and equal blueprints give equal files.
//!
//! To add a model, add its recipe to the file in [`recipes`] that is about its part of an organisation. A test
//! fails while a model that relocates has none.

mod blueprint;
mod place;
mod recipes;
mod words;

use std::io::{self, Write};
use std::sync::Arc;

use catalog::{Catalog, Model};
use silo::Pk;
use transfer::rows::{FileRow, RowWriter};

pub use blueprint::{Blueprint, BlueprintError, Prefix};

use place::Place;
use recipes::{Recipe, Rows};

/// Makes the export that a blueprint describes.
#[derive(Debug)]
pub struct Generator {
    catalog: Arc<Catalog>,
    blueprint: Blueprint,
    /// For each model of the catalogue, in its order.
    recipes: Vec<Option<&'static Recipe>>,
}

impl Generator {
    /// A generator of rows of the catalogue's models; those that it has no recipe for get none.
    ///
    /// # Errors
    /// The blueprint contradicts itself.
    pub fn new(catalog: Arc<Catalog>, blueprint: Blueprint) -> Result<Self, BlueprintError> {
        blueprint.check()?;
        let recipes = catalog.models().iter().map(|model| recipes::find(&model.name)).collect();
        Ok(Self { catalog, blueprint, recipes })
    }

    /// How many rows the export has.
    pub fn rows(&self) -> u64 {
        self.tables().map(|(_, recipe)| self.blueprint.rows_in(recipe.rows) * self.repeats(recipe)).sum()
    }

    /// The slug of an organisation, counted from 0.
    pub fn slug(&self, organization: u64) -> String {
        self.blueprint.slug(organization)
    }

    /// The username of a user that comes with an organisation, both counted from 0.
    pub fn username(&self, organization: u64, user: u64) -> String {
        self.blueprint.username(organization, user)
    }

    /// Writes the export: models in dependency order, rows by primary key. `progress` learns of every row.
    ///
    /// # Errors
    /// The sink's.
    pub fn write<W: Write>(&self, sink: W, mut progress: impl FnMut()) -> io::Result<W> {
        let mut writer = RowWriter::new(sink);
        for (model, recipe) in self.tables() {
            let rows = self.blueprint.rows_in(recipe.rows);
            for organization in 0..self.repeats(recipe) {
                for index in 0..rows {
                    writer.write(&self.row(model, recipe, organization, index))?;
                    progress();
                }
            }
        }
        writer.finish()
    }

    fn row(&self, model: &Model, recipe: &Recipe, organization: u64, index: u64) -> FileRow {
        let place = Place::new(self, model, organization, index);
        let pk = self.pk(recipe, organization, index);
        FileRow { model: model.name.clone(), pk, fields: place.fields(recipe) }
    }

    fn tables(&self) -> impl Iterator<Item = (&Model, &'static Recipe)> {
        self.catalog
            .models()
            .iter()
            .zip(&self.recipes)
            .filter_map(|(model, recipe)| Some((model, (*recipe)?)))
    }

    /// How often the rows of a recipe come: once per organisation, or once in all.
    fn repeats(&self, recipe: &Recipe) -> u64 {
        match recipe.rows {
            Rows::PerInstance(_) => 1,
            _ => self.blueprint.organizations(),
        }
    }

    /// Organisations have equally many rows of a model, so that primary keys are arithmetic.
    fn pk(&self, recipe: &Recipe, organization: u64, index: u64) -> Pk {
        let rows = self.blueprint.rows_in(recipe.rows);
        Pk::try_from(organization * rows + index + 1).unwrap_or(Pk::MAX)
    }
}
