//! How much of a row a store can hold. The rule is the same in every silo, so that what a rehearsal accepts
//! can be imported.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use crate::Fields;

/// Fields that take more bytes than this are kept compressed (DESIGN §3).
pub const PLAIN_LIMIT: usize = 350 * 1024;

/// No row takes more bytes than this, compressed or not: an item of DynamoDB has at most 400 KB, of which its
/// keys and revision take their share.
pub const PACKED_LIMIT: usize = 396 * 1024;

/// The bytes that fields take in a store at most, counted as DynamoDB counts.
pub fn volume(fields: &Fields) -> usize {
    3 + fields.iter().map(|(name, value)| 1 + name.len() + value_volume(value)).sum::<usize>()
}

fn value_volume(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => 1 + number.as_str().len(),
        Value::String(text) => text.len(),
        Value::Array(values) => 3 + values.iter().map(|value| 1 + value_volume(value)).sum::<usize>(),
        Value::Object(fields) => volume(fields),
    }
}

/// The compact JSON of fields, compressed with zlib; none when it takes more than [`PACKED_LIMIT`] even so.
pub fn pack(fields: &Fields) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Fields always serialise, and a vector takes whatever is written to it.
    serde_json::to_writer(&mut encoder, fields).ok()?;
    encoder.finish().ok().filter(|packed| packed.len() <= PACKED_LIMIT)
}

/// Whether a store can hold these fields, if need be compressed.
pub fn fits(fields: &Fields) -> bool {
    volume(fields) <= PLAIN_LIMIT || pack(fields).is_some()
}
