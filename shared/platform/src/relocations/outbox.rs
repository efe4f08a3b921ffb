//! The outbox: entries by age through an index, and as the table's stream delivers them.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use pipeline::commit::OutboxEntry;
use pipeline::ids::RelocationId;
use pipeline::port::{Outbox, PortError};
use runtime::telemetry::Chain;
use serde::Deserialize;
use tracing::error;

use super::item::OUTBOX;
use super::{Relocations, keys};
use crate::failure::{failed, unreadable};
use crate::keys::Key;
use crate::stream;

impl Outbox for Relocations {
    /// The index follows within moments: an entry that was removed just now is left out, one that was added just
    /// now may be.
    async fn pending(&self, before: Timestamp, limit: usize) -> Result<Vec<OutboxEntry>, PortError> {
        let action = || "read the outbox";
        let query = self.table.query().index_name("due");
        let query = query.key_condition_expression("due = :outbox AND dueAt < :before");
        let query = query.expression_attribute_values(":outbox", AttributeValue::S(OUTBOX.to_owned()));
        let query = query.expression_attribute_values(":before", AttributeValue::S(keys::time(before)));
        let (found, _) = self.table.page(query, limit).await.map_err(failed(action))?;
        let items = self.table.get_many(found.iter().filter_map(Key::of_item).collect()).await;
        let items = items.map_err(failed(action))?;
        // One that another version wrote, and that this one cannot read, must not hold up all others.
        let read = items.iter().map(|item| stream::to_entry(item).map_err(unreadable(action)));
        let skip = |error: &PortError| error!(error = %Chain(error), "an entry of the outbox is skipped");
        let mut entries: Vec<OutboxEntry> = read.filter_map(|entry| entry.inspect_err(skip).ok()).collect();
        entries.sort_by_key(|entry| (entry.time, entry.relocation, entry.sequence));
        Ok(entries)
    }

    async fn remove(&self, id: RelocationId, sequence: u64) -> Result<(), PortError> {
        let action = || format!("remove entry {sequence} of relocation {id} from the outbox");
        self.table.delete(keys::outbox(id, sequence)).await.map_err(failed(action))
    }
}

/// A record of the table's stream, as Lambda delivers it: an entry that was added to the outbox.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct StreamRecord(stream::Record);

impl StreamRecord {
    /// Names the record in a batch response.
    #[must_use]
    pub fn sequence_number(&self) -> &str {
        self.0.sequence_number()
    }

    /// The entry.
    ///
    /// # Errors
    /// It was written by another version of this product and cannot be read.
    pub fn entry(&self) -> Result<OutboxEntry, PortError> {
        self.0.entry().map_err(unreadable(|| "read an entry of the outbox"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relocations::item;
    use crate::stream::tests::record_of;
    use pipeline::commit::{Dispatch, StopRun};
    use pipeline::ids::Generation;

    #[test]
    fn a_record_of_the_stream_holds_the_entry() {
        let uuid: RelocationId = "00000000-0000-0000-0000-000000000007".parse().expect("a uuid");
        let dispatch = Dispatch::StopRun(StopRun { uuid, generation: Generation(2) });
        let time = "2026-01-02T12:00:00.5Z".parse().expect("a time");
        let entry = OutboxEntry { relocation: uuid, sequence: 3, time, dispatch };
        let item = item::outbox(&entry).expect("an item");
        let record: StreamRecord = serde_json::from_value(record_of(&item)).expect("a record");
        assert_eq!(record.sequence_number(), "111");
        assert_eq!(record.entry().expect("an entry"), entry);
    }
}
