//! How much of a row a store can hold. The rule is the same in every silo, so that what a rehearsal accepts
//! can be imported.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use crate::{Fields, StoreError, StoreErrorKind};

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

/// The compact JSON of fields, compressed with zlib.
///
/// # Errors
/// It takes more than [`PACKED_LIMIT`] even so: [`StoreErrorKind::Refused`].
pub fn pack(fields: &Fields) -> Result<Vec<u8>, StoreError> {
    let refused = |error: Box<dyn std::error::Error + Send + Sync>| {
        StoreError::with_source(StoreErrorKind::Refused, "compressing the fields of a row", error)
    };
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, fields).map_err(|error| refused(error.into()))?;
    let packed = encoder.finish().map_err(|error| refused(error.into()))?;
    if packed.len() > PACKED_LIMIT {
        let action = format!("storing a row of {} bytes, {} when compressed,", volume(fields), packed.len());
        return Err(StoreError::new(StoreErrorKind::Refused, action));
    }
    Ok(packed)
}

/// Whether a store can hold these fields, if need be compressed.
///
/// # Errors
/// It cannot: [`StoreErrorKind::Refused`].
pub fn check_volume(fields: &Fields) -> Result<(), StoreError> {
    if volume(fields) > PLAIN_LIMIT { pack(fields).map(drop) } else { Ok(()) }
}
