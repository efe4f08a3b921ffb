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
use silo::{Fields, Pk};
use transfer::rows::RowWriter;

pub use blueprint::{Blueprint, BlueprintError, Prefix};

use place::Place;
use recipes::{Per, Recipe};

/// The rows that one recipe makes; the recipes of a model follow each other.
struct Table<'a> {
    model: &'a Model,
    recipe: &'static Recipe,
    /// How many primary keys the recipes before this one took.
    pk_offset: Pk,
}

/// Makes the export that a blueprint describes.
#[derive(Debug)]
pub struct Generator {
    catalog: Arc<Catalog>,
    blueprint: Blueprint,
}

impl Generator {
    /// A generator of rows of the catalogue's models; those that there is no recipe for get none.
    ///
    /// # Errors
    /// The blueprint contradicts itself.
    pub fn new(catalog: Arc<Catalog>, blueprint: Blueprint) -> Result<Self, BlueprintError> {
        blueprint.check()?;
        Ok(Self { catalog, blueprint })
    }

    /// How many rows the export has.
    pub fn rows(&self) -> u64 {
        self.tables().iter().map(|table| self.rows_of(table.recipe)).sum()
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
        for table in self.tables() {
            for organization in 0..self.repeats(table.recipe) {
                for index in 0..self.blueprint.rows_in(table.recipe.rows) {
                    let (pk, fields) = self.row(&table, organization, index);
                    writer.write(&table.model.name, pk, &fields)?;
                    progress();
                }
            }
        }
        writer.finish()
    }

    fn row(&self, table: &Table<'_>, organization: u64, index: u64) -> (Pk, Fields) {
        let place = Place::new(self, table.model, organization, index);
        let pk = self.pk(table.recipe, organization, index).saturating_add(table.pk_offset);
        (pk, place.fields(table.recipe))
    }

    /// The rows of every recipe, in the order of the file.
    fn tables(&self) -> Vec<Table<'_>> {
        let mut tables = Vec::new();
        for model in self.catalog.models() {
            let mut pk_offset = 0;
            for recipe in recipes::of(&model.name) {
                tables.push(Table { model, recipe, pk_offset });
                pk_offset += Pk::try_from(self.rows_of(recipe)).unwrap_or(Pk::MAX);
            }
        }
        tables
    }

    fn rows_of(&self, recipe: &Recipe) -> u64 {
        self.blueprint.rows_in(recipe.rows) * self.repeats(recipe)
    }

    /// How often the rows of a recipe come: once per organisation, or once in all.
    fn repeats(&self, recipe: &Recipe) -> u64 {
        match recipe.rows {
            Per::Instance(_) => 1,
            _ => self.blueprint.organizations(),
        }
    }

    /// Organisations have equally many rows of a model, so that primary keys are arithmetic.
    fn pk(&self, recipe: &Recipe, organization: u64, index: u64) -> Pk {
        let rows = self.blueprint.rows_in(recipe.rows);
        Pk::try_from(organization * rows + index + 1).unwrap_or(Pk::MAX)
    }
}
