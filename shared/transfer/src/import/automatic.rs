//! Rows that come into being with other rows (SPEC §7, "Rows made automatically").

use catalog::{Automatic, AutomaticValue, FieldKind, Model, Rule};
use serde_json::Value;
use silo::{Fields, Pk};

use super::context::ImportContext;
use super::fields::{Defaults, made};

/// The primary key of the row that was made with the target of a row's key, for models whose first row
/// replaces it.
pub(crate) fn first_automatic_pk(context: ImportContext<'_>, model: &Model, fields: &Fields) -> Option<Pk> {
    let key = model.rules.iter().find_map(|rule| match rule {
        Rule::ReplaceFirstAutomatic(key) => Some(key),
        _ => None,
    })?;
    pk_made_with(context, model, key, fields)
}

/// The primary key of the row that was made with the target of a row's key and has, for all that is known of it without
/// reading it, the row's natural key; for models whose rows replace such a row.
pub(crate) fn likely_automatic_pk(context: ImportContext<'_>, model: &Model, fields: &Fields) -> Option<Pk> {
    let natural_key = model.rules.iter().find_map(|rule| match rule {
        Rule::ReplaceAutomatic(natural_key) => Some(natural_key),
        _ => None,
    })?;
    let makings = context.catalog.models().iter().flat_map(|maker| &maker.automatic);
    let likely = |automatic: &&Automatic| {
        automatic.model == model.id
            && automatic.fields.iter().all(|(name, value)| match value {
                AutomaticValue::Literal(value) if natural_key.contains(name) => {
                    fields.get(name) == Some(value)
                }
                _ => true,
            })
    };
    let automatic = makings
        .filter(likely)
        .find_map(|automatic| automatic.fields.iter().find(|(_, value)| *value == AutomaticValue::ParentPk));
    automatic.and_then(|(key, _)| pk_made_with(context, model, key, fields))
}

/// The primary key of the row of this model that was made with the target of a key.
fn pk_made_with(context: ImportContext<'_>, model: &Model, key: &str, fields: &Fields) -> Option<Pk> {
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
