//! Who is gone: kept until all who have to know of it do, and told through the table's stream.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use pipeline::port::PortError;
use runtime::telemetry::Chain;
use serde::Deserialize;
use silo::{Departure, PendingDeparture, StoreError};
use tracing::error;

use super::item::{Corrupt, to_time};
use super::read::of_partition;
use super::{DynamoSilo, failed};
use crate::failure::unreadable;
use crate::keys;
use crate::keys::relocations::time;
use crate::stream::{self, from_entry, to_entry};
use crate::table::{Condition, Item};

const TOLD: &str = "told";

impl DynamoSilo {
    pub(super) async fn read_departures(&self, limit: usize) -> Result<Vec<PendingDeparture>, StoreError> {
        let mut departures = Vec::new();
        // In another order each time: those that wait for something must not hide all others.
        let mut partitions: Vec<String> = keys::departures().collect();
        fastrand::shuffle(&mut partitions);
        for partition in partitions {
            let query = of_partition(self.table.query().consistent_read(true), partition);
            let left = limit - departures.len();
            let (items, _) = self.table.page(query, left).await.map_err(failed("reading who is gone"))?;
            // One that another version wrote, and that this one cannot read, must not hold up all others.
            let skip = |error: &Corrupt| error!(error = %Chain(error), "a departure is skipped");
            departures.extend(items.iter().filter_map(|item| to_pending(item).inspect_err(skip).ok()));
        }
        Ok(departures)
    }

    pub(super) async fn write_told(&self, departure: &Departure, at: Timestamp) -> Result<(), StoreError> {
        let action = || format!("noting that departure {} is known", departure.id());
        let is_there = Condition::new("attribute_exists(pk)", [(":told", AttributeValue::S(time(at)))]);
        let noted = self.table.update_if(keys::departure(departure), "SET told = :told", &is_there).await;
        // One that is refused is forgotten.
        noted.map(drop).map_err(failed(action()))
    }

    pub(super) async fn delete_departure(&self, departure: &Departure) -> Result<(), StoreError> {
        let action = || format!("forgetting departure {}", departure.id());
        self.table.delete(keys::departure(departure)).await.map_err(failed(action()))
    }
}

/// A departure as an item.
pub(super) fn from_departure(departure: &Departure) -> Result<Item, Corrupt> {
    from_entry(keys::departure(departure), departure)
}

fn to_pending(item: &Item) -> Result<PendingDeparture, Corrupt> {
    let told = item.contains_key(TOLD).then(|| to_time(item, TOLD)).transpose()?;
    Ok(PendingDeparture { departure: to_entry(item)?, told })
}

/// A record of the stream of a silo's table, as Lambda delivers it: rows are gone.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct DepartureRecord(stream::Record);

impl DepartureRecord {
    /// Names the record in a batch response.
    #[must_use]
    pub fn sequence_number(&self) -> &str {
        self.0.sequence_number()
    }

    /// The table whose stream it comes from; empty if that cannot be read.
    #[must_use]
    pub fn table(&self) -> &str {
        self.0.table()
    }

    /// Who is gone.
    ///
    /// # Errors
    /// It was written by another version of this product and cannot be read.
    pub fn departure(&self) -> Result<Departure, PortError> {
        self.0.entry().map_err(unreadable(|| "read who is gone"))
    }
}

#[cfg(test)]
mod tests {
    use silo::Departed;

    use super::*;
    use crate::stream::tests::record_of;

    #[test]
    fn a_record_of_the_stream_says_who_is_gone() {
        let departed = |object| Departed { table: "auth_user".to_owned(), object };
        let departure = Departure { departed: vec![departed(7), departed(4)] };
        let item = from_departure(&departure).expect("an item");
        let record: DepartureRecord = serde_json::from_value(record_of(&item)).expect("a record");
        assert_eq!((record.sequence_number(), record.table()), ("111", "CellTable"));
        assert_eq!(record.departure().expect("a departure"), departure);
    }
}
