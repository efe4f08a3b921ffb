//! One row into its look-alike.

use catalog::{Catalog, FieldKind, Model, Sanitize};
use indexmap::IndexMap;
use serde_json::Value;
use sha2::{Digest, Sha256};
use silo::{Fields, Pk};

use super::error::{SanitizeError, SanitizedRow};
use super::mentions;
use super::permutation::Permutation;
use super::replace::Replacer;
use super::survey::Survey;
use super::timeline::NoPlace;
use super::treatment::Treatment;
use super::values::{self, Expected};
use crate::dates;

/// Counts the rows of each model.
pub(crate) struct Ordinals {
    counts: Vec<u64>,
}

impl Ordinals {
    pub(crate) fn new(catalog: &Catalog) -> Self {
        Self { counts: vec![0; catalog.models().len()] }
    }

    /// The next row of a model.
    pub(crate) fn next<'m>(&mut self, model: &'m Model, pk: Pk) -> Position<'m> {
        let count = self.counts.get_mut(model.id.index());
        let ordinal = count.map_or(0, |count| {
            *count += 1;
            *count
        });
        Position { model, ordinal, pk }
    }
}

/// Which row is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Position<'m> {
    model: &'m Model,
    ordinal: u64,
    pk: Pk,
}

impl Position<'_> {
    fn row(self) -> SanitizedRow {
        SanitizedRow { model: self.model.name.clone(), ordinal: self.ordinal, pk: self.pk }
    }

    /// The error of a field that does not hold what it should.
    pub(crate) fn value(self, field: &str, expected: Expected) -> SanitizeError {
        SanitizeError::Value { row: self.row(), field: field.to_owned(), expected }
    }

    fn no_place(self, field: &str, why: NoPlace) -> SanitizeError {
        match why {
            NoPlace::OutOfRange => SanitizeError::DateOutOfRange { row: self.row(), field: field.to_owned() },
            NoPlace::Unknown => SanitizeError::Changed { row: self.row() },
        }
    }
}

/// A row's look-alike.
pub(crate) struct LookAlike {
    /// Its fields, in the order of the file.
    pub(crate) fields: Fields,
    /// The names of fields that its model does not have, which are left out.
    pub(crate) unknown: Vec<String>,
    /// How many of its dates are what they were.
    pub(crate) unmoved_dates: u64,
}

/// What look-alikes are made with.
pub(crate) struct Disguise<'a> {
    survey: &'a Survey,
    days_offset: i64,
    permutation: Permutation,
    replacer: Replacer,
}

impl<'a> Disguise<'a> {
    pub(crate) fn new(survey: &'a Survey, key: &[u8; 32], days_offset: i64) -> Self {
        let permutation = Permutation::new(key);
        Self { survey, days_offset, replacer: Replacer::new(permutation.clone()), permutation }
    }

    /// The look-alike of a row with these fields.
    pub(crate) fn look_alike(
        &self,
        at: Position<'_>,
        treatments: &IndexMap<&str, Treatment>,
        given: &Fields,
    ) -> Result<LookAlike, SanitizeError> {
        let (mut fields, mut unknown, mut unmoved_dates) = (Fields::new(), Vec::new(), 0);
        for (name, value) in given {
            match treatments.get(name.as_str()) {
                None => unknown.push(name.clone()),
                Some(_) if value.is_null() => drop(fields.insert(name.clone(), Value::Null)),
                Some(treatment) => {
                    let made = self.value(at, name, treatment, given, value)?;
                    unmoved_dates += u64::from(matches!(treatment, Treatment::Date) && made == *value);
                    fields.insert(name.clone(), made);
                }
            }
        }
        Ok(LookAlike { fields, unknown, unmoved_dates })
    }

    fn value(
        &self,
        at: Position<'_>,
        name: &str,
        treatment: &Treatment,
        given: &Fields,
        value: &Value,
    ) -> Result<Value, SanitizeError> {
        let made = match treatment {
            Treatment::Keep(kind) => values::kept(*kind, value).map(|()| value.clone()),
            Treatment::Formed(form) => {
                values::formed(*form, value).map(|text| self.replacer.replace(text).into())
            }
            Treatment::Date => match values::date(value) {
                Ok(None) => Ok(value.clone()),
                Ok(Some(instant)) => {
                    let moved = self.survey.timeline.moved(&self.permutation, instant, self.days_offset);
                    let moved = moved.map_err(|why| at.no_place(name, why))?;
                    Ok(dates::text(moved).into())
                }
                Err(expected) => Err(expected),
            },
            Treatment::Declared(way, kind) => self.declared(way, *kind, given, value),
        };
        made.map_err(|expected| at.value(name, expected))
    }

    fn declared(
        &self,
        way: &Sanitize,
        kind: FieldKind,
        given: &Fields,
        value: &Value,
    ) -> Result<Value, Expected> {
        let names = match way {
            Sanitize::Empty => return values::emptied(kind, value),
            Sanitize::Name | Sanitize::Text => return Ok(self.replacer.replace(values::text(value)?).into()),
            Sanitize::Sha256Of(source) => {
                return self.following(source, given, value, |new, _| sha256_hex(new));
            }
            Sanitize::EndOf(source) => return self.following(source, given, value, end),
            Sanitize::Mentions => Some(&self.survey.names),
            Sanitize::Addresses => None,
        };
        values::kept(kind, value)?;
        let mut value = value.clone();
        values::replace_texts(&mut value, &|text| mentions::replace(&self.replacer, names, text));
        Ok(value)
    }

    /// What follows from the new value of another field; without one there, a text like any other.
    fn following(
        &self,
        source: &str,
        given: &Fields,
        value: &Value,
        follow: impl Fn(&str, &str) -> String,
    ) -> Result<Value, Expected> {
        let old = values::text(value)?;
        let source = given.get(source).and_then(Value::as_str).filter(|source| !source.is_empty());
        Ok(Value::from(match source {
            Some(source) if !old.is_empty() => follow(&self.replacer.replace(source), old),
            _ => self.replacer.replace(old),
        }))
    }
}

fn sha256_hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As many last characters of a text as another one has.
fn end(text: &str, like: &str) -> String {
    let skipped = text.chars().count().saturating_sub(like.chars().count());
    text.chars().skip(skipped).collect()
}
