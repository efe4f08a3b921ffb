//! Objects as items: plain while they fit, packed when not (README.md, "How fields are kept").

use std::io::Read as _;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::read::ZlibDecoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use silo::{Fields, PLAIN_LIMIT, pack, volume};

use crate::attribute::{self, NotJson};
use crate::keys::Key;
use crate::table::Item;

const FIELDS: &str = "fields";
const PACKED: &str = "packed";

/// An item that is not what its key says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Corrupt {
    #[error("the item lacks `{0}`, or has it in another form")]
    Attribute(&'static str),
    #[error("a field cannot be read")]
    Field(#[from] NotJson),
    #[error("the packed fields cannot be unpacked")]
    Packed(#[source] std::io::Error),
    #[error("the JSON in it is not what was stored ({0:?})")]
    Json(Category),
}

/// The error itself may quote what is stored, which has no place in a log; its kind is enough.
impl From<serde_json::Error> for Corrupt {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.classify())
    }
}

/// A record, such as a plan, as an item; none when it is larger than an item can be.
pub(crate) fn from_record(key: Key, record: &impl Serialize) -> Result<Option<Item>, Corrupt> {
    match serde_json::to_value(record)? {
        Value::Object(fields) => Ok(from_fields(key, &fields)),
        _ => Err(Corrupt::Attribute(FIELDS)),
    }
}

/// The record that an item holds.
pub(crate) fn to_record<T: DeserializeOwned>(item: &Item) -> Result<T, Corrupt> {
    Ok(serde_json::from_value(Value::Object(to_fields(item)?))?)
}

/// An object as an item; none when it is larger than an item can be.
pub(crate) fn from_fields(key: Key, fields: &Fields) -> Option<Item> {
    let mut item = key.attributes();
    if volume(fields) <= PLAIN_LIMIT && attribute::holds(fields) {
        item.insert(FIELDS.to_owned(), AttributeValue::M(attribute::from_object(fields)));
    } else {
        item.insert(PACKED.to_owned(), AttributeValue::B(Blob::new(pack(fields)?)));
    }
    Some(item)
}

/// The object that an item holds.
pub(crate) fn to_fields(item: &Item) -> Result<Fields, Corrupt> {
    match (item.get(FIELDS), item.get(PACKED)) {
        (Some(AttributeValue::M(fields)), _) => Ok(attribute::to_object(fields)?),
        (None, Some(AttributeValue::B(packed))) => {
            let mut json = Vec::new();
            ZlibDecoder::new(packed.as_ref()).read_to_end(&mut json).map_err(Corrupt::Packed)?;
            Ok(serde_json::from_slice(&json)?)
        }
        _ => Err(Corrupt::Attribute(FIELDS)),
    }
}

/// A text that an item has.
pub(crate) fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str, Corrupt> {
    let text = item.get(name).and_then(|value| value.as_s().ok());
    text.map(String::as_str).ok_or(Corrupt::Attribute(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key() -> Key {
        crate::keys::relocations::option("some")
    }

    #[test]
    fn what_does_not_fit_is_packed_and_comes_back() {
        let small = json!({ "names": ["ada"] });
        let large = json!({ "names": vec!["a name that is the same again and again"; 20_000] });
        for (record, attribute) in [(small, FIELDS), (large, PACKED)] {
            let item = from_record(key(), &record).expect("a record").expect("it fits, packed or not");
            assert!(item.contains_key(attribute), "{attribute}");
            assert_eq!(to_record::<Value>(&item).expect("a record"), record);
        }
    }

    #[test]
    fn an_error_does_not_quote_what_is_stored() {
        let item = from_record(key(), &json!({ "id": "secret" })).expect("a record").expect("it fits");
        let error = to_record::<std::collections::BTreeMap<String, u64>>(&item).expect_err("no number");
        assert_eq!(error.to_string(), "the JSON in it is not what was stored (Data)");
    }
}
