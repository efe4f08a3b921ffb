//! What should be there when all is quiet: worked out from what was ever inserted and who is gone, by other means than
//! the product's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{Catalog, Key, KeyKind, OnDelete};
use serde_json::Value;
use silo::{Fields, MemorySilo, Pk, Silo, Transaction, Write};

use crate::world::ready;

/// Every row that was ever inserted, as it was then or as somebody changed it since. What deletions change, they null.
#[derive(Default)]
pub(crate) struct History(BTreeMap<(String, Pk), Fields>, Vec<(catalog::ModelId, Pk, Fields)>);

impl History {
    pub(crate) fn note(&mut self, transaction: &Transaction) {
        let nulls = |write: &Write| write.row().fields.values().any(Value::is_null);
        let is_deletions = |write: &&Write| write.deletes() || (write.before().is_some() && nulls(write));
        for write in transaction.writes.iter().filter(|write| !is_deletions(write)) {
            self.1.push((write.model(), write.row().pk, write.row().fields.as_ref().clone()));
        }
    }

    fn rows(&self, catalog: &Catalog) -> BTreeMap<(String, Pk), Fields> {
        let mut rows = self.0.clone();
        for (model, pk, fields) in &self.1 {
            rows.insert((catalog.model(*model).name.clone(), *pk), fields.clone());
        }
        rows
    }
}

/// Compares what is there with what should be.
pub(crate) fn check(
    catalog: &Catalog,
    silos: [&Arc<MemorySilo>; 2],
    history: &History,
    gone: &BTreeSet<(&'static str, Pk)>,
) -> Result<(), String> {
    let inserted = history.rows(catalog);
    let mut expected = BTreeMap::new();
    for ((model, pk), fields) in &inserted {
        if !is_gone(catalog, &inserted, gone, model, *pk) {
            expected.insert((model.clone(), *pk), kept(catalog, &inserted, gone, model, fields));
        }
    }
    let mut found = BTreeMap::new();
    for (silo, kind) in silos.into_iter().zip([catalog::SiloKind::Cell, catalog::SiloKind::Control]) {
        for model in catalog.models().iter().filter(|model| model.silo == kind) {
            for stored in ready(silo.page(model, None, 10_000)).unwrap().items {
                found.insert((model.name.clone(), stored.row.pk), stored.row.fields.as_ref().clone());
            }
        }
    }
    // Users and teams themselves are not inserted by anybody.
    found.retain(|(model, pk), _| {
        let is_target = ["app.user", "app.team"].contains(&model.as_str());
        !is_target || gone.iter().any(|(name, gone)| name == model && gone == pk)
    });
    for (row, fields) in &found {
        match expected.get(row) {
            None => return Err(format!("{row:?} is there, {fields:?}, and refers to somebody who is gone")),
            Some(expected) if expected != fields => {
                return Err(format!(
                    "{row:?} is {fields:?} and should be {expected:?}: somebody is gone or was touched"
                ));
            }
            Some(_) => {}
        }
    }
    match expected.keys().find(|row| !found.contains_key(row)) {
        Some(row) => Err(format!("{row:?} was touched: it should be there")),
        None => Ok(()),
    }
}

type Rows = BTreeMap<(String, Pk), Fields>;

fn is_gone(catalog: &Catalog, rows: &Rows, gone: &BTreeSet<(&'static str, Pk)>, model: &str, pk: Pk) -> bool {
    if gone.iter().any(|(name, gone)| *name == model && *gone == pk) {
        return true;
    }
    let Some(fields) = rows.get(&(model.to_owned(), pk)) else { return false };
    let keys = &catalog.find(model).unwrap().keys;
    keys.iter().any(|key| {
        key.on_delete == Some(OnDelete::Cascade) && leads_to_gone(catalog, rows, gone, fields, key)
    })
}

fn leads_to_gone(
    catalog: &Catalog,
    rows: &Rows,
    gone: &BTreeSet<(&'static str, Pk)>,
    fields: &Fields,
    key: &Key,
) -> bool {
    let target = fields.get(&key.field).and_then(Value::as_i64);
    target.is_some_and(|pk| is_gone(catalog, rows, gone, &key.target_name, pk))
}

/// The fields of a row that stays.
fn kept(
    catalog: &Catalog,
    rows: &Rows,
    gone: &BTreeSet<(&'static str, Pk)>,
    model: &str,
    fields: &Fields,
) -> Fields {
    let mut kept = fields.clone();
    for key in &catalog.find(model).unwrap().keys {
        let nulls = key.kind != KeyKind::Reference && key.on_delete == Some(OnDelete::SetNull);
        if nulls && leads_to_gone(catalog, rows, gone, fields, key) {
            kept.insert(key.field.clone(), Value::Null);
        }
    }
    kept
}
