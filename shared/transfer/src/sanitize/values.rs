//! Values by what their fields are to hold, before anything is made of them.

use std::net::IpAddr;

use catalog::FieldKind;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::treatment::Form;
use crate::dates;

/// What a field should have held.
pub(crate) type Expected = &'static str;

/// The text that a field holds.
pub(crate) fn text(value: &Value) -> Result<&str, Expected> {
    value.as_str().ok_or("text")
}

/// The text of this form that a field holds.
pub(crate) fn formed(form: Form, value: &Value) -> Result<&str, Expected> {
    let text = value.as_str().unwrap_or_default();
    match form {
        // An empty text stays, as it does everywhere.
        _ if value.is_string() && text.is_empty() => Ok(text),
        Form::Ip => text.parse::<IpAddr>().map(|_| text).map_err(|_| "an IP address"),
        // A URN is one too, but its first words are no part of the value, and would not stay.
        Form::Uuid if text.contains(':') => Err("a UUID"),
        Form::Uuid => uuid::Uuid::try_parse(text).map(|_| text).map_err(|_| "a UUID"),
    }
}

/// The instant that a field holds, to the millisecond; none for what moves nowhere: an empty text, or the end of time,
/// by which some mean "never".
pub(crate) fn date(value: &Value) -> Result<Option<Timestamp>, Expected> {
    const EXPECTED: Expected = "a date and time";
    let text = value.as_str().ok_or(EXPECTED)?;
    if text.is_empty() {
        return Ok(None);
    }
    let instant = dates::instant(text).ok_or(EXPECTED)?;
    if instant == Timestamp::MAX {
        return Ok(None);
    }
    Timestamp::from_millisecond(instant.as_millisecond()).map(Some).map_err(|_| EXPECTED)
}

/// Refuses what a field that stays must not hold: a text where a number is due could be anything about anybody.
pub(crate) fn kept(kind: FieldKind, value: &Value) -> Result<(), Expected> {
    match kind {
        FieldKind::Bool if !value.is_boolean() => Err("true or false"),
        FieldKind::Int | FieldKind::Key(_) if !value.is_i64() => Err("a whole number within 64 bits"),
        FieldKind::Float if !value.is_number() => Err("a number"),
        FieldKind::Text(_) if !value.is_string() => Err("text"),
        _ => Ok(()),
    }
}

/// An empty value of the same type. Text that holds a serialised list, object or text holds an empty one then.
pub(crate) fn emptied(kind: FieldKind, value: &Value) -> Result<Value, Expected> {
    match value {
        Value::String(text) => Ok(Value::from(match text.trim_start().chars().next() {
            Some('[') => "[]",
            Some('{') => "{}",
            Some('"') => "\"\"",
            _ => "",
        })),
        _ if matches!(kind, FieldKind::Text(_)) => Err("text"),
        Value::Array(_) => Ok(Value::Array(Vec::new())),
        Value::Object(_) => Ok(Value::Object(Map::new())),
        _ => Err("text, a list or an object"),
    }
}

/// Replaces every text in a value; the names in objects stay.
pub(crate) fn replace_texts(value: &mut Value, replace: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = replace(text),
        Value::Array(values) => values.iter_mut().for_each(|value| replace_texts(value, replace)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace_texts(value, replace)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
