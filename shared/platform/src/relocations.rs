//! The store of relocations in DynamoDB (DESIGN §4).

mod audit;
mod commit;
mod item;
mod listing;
mod mail_log;
mod outbox;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use pipeline::ids::RelocationId;
use pipeline::kinds::FileKind;
use pipeline::message::{Answer, Visit};
use pipeline::port::{CountUploads, KeepProgress, Options, PortError, ReadRelocations, SetOptions};
use pipeline::progress::Progress;
use pipeline::relocation::{Relocation, RelocationFile};
use pipeline::upload::SizeClass;
use serde::de::DeserializeOwned;

pub use self::outbox::StreamRecord;
use crate::failure::{failed, unreadable};
use crate::keys::Key;
use crate::keys::relocations as keys;
use crate::table::Table;

/// Relocations and everything that hangs on them, in one table.
#[derive(Debug)]
pub struct Relocations {
    table: Table,
}

impl Relocations {
    /// The relocations in the table of this name.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { table: Table::new(client, table) }
    }

    async fn read<T: DeserializeOwned>(&self, key: Key, what: &str) -> Result<Option<T>, PortError> {
        let action = || format!("read {what}");
        let Some(item) = self.table.get(key).await.map_err(failed(action))? else { return Ok(None) };
        item::to_record(&item).map(Some).map_err(unreadable(action))
    }
}

impl ReadRelocations for Relocations {
    async fn relocation(&self, id: RelocationId) -> Result<Option<Relocation>, PortError> {
        self.read(keys::record(id), &format!("relocation {id}")).await
    }

    async fn outcome(&self, id: RelocationId, visit: Visit) -> Result<Option<Answer>, PortError> {
        self.read(keys::outcome(id, visit), &format!("outcome {visit} of relocation {id}")).await
    }

    async fn file(&self, id: RelocationId, kind: FileKind) -> Result<Option<RelocationFile>, PortError> {
        self.read(keys::file(id, kind), &format!("file {kind} of relocation {id}")).await
    }
}

impl KeepProgress for Relocations {
    async fn save_progress(&self, id: RelocationId, progress: &Progress) -> Result<(), PortError> {
        let action = || format!("save progress of relocation {id}");
        let item = item::progress(id, progress).map_err(unreadable(action))?;
        self.table.put(item).await.map_err(failed(action))
    }

    async fn progress(&self, id: RelocationId) -> Result<Option<Progress>, PortError> {
        self.read(keys::progress(id), &format!("progress of relocation {id}")).await
    }
}

impl CountUploads for Relocations {
    /// Reads the day of `since` and the one after it: the limits are daily, so what they ask for lies in there.
    async fn count(&self, class: SizeClass, since: Timestamp) -> Result<u64, PortError> {
        let mut count = 0;
        for day in [since, since.saturating_add(DAY).unwrap_or(since)] {
            let query = self.table.query().consistent_read(true).projection_expression("pk");
            let query = query.key_condition_expression("pk = :day AND sk >= :since");
            let query = query.expression_attribute_values(":day", AttributeValue::S(keys::limit(class, day)));
            let query = query.expression_attribute_values(":since", AttributeValue::S(keys::time(since)));
            let found = self.table.page(query, usize::MAX).await.map_err(failed(|| "count relocations"))?;
            count += found.0.len() as u64;
        }
        Ok(count)
    }
}

const DAY: std::time::Duration = std::time::Duration::from_hours(24);

impl Options for Relocations {
    async fn option(&self, name: &str) -> Result<Option<String>, PortError> {
        let action = || format!("read option {name}");
        let Some(item) = self.table.get(keys::option(name)).await.map_err(failed(action))? else {
            return Ok(None);
        };
        item::text(&item, item::VALUE).map(|value| Some(value.to_owned())).map_err(unreadable(action))
    }
}

impl SetOptions for Relocations {
    async fn set_option(&self, name: &str, value: &str) -> Result<(), PortError> {
        let action = || format!("set option {name}");
        self.table.put(item::option(name, value)).await.map_err(failed(action))
    }
}
