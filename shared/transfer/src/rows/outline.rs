//! Rows of which most is not looked at.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;
use silo::{Fields, Pk};

use super::error::{ReadError, problem};
use super::fields::SomeFields;

/// What a row of a file is, before most of its fields are looked at.
#[derive(Debug)]
pub struct RowOutline<'a> {
    /// Which row it is, from 1.
    pub(super) position: u64,
    /// Where it begins.
    pub(super) offset: u64,
    pub(super) content: Outline<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Outline<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    pk: Pk,
    #[serde(borrow)]
    fields: &'a RawValue,
}

impl RowOutline<'_> {
    /// The name of its model.
    pub fn model(&self) -> &str {
        &self.content.model
    }

    /// Its primary key in the file.
    pub fn pk(&self) -> Pk {
        self.content.pk
    }

    /// Those of its fields that have one of these names.
    ///
    /// # Errors
    /// The fields are no object, or one of them is given twice.
    pub fn fields(&self, wanted: &[String]) -> Result<Fields, ReadError> {
        let mut deserializer = serde_json::Deserializer::from_str(self.content.fields.get());
        SomeFields { wanted }.deserialize(&mut deserializer).map_err(|error| ReadError::NotARow {
            position: self.position,
            offset: self.offset,
            problem: problem(&error),
        })
    }
}
