//! The values that no two rows may share, as stores keep them.

use std::fmt::Write as _;

use catalog::{Model, ModelId, UniqueSet};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Fields;

/// The values of one unique set in one row, as a store compares them: the first 32 hexadecimal digits of the
/// SHA-256 of the values as a compact JSON array, lower-cased where case does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueKey {
    /// The model.
    pub model: ModelId,
    /// The position of the set in [`Model::uniques`].
    pub set: usize,
    /// The hash of the values.
    pub hash: String,
}

impl UniqueKey {
    /// The unique values of a row: one for each set that binds it and in which no value is null.
    pub fn of(model: &Model, fields: &Fields) -> Vec<UniqueKey> {
        let sets = model.uniques.iter().enumerate();
        sets.filter_map(|(position, set)| Self::in_set(model, position, set, fields)).collect()
    }

    /// The unique values of a row in one set, if the set binds it.
    pub fn in_set(model: &Model, position: usize, set: &UniqueSet, fields: &Fields) -> Option<UniqueKey> {
        if !set.binds(fields) {
            return None;
        }
        let mut values = Vec::with_capacity(set.fields.len());
        for field in &set.fields {
            match fields.get(field)? {
                Value::Null => return None,
                Value::String(text) if set.ignore_case => values.push(Value::String(text.to_lowercase())),
                value => values.push(value.clone()),
            }
        }
        let digest = Sha256::digest(Value::Array(values).to_string().as_bytes());
        let mut hash = String::with_capacity(32);
        for byte in digest.iter().take(16) {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Some(UniqueKey { model: model.id, set: position, hash })
    }
}
