//! How far a task is that takes a while, in rows of the export (SPEC §14 and the issue of the operator's day).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::relocation::Relocation;
use crate::task::OrderedTask;

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The task: `importing`, or `validating_poll`, which waits for a validation run.
    pub task: OrderedTask,
    /// Rows of the export that are dealt with.
    pub rows_done: u64,
    /// Rows of the export.
    pub rows_total: u64,
    /// The same by model, of those that have rows in the export.
    pub models: BTreeMap<String, ModelProgress>,
    /// When that was so.
    pub updated: Timestamp,
}

/// How many rows of a model are dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelProgress {
    /// Rows that are dealt with.
    pub done: u64,
    /// Rows in the export.
    pub total: u64,
}

impl Progress {
    /// Whether this is about what a relocation does now.
    #[must_use]
    pub fn is_current(&self, relocation: &Relocation) -> bool {
        relocation.status.is_active() && relocation.latest_task == Some(self.task)
    }
}
