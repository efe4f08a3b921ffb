//! From the fields that a file has to the fields that its model has.

use std::net::IpAddr;

use catalog::{AutomaticValue, Catalog, Field, FieldKind, Model, Rule};
use serde_json::Value;
use silo::Fields;

use super::error::RowProblem;
use super::random::RowRandom;
use crate::dates;

/// What the defaults of missing fields are made from.
#[derive(Clone, Copy)]
pub(crate) struct Defaults<'a> {
    pub(crate) now: &'a str,
    pub(crate) random: RowRandom<'a>,
}

/// Makes the fields that a file has the fields that the model has, each checked; returns the names of those that
/// the model does not have (what newer versions dropped is left out in silence, SPEC §7).
pub(crate) fn normalise(
    catalog: &Catalog,
    model: &Model,
    fields: &mut Fields,
    defaults: Defaults<'_>,
) -> Result<Vec<String>, RowProblem> {
    for (name, field) in &model.fields {
        match fields.get_mut(name) {
            None => drop(fields.insert(name.clone(), default(name, field, defaults)?)),
            Some(Value::Null) if field.nullable || field.kind == FieldKind::Any => {}
            Some(value) => check_and_tidy(model, name, field, value)?,
        }
    }
    if fields.len() == model.fields.len() {
        return Ok(Vec::new());
    }
    let unknown = fields.keys().filter(|name| !model.fields.contains_key(*name));
    let mut unknown: Vec<String> = unknown.cloned().collect();
    for name in &unknown {
        fields.remove(name);
    }
    unknown.retain(|name| !catalog.is_removed_field(&model.name, name));
    Ok(unknown)
}

fn default(name: &str, field: &Field, defaults: Defaults<'_>) -> Result<Value, RowProblem> {
    match &field.default {
        Some(value) => made(value, name, defaults)
            .ok_or_else(|| RowProblem::validation(format!("`{name}` has no default on its own"))),
        None if field.nullable => Ok(Value::Null),
        None if field.kind == FieldKind::Json => Ok(Value::Object(Fields::new())),
        None => Err(RowProblem::validation(format!("`{name}` is missing"))),
    }
}

/// A value that does not depend on a parent row.
pub(crate) fn made(value: &AutomaticValue, name: &str, defaults: Defaults<'_>) -> Option<Value> {
    let text = match value {
        AutomaticValue::Literal(value) => return Some(value.clone()),
        AutomaticValue::Now => defaults.now.to_owned(),
        AutomaticValue::Alnum(length) => defaults.random.draw(name, 0).alnum(*length),
        AutomaticValue::Hex(length) => defaults.random.draw(name, 0).hex(*length),
        AutomaticValue::ParentPk | AutomaticValue::ParentField(_) => return None,
    };
    Some(Value::String(text))
}

fn check_and_tidy(model: &Model, name: &str, field: &Field, value: &mut Value) -> Result<(), RowProblem> {
    match check(name, field, value) {
        Err(problem) if is_validated(model, name) => Err(RowProblem::validation(problem.reason)),
        Ok(()) => {
            tidy(field, value);
            Ok(())
        }
        Err(problem) => Err(problem),
    }
}

/// Dates are kept in UTC with milliseconds.
fn tidy(field: &Field, value: &mut Value) {
    if field.kind == FieldKind::Date
        && let Value::String(text) = value
        && let Some(normal) = dates::normalised(text)
    {
        *text = normal;
    }
}

fn is_validated(model: &Model, name: &str) -> bool {
    model.rules.iter().any(
        |rule| matches!(rule, Rule::InvalidIsValidationError(fields) if fields.iter().any(|field| field == name)),
    )
}

fn check(name: &str, field: &Field, value: &Value) -> Result<(), RowProblem> {
    let wrong = |expected: &str| Err(RowProblem::deserialization(format!("`{name}` is not {expected}")));
    match (field.kind, value) {
        (FieldKind::Json | FieldKind::Any, _) => Ok(()),
        (_, Value::Null) => Err(RowProblem::validation(format!("`{name}` is null"))),
        (FieldKind::Bool, Value::Bool(_)) | (FieldKind::Float, Value::Number(_)) => Ok(()),
        (FieldKind::Bool, _) => wrong("true or false"),
        (FieldKind::Int | FieldKind::Key(_), Value::Number(number)) if number.is_i64() => Ok(()),
        (FieldKind::Int | FieldKind::Key(_), _) => wrong("a whole number within 64 bits"),
        (FieldKind::Float, _) => wrong("a number"),
        (FieldKind::Text(length_max), Value::String(text)) => check_length(name, text, length_max),
        (FieldKind::Text(_), _) => wrong("text"),
        (FieldKind::Uuid, Value::String(text)) if uuid::Uuid::try_parse(text).is_ok() => Ok(()),
        (FieldKind::Uuid, _) => wrong("a UUID"),
        (FieldKind::Ip, Value::String(text)) if text.parse::<IpAddr>().is_ok() => Ok(()),
        (FieldKind::Ip, Value::String(_)) => {
            Err(RowProblem::validation(format!("`{name}` is no valid IP address")))
        }
        (FieldKind::Ip, _) => wrong("an IP address"),
        (FieldKind::Date, Value::String(text)) if dates::instant(text).is_some() => Ok(()),
        (FieldKind::Date, _) => wrong("a date and time"),
    }
}

fn check_length(name: &str, text: &str, length_max: Option<usize>) -> Result<(), RowProblem> {
    let Some(length_max) = length_max else { return Ok(()) };
    // A text has at most as many characters as bytes: most need no counting.
    if text.len() <= length_max || text.chars().count() <= length_max {
        return Ok(());
    }
    Err(RowProblem::validation(format!("`{name}` is longer than {length_max} characters")))
}
