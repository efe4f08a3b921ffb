//! Scheduled deletions in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use catalog::SiloKind;
use silo::{Page, StoreError};

use super::{ScheduledDeletion, Schedules};
use crate::DeletionJob;

/// Keeps scheduled deletions in memory, for tests.
#[derive(Debug, Default)]
pub struct MemorySchedules(Mutex<BTreeMap<DeletionJob, ScheduledDeletion>>);

impl MemorySchedules {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<DeletionJob, ScheduledDeletion>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Schedules for MemorySchedules {
    async fn get(&self, job: &DeletionJob) -> Result<Option<ScheduledDeletion>, StoreError> {
        Ok(self.lock().get(job).cloned())
    }

    async fn page(
        &self,
        silo: SiloKind,
        after: Option<&DeletionJob>,
        limit: usize,
    ) -> Result<Page<ScheduledDeletion, DeletionJob>, StoreError> {
        let schedules = self.lock();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind =
            schedules.range((from, Bound::Unbounded)).filter(|(job, _)| job.silo == silo).map(|(_, it)| it);
        let items: Vec<ScheduledDeletion> = behind.by_ref().take(limit).cloned().collect();
        let has_more = behind.next().is_some();
        let next = items.last().filter(|_| has_more).map(|last| last.job.clone());
        Ok(Page { items, next })
    }

    async fn change(
        &self,
        job: &DeletionJob,
        from: Option<&ScheduledDeletion>,
        to: Option<&ScheduledDeletion>,
    ) -> Result<bool, StoreError> {
        let version = |record: &ScheduledDeletion| (record.id, record.revision);
        let mut schedules = self.lock();
        let is_as_read = schedules.get(job).map(version) == from.map(version);
        if is_as_read {
            match to {
                Some(to) => schedules.insert(job.clone(), to.clone()),
                None => schedules.remove(job),
            };
        }
        Ok(is_as_read)
    }
}
