//! Rows without the numbers that they happen to have: for tests in which primary keys may differ and nothing else may.

use std::collections::{BTreeMap, HashMap};

use catalog::{Catalog, Model, Rule};
use serde_json::Value;

use crate::{Fields, Pk, Row};

/// The rows of each model in their order, with every key replaced by the position of its target among the rows of that
/// model. A key that is not declared as one, such as a text that holds a number, is only told from null.
pub fn without_numbers(catalog: &Catalog, state: &[(String, Vec<Row>)]) -> BTreeMap<String, Vec<Value>> {
    let positions: HashMap<&str, HashMap<Pk, usize>> = state
        .iter()
        .map(|(model, rows)| (model.as_str(), rows.iter().map(|row| row.pk).zip(0..).collect()))
        .collect();
    let position = |model: &str, pk: Pk| positions.get(model).and_then(|positions| positions.get(&pk));
    let without = |model: Option<&Model>, row: &Row| {
        let mut fields = Fields::clone(&row.fields);
        for key in model.map_or(&[][..], |model| &model.keys) {
            if let Some(pk) = row.key(&key.field) {
                fields.insert(key.field.clone(), Value::from(position(&key.target_name, pk).copied()));
            }
        }
        for rule in model.map_or(&[][..], |model| &model.rules) {
            if let Rule::SoftKey { field, .. } = rule
                && fields.get(field).is_some_and(|value| !value.is_null())
            {
                fields.insert(field.clone(), Value::from("some number"));
            }
        }
        Value::Object(fields)
    };
    state
        .iter()
        .map(|(name, rows)| (name.clone(), rows.iter().map(|row| without(catalog.find(name), row)).collect()))
        .collect()
}
