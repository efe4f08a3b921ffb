//! The deletions that are scheduled in a silo, in its table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use catalog::SiloKind;
use deletion::DeletionJob;
use deletion::schedule::{ScheduledDeletion, Schedules};
use silo::{Page, StoreError};

use super::import::record;
use super::item::{self, Corrupt};
use super::read::{from_sort_key, of_partition};
use super::{corrupt, failed};
use crate::keys::{self, PK};
use crate::table::{Condition, IS_FREE, Table, Written};

const ID: &str = "deletionId";
const REVISION: &str = "revision";

/// The scheduled deletions of both silos.
#[derive(Debug)]
pub struct DynamoSchedules {
    cell: Table,
    control: Table,
}

impl DynamoSchedules {
    /// The scheduled deletions in the tables of these names.
    pub fn new(client: Client, cell: impl Into<String>, control: impl Into<String>) -> Self {
        Self { cell: Table::new(client.clone(), cell), control: Table::new(client, control) }
    }

    fn table(&self, silo: SiloKind) -> &Table {
        match silo {
            SiloKind::Cell => &self.cell,
            SiloKind::Control => &self.control,
        }
    }
}

impl Schedules for DynamoSchedules {
    async fn get(&self, job: &DeletionJob) -> Result<Option<ScheduledDeletion>, StoreError> {
        let action = || format!("reading the scheduled deletion of {job}");
        let item = self.table(job.silo).get(keys::deletion(job)).await.map_err(failed(action()))?;
        item.as_ref().map(item::to_record).transpose().map_err(corrupt(action()))
    }

    async fn page(
        &self,
        silo: SiloKind,
        after: Option<&DeletionJob>,
        limit: usize,
    ) -> Result<Page<ScheduledDeletion, DeletionJob>, StoreError> {
        let action = || format!("listing the scheduled deletions of the {silo}");
        let table = self.table(silo);
        let query = table.query().consistent_read(true);
        let query = match after {
            None => of_partition(query, keys::DELETIONS),
            Some(job) => from_sort_key(query, PK, keys::DELETIONS.to_owned(), keys::behind_deletion(job)),
        };
        let (items, has_more) = table.page(query, limit).await.map_err(failed(action()))?;
        let items = items.iter().map(item::to_record).collect::<Result<Vec<ScheduledDeletion>, Corrupt>>();
        let items = items.map_err(corrupt(action()))?;
        let next = items.last().filter(|_| has_more).map(|last| last.job.clone());
        Ok(Page { items, next })
    }

    async fn change(
        &self,
        job: &DeletionJob,
        from: Option<&ScheduledDeletion>,
        to: Option<&ScheduledDeletion>,
    ) -> Result<bool, StoreError> {
        let action = || format!("changing the scheduled deletion of {job}");
        let (table, condition) = (self.table(job.silo), is_still(from));
        let written = match (from, to) {
            (_, Some(to)) => {
                let mut item = record(action(), keys::deletion(job), to)?;
                item.insert(ID.to_owned(), AttributeValue::S(to.id.to_string()));
                item.insert(REVISION.to_owned(), AttributeValue::N(to.revision.to_string()));
                table.put_if(item, &condition).await
            }
            (Some(_), None) => table.delete_if(keys::deletion(job), &condition).await,
            (None, None) => return Ok(self.get(job).await?.is_none()),
        };
        Ok(matches!(written.map_err(failed(action()))?, Written::Done(_)))
    }
}

/// The record is as it was read.
fn is_still(from: Option<&ScheduledDeletion>) -> Condition {
    let Some(from) = from else { return Condition::new(IS_FREE, []) };
    let (id, revision) = (from.id.to_string(), from.revision.to_string());
    Condition::new(
        "deletionId = :id AND revision = :revision",
        [(":id", AttributeValue::S(id)), (":revision", AttributeValue::N(revision))],
    )
}
