//! A relocation as the API answers with it.

use pipeline::api::RelocationView;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A relocation's record: as it came, so that machines are told all of it, and as it is read here.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    json: Value,
    /// What this program knows of it.
    pub(crate) view: RelocationView,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let view = RelocationView::deserialize(&json).map_err(serde::de::Error::custom)?;
        Ok(Self { json, view })
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.json == other.json
    }
}
