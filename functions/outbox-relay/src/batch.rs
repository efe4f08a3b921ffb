//! What Lambda hands to the function, and what it is told.

use pipeline::commit::OutboxEntry;
use pipeline::port::PortError;
use serde::{Deserialize, Serialize};

/// Records of the table's stream, or the schedule's request to sweep.
#[derive(Debug, Deserialize)]
pub struct Invocation<T> {
    /// The records; `T` is the store's form of one.
    #[serde(rename = "Records", default = "Vec::new")]
    pub records: Vec<T>,
    /// Whether to sweep.
    #[serde(default)]
    pub sweep: bool,
}

/// A record of the stream: its name in a batch response, and the entry that it brings.
pub type Record = (String, Result<OutboxEntry, PortError>);

/// Names the records that failed, so that the stream delivers them again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The records that failed.
    pub batch_item_failures: Vec<FailedItem>,
}

/// A record that failed.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedItem {
    /// Its sequence number.
    pub item_identifier: String,
}
