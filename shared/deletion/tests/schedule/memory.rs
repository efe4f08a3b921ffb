//! Scheduled deletions in memory keep the contract of every store of them.

use deletion::schedule::MemorySchedules;

async fn empty() -> Option<MemorySchedules> {
    Some(MemorySchedules::default())
}

deletion::schedules_contract!(empty);
