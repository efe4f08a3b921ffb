//! How many rows of each model a generated organisation has, and what is in them.
//!
//! A recipe only says what the catalogue cannot: fields that are missing here have their default, keys that
//! must not be null lead to the organisation's rows of their target in turn, all else is null.

mod alerts;
mod dashboards;
mod instance;
mod organizations;
mod people;
mod projects;

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::place::Place;

/// How the rows of one model are made.
#[derive(Debug)]
pub(super) struct Recipe {
    /// The model.
    pub(super) model: &'static str,
    /// How many there are.
    pub(super) rows: Per,
    /// An object with the fields in which a row differs from what the catalogue says.
    pub(super) fields: fn(&Place<'_>) -> Value,
}

/// How many rows of a model there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Per {
    /// So many in each organisation.
    Organization(u64),
    /// So many for each user who comes with an organisation.
    User(u64),
    /// So many for each user who is a member of an organisation.
    Seat(u64),
    /// So many for each member of an organisation, who may be invited and no user yet.
    Member(u64),
    /// So many for each team.
    Team(u64),
    /// So many for each project.
    Project(u64),
    /// So many in all, and only when an instance is wanted.
    Instance(u64),
}

/// The recipes of a model, in the order of their rows.
pub(super) fn of(model: &str) -> &'static [&'static Recipe] {
    static BY_MODEL: LazyLock<HashMap<&str, Vec<&Recipe>>> = LazyLock::new(|| {
        let parts = [
            instance::RECIPES,
            organizations::RECIPES,
            people::RECIPES,
            projects::RECIPES,
            alerts::RECIPES,
            dashboards::RECIPES,
        ];
        let mut by_model: HashMap<&str, Vec<&Recipe>> = HashMap::new();
        for recipe in parts.into_iter().flatten() {
            by_model.entry(recipe.model).or_default().push(recipe);
        }
        by_model
    });
    BY_MODEL.get(model).map(Vec::as_slice).unwrap_or_default()
}

/// Rows about which the catalogue says all there is to say.
fn as_usual(_: &Place<'_>) -> Value {
    Value::Null
}
