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

/// Takes each field of the model out of the file's fields, checked; returns them, and the names of fields
/// that the model does not have (those that newer versions dropped are left out in silence, SPEC §7).
pub(crate) fn normalise(
    catalog: &Catalog,
    model: &Model,
    mut given: Fields,
    defaults: Defaults<'_>,
) -> Result<(Fields, Vec<String>), RowProblem> {
    let mut fields = Fields::new();
    for (name, field) in &model.fields {
        let value = match given.remove(name) {
            None => default(name, field, defaults)?,
            Some(Value::Null) if field.nullable || field.kind == FieldKind::Any => Value::Null,
            Some(value) => checked(model, name, field, value)?,
        };
        fields.insert(name.clone(), value);
    }
    let unknown = given.into_iter().map(|(name, _)| name);
    let unknown = unknown.filter(|name| !catalog.is_removed_field(&model.name, name)).collect();
    Ok((fields, unknown))
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

fn checked(model: &Model, name: &str, field: &Field, value: Value) -> Result<Value, RowProblem> {
    match check(name, field, value) {
        Err(problem) if is_validated(model, name) => Err(RowProblem::validation(problem.reason)),
        checked => checked,
    }
}

fn is_validated(model: &Model, name: &str) -> bool {
    model.rules.iter().any(
        |rule| matches!(rule, Rule::InvalidIsValidationError(fields) if fields.iter().any(|field| field == name)),
    )
}

fn check(name: &str, field: &Field, value: Value) -> Result<Value, RowProblem> {
    let wrong = |expected: &str| Err(RowProblem::deserialization(format!("`{name}` is not {expected}")));
    match (field.kind, &value) {
        (FieldKind::Json | FieldKind::Any, _) => Ok(value),
        (_, Value::Null) => Err(RowProblem::validation(format!("`{name}` is null"))),
        (FieldKind::Bool, Value::Bool(_)) => Ok(value),
        (FieldKind::Bool, _) => wrong("true or false"),
        (FieldKind::Int | FieldKind::Key(_), Value::Number(number)) if number.is_i64() => Ok(value),
        (FieldKind::Int | FieldKind::Key(_), _) => wrong("a whole number within 64 bits"),
        (FieldKind::Float, Value::Number(_)) => Ok(value),
        (FieldKind::Float, _) => wrong("a number"),
        (FieldKind::Text(length_max), Value::String(text)) => {
            check_length(name, text, length_max)?;
            Ok(value)
        }
        (FieldKind::Text(_), _) => wrong("text"),
        (FieldKind::Uuid, Value::String(text)) if uuid::Uuid::try_parse(text).is_ok() => Ok(value),
        (FieldKind::Uuid, _) => wrong("a UUID"),
        (FieldKind::Ip, Value::String(text)) if text.parse::<IpAddr>().is_ok() => Ok(value),
        (FieldKind::Ip, Value::String(_)) => {
            Err(RowProblem::validation(format!("`{name}` is no valid IP address")))
        }
        (FieldKind::Ip, _) => wrong("an IP address"),
        (FieldKind::Date, Value::String(text)) => match dates::instant(text) {
            Some(_) => Ok(dates::normalised(text).map_or(value, Value::String)),
            None => wrong("a date and time"),
        },
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
