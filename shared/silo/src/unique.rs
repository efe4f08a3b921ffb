//! The values that no two rows may share, as stores keep them.

use std::fmt;

use catalog::{Model, ModelId, UniqueSet};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Fields;

/// The values of one unique set in one row, as a store compares them: the first 16 bytes of the SHA-256 of the
/// values as a compact JSON array, lower-cased where case does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueKey {
    /// The model.
    pub model: ModelId,
    /// The position of the set in [`Model::uniques`].
    pub set: usize,
    /// The hash of the values.
    pub hash: ValueHash,
}

/// The hash of unique values; reads as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueHash([u8; 16]);

impl fmt::Display for ValueHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", u128::from_be_bytes(self.0))
    }
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
        let mut json = Vec::with_capacity(64);
        for field in &set.fields {
            json.push(if json.is_empty() { b'[' } else { b',' });
            // Values always serialise, and a vector takes whatever is written to it.
            match fields.get(field)? {
                Value::Null => return None,
                Value::String(text) if set.ignore_case => {
                    serde_json::to_writer(&mut json, &text.to_lowercase()).ok()?;
                }
                value => serde_json::to_writer(&mut json, value).ok()?,
            }
        }
        json.push(b']');
        let mut hash = [0; 16];
        hash.iter_mut().zip(Sha256::digest(&json)).for_each(|(byte, digit)| *byte = digit);
        Some(UniqueKey { model: model.id, set: position, hash: ValueHash(hash) })
    }
}
