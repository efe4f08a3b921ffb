//! Two rows that met.

use std::collections::HashSet;

use catalog::{Catalog, Comparator, Key, Model};
use serde_json::Value;
use silo::{Fields, Row};

use super::finding::{Kind, on_pair};
use super::side::Export;
use super::{Side, comparators, json};
use crate::findings::Finding;

/// The comparison of all rows of one model.
pub(super) struct RowComparison<'a> {
    catalog: &'a Catalog,
    model: &'a Model,
    left: &'a Export,
    right: &'a Export,
    /// Fields that are not part of the remaining JSON.
    handled: HashSet<&'a str>,
}

/// Two values of a field that both exist, with the rows that they stand in.
pub(super) struct FieldPair<'a> {
    pub(super) model: &'a Model,
    pub(super) field: &'a str,
    pub(super) left: &'a Value,
    pub(super) right: &'a Value,
    pub(super) rows: (&'a Fields, &'a Fields),
}

impl<'a> RowComparison<'a> {
    pub(super) fn new(catalog: &'a Catalog, model: &'a Model, left: &'a Export, right: &'a Export) -> Self {
        let keys = model.keys.iter().map(|key| key.field.as_str());
        let handled = keys.chain(model.comparators.iter().map(|(field, _)| field.as_str())).collect();
        Self { catalog, model, left, right, handled }
    }

    /// Compares every row of the left side with the one of the same ordinal on the right.
    pub(super) fn compare_all(&self, findings: &mut Vec<Finding>) {
        let (left, right) = (self.left.table(self.model.id), self.right.table(self.model.id));
        for ((left, right), ordinal) in left.rows().iter().zip(right.rows()).zip(1..) {
            let mut report = |kind: Kind, reason: String| {
                findings.push(on_pair(kind, self.model, ordinal, (left.pk, right.pk), reason));
            };
            self.compare_keys(left, right, &mut report);
            self.compare_fields(left, right, &mut report);
            if let Some(reason) = self.compare_rest(left, right) {
                report(Kind::UnequalJson, reason);
            }
        }
    }

    fn compare_keys(&self, left: &Row, right: &Row, report: &mut impl FnMut(Kind, String)) {
        for key in &self.model.keys {
            match (value(&left.fields, &key.field), value(&right.fields, &key.field)) {
                (None, None) => {}
                (Some(left), Some(right)) => {
                    if let Some(reason) = self.compare_targets(key, left, right) {
                        report(Kind::ForeignKey, reason);
                    }
                }
                (None, Some(_)) => report(Kind::ForeignKeyMissing, missing(&key.field, Side::Left)),
                (Some(_), None) => report(Kind::ForeignKeyMissing, missing(&key.field, Side::Right)),
            }
        }
    }

    fn compare_targets(&self, key: &Key, left: &Value, right: &Value) -> Option<String> {
        let Key { field, target_name, .. } = key;
        match (self.left.target(key.target, left), self.right.target(key.target, right)) {
            (Some(left), Some(right)) if left == right => None,
            (Some(left), Some(right)) => {
                Some(format!("`{field}` leads to {target_name} #{left} on the left, #{right} on the right"))
            }
            (Some(_), None) => Some(format!("`{field}` leads to no {target_name} on the right")),
            (None, Some(_)) => Some(format!("`{field}` leads to no {target_name} on the left")),
            (None, None) => Some(format!("`{field}` leads to no {target_name} on either side")),
        }
    }

    fn compare_fields(&self, left: &Row, right: &Row, report: &mut impl FnMut(Kind, String)) {
        let rows = (&*left.fields, &*right.fields);
        for (field, comparators) in &self.model.comparators {
            let values = (value(rows.0, field), value(rows.1, field));
            for comparator in comparators.iter().filter(|comparator| **comparator != Comparator::Ignored) {
                match values {
                    (None, None) => {}
                    (Some(left), Some(right)) => {
                        let pair = FieldPair { model: self.model, field, left, right, rows };
                        if let Some(reason) = comparators::compare(*comparator, &pair) {
                            report(Kind::Field(*comparator), reason);
                        }
                    }
                    (None, Some(_)) => report(Kind::FieldMissing(*comparator), missing(field, Side::Left)),
                    (Some(_), None) if *comparator == Comparator::EqualOrRemoved => {}
                    (Some(_), None) => report(Kind::FieldMissing(*comparator), missing(field, Side::Right)),
                }
            }
        }
    }

    /// The remaining JSON must be equal; a missing field equals null.
    fn compare_rest(&self, left: &Row, right: &Row) -> Option<String> {
        let on_left =
            left.fields.keys().filter(|field| value(&left.fields, field) != value(&right.fields, field));
        let on_right_only = right.fields.iter().filter_map(|(field, value)| {
            (!value.is_null() && !left.fields.contains_key(field)).then_some(field)
        });
        let differing: Vec<&str> =
            on_left.chain(on_right_only).map(String::as_str).filter(|field| self.is_rest(field)).collect();
        if differing.is_empty() {
            return None;
        }
        let is_rest = |field: &str| self.is_rest(field);
        Some(json::describe(self.model, &differing, (&left.fields, &right.fields), is_rest))
    }

    /// Whether no comparator looks at a field, and no newer version dropped it.
    fn is_rest(&self, field: &str) -> bool {
        !self.handled.contains(field)
            && (self.model.field(field).is_some() || !self.catalog.is_removed_field(&self.model.name, field))
    }
}

/// The value of a field that exists; null is none.
pub(super) fn value<'a>(fields: &'a Fields, field: &str) -> Option<&'a Value> {
    fields.get(field).filter(|value| !value.is_null())
}

fn missing(field: &str, side: Side) -> String {
    format!("`{field}` is missing on the {side}")
}
