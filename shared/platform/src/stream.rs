//! What is told through a table's stream: the attribute `entry` of an item, as JSON text, so that whoever gets it from
//! there need not know DynamoDB's types.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::keys::Key;
use crate::record::{Corrupt, text};
use crate::table::Item;

const ENTRY: &str = "entry";

/// An item that tells something.
pub(crate) fn from_entry(key: Key, entry: &impl Serialize) -> Result<Item, Corrupt> {
    let mut item = key.attributes();
    item.insert(ENTRY.to_owned(), AttributeValue::S(serde_json::to_string(entry)?));
    Ok(item)
}

/// What an item tells.
pub(crate) fn to_entry<T: DeserializeOwned>(item: &Item) -> Result<T, Corrupt> {
    Ok(serde_json::from_str(text(item, ENTRY)?)?)
}

/// A record of a stream, as Lambda delivers it: an item that tells something was added.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    #[serde(rename = "eventSourceARN", default)]
    stream: String,
    dynamodb: Changed,
}

#[derive(Debug, Deserialize)]
struct Changed {
    #[serde(rename = "SequenceNumber")]
    sequence_number: String,
    #[serde(rename = "NewImage")]
    new_image: Image,
}

#[derive(Debug, Deserialize)]
struct Image {
    entry: Text,
}

#[derive(Debug, Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

impl Record {
    /// Names the record in a batch response.
    pub(crate) fn sequence_number(&self) -> &str {
        &self.dynamodb.sequence_number
    }

    /// The table whose stream it is, which the stream's ARN names: `…:table/<table>/stream/…`.
    pub(crate) fn table(&self) -> &str {
        self.stream.split('/').nth(1).unwrap_or_default()
    }

    /// What the item tells.
    pub(crate) fn entry<T: DeserializeOwned>(&self) -> Result<T, Corrupt> {
        Ok(serde_json::from_str(&self.dynamodb.new_image.entry.text)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The record of the stream that an item comes in.
    pub(crate) fn record_of(item: &Item) -> Value {
        json!({
            "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/CellTable/stream/2026-01-02T12:00:00.000",
            "dynamodb": {
                "Keys": { "pk": { "S": "…" }, "sk": { "S": "…" } },
                "NewImage": {
                    "pk": { "S": "…" }, "sk": { "S": "…" }, "entry": { "S": text(item, ENTRY).expect("a text") },
                },
                "SequenceNumber": "111", "SizeBytes": 26, "StreamViewType": "NEW_IMAGE",
            },
        })
    }

    #[test]
    fn what_an_item_tells_comes_back() {
        let key = crate::keys::relocations::option("some");
        let entry = json!({ "departed": [1.50, "ada"] });
        let item = from_entry(key, &entry).expect("an item");
        assert_eq!(to_entry::<Value>(&item).expect("an entry"), entry);
        assert!(matches!(to_entry::<u64>(&item), Err(Corrupt::Json(_))));
        assert!(matches!(to_entry::<Value>(&Item::new()), Err(Corrupt::Attribute(ENTRY))));
    }
}
