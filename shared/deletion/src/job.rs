//! What is asked of a job: one key of one silo, or one object.

use std::fmt;

use catalog::SiloKind;
use serde::{Deserialize, Serialize};
use silo::Pk;

/// The message that starts a job, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CascadeJob {
    /// The silo that the model lives in.
    pub silo: SiloKind,
    /// The model, by name.
    pub model: String,
    /// Its key, by field.
    pub field: String,
}

/// One object to delete: the message that starts or continues its deletion, as JSON, and what a scheduled deletion is
/// kept by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeletionJob {
    /// The silo that the model lives in.
    pub silo: SiloKind,
    /// The model, by name.
    pub model: String,
    /// The object's primary key.
    pub object: Pk,
}

impl fmt::Display for DeletionJob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.model, self.object)
    }
}
