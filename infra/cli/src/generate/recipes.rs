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
    pub(super) rows: Rows,
    /// An object with the fields in which a row differs from what the catalogue says.
    pub(super) fields: fn(&Place<'_>) -> Value,
}

/// How many rows of a model there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows {
    /// So many in each organisation.
    PerOrganization(u64),
    /// So many for each user who comes with an organisation.
    PerUser(u64),
    /// So many for each user who is a member of an organisation.
    PerSeat(u64),
    /// So many for each member of an organisation, who may be invited and no user yet.
    PerMember(u64),
    /// So many for each team.
    PerTeam(u64),
    /// So many for each project.
    PerProject(u64),
    /// So many in all, and only when an instance is wanted.
    PerInstance(u64),
}

/// The recipe of a model.
pub(super) fn find(model: &str) -> Option<&'static Recipe> {
    static BY_MODEL: LazyLock<HashMap<&str, &Recipe>> = LazyLock::new(|| {
        let parts = [
            instance::RECIPES,
            organizations::RECIPES,
            people::RECIPES,
            projects::RECIPES,
            alerts::RECIPES,
            dashboards::RECIPES,
        ];
        parts.into_iter().flatten().map(|recipe| (recipe.model, recipe)).collect()
    });
    BY_MODEL.get(model).copied()
}

/// Rows about which the catalogue says all there is to say.
fn as_usual(_: &Place<'_>) -> Value {
    Value::Null
}
