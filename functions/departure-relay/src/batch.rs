//! What Lambda hands to the function, and what it is told.

use pipeline::port::PortError;
use serde::{Deserialize, Serialize};
use silo::Departure;

/// Records of a silo's stream, or the schedule's request to sweep.
#[derive(Debug, Deserialize)]
pub struct Invocation<T> {
    /// The records; `T` is the store's form of one.
    #[serde(rename = "Records", default = "Vec::new")]
    pub records: Vec<T>,
    /// Whether to sweep.
    #[serde(default)]
    pub sweep: bool,
}

/// A record of a stream.
#[derive(Debug)]
pub struct Record {
    /// Its name in a batch response.
    pub name: String,
    /// The table whose stream it comes from.
    pub table: String,
    /// Who is gone.
    pub departure: Result<Departure, PortError>,
}

impl Record {
    /// A record by its name, of the stream of a table.
    pub fn new(name: &str, table: &str, departure: Result<Departure, PortError>) -> Self {
        Self { name: name.to_owned(), table: table.to_owned(), departure }
    }
}

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
