//! Rows in a file: a JSON array of `{"model": …, "pk": …, "fields": {…}}` (SPEC §1), read one at a time in
//! bounded memory.

mod error;
mod fields;
mod outline;
mod reader;
mod scan;
mod writer;

use serde::{Deserialize, Serialize};
use silo::{Fields, Pk};

pub use error::ReadError;
pub use outline::RowOutline;
pub use reader::{ReadLimits, RowReader};
pub use writer::RowWriter;

/// One row as a file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// The name of its model.
    pub model: String,
    /// Its primary key in the file.
    pub pk: Pk,
    /// Its fields.
    #[serde(deserialize_with = "fields::distinct")]
    pub fields: Fields,
}
