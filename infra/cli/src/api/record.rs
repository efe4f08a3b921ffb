//! A relocation as the API answers with it.

use pipeline::api::RelocationView;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A relocation's record: as it came, so that machines are told all of it, and as it is read here.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    json: Value,
    /// What every record has.
    pub(crate) view: RelocationView,
    /// How far the latest task is, if it counts its rows.
    pub(crate) progress: Option<Progress>,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    /// The task.
    pub(crate) task: String,
    /// Rows that are done.
    pub(crate) rows_done: u64,
    /// Rows there are, once that is known.
    pub(crate) rows_total: Option<u64>,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let view = RelocationView::deserialize(&json).map_err(serde::de::Error::custom)?;
        // An API that is older or newer than this program may know no progress, or another one.
        let progress = json.get("progress").and_then(|progress| Progress::deserialize(progress).ok());
        Ok(Self { json, view, progress })
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
