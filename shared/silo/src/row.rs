//! Rows as every silo keeps them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A primary key.
pub type Pk = i64;

/// The fields of a row by name, in the order of the alphabet.
pub type Fields = serde_json::Map<String, Value>;

/// One row of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its primary key.
    pub pk: Pk,
    /// Its fields, which a row shares with its copies until one of them is changed.
    pub fields: Arc<Fields>,
}

impl Row {
    /// A row of these fields.
    pub fn new(pk: Pk, fields: impl Into<Arc<Fields>>) -> Self {
        Self { pk, fields: fields.into() }
    }

    /// The primary key that a key field holds, if it holds one.
    pub fn key(&self, field: &str) -> Option<Pk> {
        self.fields.get(field).and_then(Value::as_i64)
    }
}

/// A row with the revision that a silo has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The row.
    pub row: Row,
    /// Rises with every change; a write that was based on another revision is refused. No two rows that imports
    /// inserted under one primary key, one after the other, have a revision in common.
    pub revision: u64,
}
