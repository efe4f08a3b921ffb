//! Reads the fields of a row: all of them, or some. Each may be given once: of two values, nobody can tell which was
//! checked.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use silo::Fields;

const GIVEN_TWICE: &str = "a field is given twice";

/// Reads all fields.
pub(super) fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
    struct Distinct;

    impl<'de> Visitor<'de> for Distinct {
        type Value = Fields;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
            let mut fields = Fields::new();
            while let Some((name, value)) = entries.next_entry()? {
                if fields.insert(name, value).is_some() {
                    return Err(A::Error::custom(GIVEN_TWICE));
                }
            }
            Ok(fields)
        }
    }

    deserializer.deserialize_map(Distinct)
}

/// Reads some of the fields; that each is given once is asked of all.
pub(super) struct SomeFields<'w> {
    /// Their names.
    pub(super) wanted: &'w [String],
}

impl<'de> DeserializeSeed<'de> for SomeFields<'_> {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SomeFields<'_> {
    type Value = Fields;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
        let mut names: Vec<Cow<'de, str>> = Vec::with_capacity(32);
        let mut fields = Fields::new();
        while let Some(FieldName(name)) = entries.next_key()? {
            if self.wanted.iter().any(|wanted| *wanted == name) {
                fields.insert(name.clone().into_owned(), entries.next_value()?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
            names.push(name);
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(A::Error::custom(GIVEN_TWICE));
        }
        Ok(fields)
    }
}

/// The name of a field, which is copied only if it has to be unescaped.
#[derive(Deserialize)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);
