//! Rows that come into being with other rows (SPEC §7, "Rows made automatically").

use catalog::{Automatic, AutomaticValue, FieldKind, Model, Rule};
use serde_json::Value;
use silo::{Fields, Pk};

use super::context::ImportContext;
use super::fields::{Defaults, made};

/// The primary key of the row that was made with the target of a row's key, for models whose first row
/// replaces it.
pub(crate) fn automatic_pk(context: ImportContext<'_>, model: &Model, fields: &Fields) -> Option<Pk> {
    let key = model.rules.iter().find_map(|rule| match rule {
        Rule::ReplaceFirstAutomatic(key) => Some(key),
        _ => None,
    })?;
    let maker = context.catalog.model(model.key(key)?.target?);
    let pks = context.pks();
    let ordinal = pks.ordinal(maker, fields.get(key).and_then(Value::as_i64)?)?;
    pks.automatic(model, maker, ordinal)
}

/// The fields of a row that is made with another one, whose primary key and fields are given.
pub(crate) fn automatic_fields(
    model: &Model,
    automatic: &Automatic,
    (parent_pk, parent): (Pk, &Fields),
    defaults: Defaults<'_>,
) -> Fields {
    let value = |name: &str, field: &catalog::Field| {
        let given = automatic.fields.iter().find(|(given, _)| given == name).map(|(_, value)| value);
        match given.or(field.default.as_ref()) {
            Some(AutomaticValue::ParentPk) => Value::from(parent_pk),
            Some(AutomaticValue::ParentField(field)) => parent.get(field).cloned().unwrap_or(Value::Null),
            Some(value) => made(value, name, defaults).unwrap_or(Value::Null),
            None if field.kind == FieldKind::Json => Value::Object(Fields::new()),
            None => Value::Null,
        }
    };
    model.fields.iter().map(|(name, field)| (name.clone(), value(name, field))).collect()
}
