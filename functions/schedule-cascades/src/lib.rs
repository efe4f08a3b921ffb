//! `schedule-cascades`: starts one job for each key across silos of the models that live in a silo (SPEC §10), unless the
//! option `hybrid_cloud.disable_tombstone_cleanup` says otherwise.
//!
//! It also closes imports of which no rows will appear any more, because their relocation has ended: an import that is
//! left open holds back the watermarks of its models.

use std::sync::Arc;
use std::time::Duration;

use catalog::SiloKind;
use deletion::CascadeJob;
use pipeline::ids::RelocationId;
use pipeline::kinds::Status;
use pipeline::option::KnownOption;
use pipeline::port::{Clock, Options, PortError, Queue, ReadRelocations, SendMessages};
use runtime::telemetry;
use serde::{Deserialize, Serialize};
use silo::{Reconcile, StoreError, cross_silo_keys};
use tracing::{Instrument, info};

/// After this long nothing of a relocation that has ended is under way any more: twice as long as a function may run.
const LAST_WRITES: Duration = Duration::from_mins(10);

/// What the schedule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Invocation {
    /// The silo.
    pub silo: SiloKind,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scheduled {
    /// How many jobs were started.
    pub jobs: usize,
    /// How many imports were closed.
    pub closed: usize,
}

/// The function.
pub struct ScheduleCascades<R, Q, S> {
    /// Where options and relocations are.
    pub store: Arc<R>,
    /// Where jobs are asked for.
    pub queues: Q,
    /// The cell's silo.
    pub cell: Arc<S>,
    /// Control's silo.
    pub control: Arc<S>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
}

/// Why not all jobs were started. Those that were run all the same.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// A call failed.
    #[error("a call failed")]
    Port(#[from] PortError),
    /// A silo failed.
    #[error("a silo could not be used")]
    Silo(#[from] StoreError),
    /// A job cannot be written.
    #[error("a job cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl<R, Q, S> ScheduleCascades<R, Q, S>
where
    R: Options + ReadRelocations,
    Q: SendMessages,
    S: Reconcile,
{
    /// Starts the jobs of a silo.
    ///
    /// # Errors
    /// A call failed; whoever schedules it does it again.
    pub async fn handle(&self, invocation: Invocation) -> Result<Scheduled, ScheduleError> {
        self.schedule(invocation.silo).instrument(telemetry::span("schedule-cascades", None)).await
    }

    async fn schedule(&self, kind: SiloKind) -> Result<Scheduled, ScheduleError> {
        let closed = self.close_imports().await?;
        if KnownOption::DisableTombstoneCleanup.is_on(self.store.as_ref()).await? {
            info!(silo = %kind, "cascades across silos are disabled");
            return Ok(Scheduled { jobs: 0, closed });
        }
        let mut jobs = 0;
        for (model, key) in cross_silo_keys(self.cell.catalog(), kind) {
            let job = CascadeJob { silo: kind, model: model.name.clone(), field: key.field.clone() };
            self.queues.send(Queue::Cascade, serde_json::to_string(&job)?, Duration::ZERO).await?;
            jobs += 1;
        }
        info!(silo = %kind, jobs, closed, "cascades were scheduled");
        Ok(Scheduled { jobs, closed })
    }

    /// Closes what this cell's relocations have left open. Imports of others are theirs to close.
    async fn close_imports(&self) -> Result<usize, ScheduleError> {
        let mut closed = 0;
        for silo in [&self.cell, &self.control] {
            for import in silo.open_imports().await? {
                if self.has_ended(RelocationId::new(import)).await? {
                    silo.note_open(import, false).await?;
                    closed += 1;
                }
            }
        }
        Ok(closed)
    }

    async fn has_ended(&self, id: RelocationId) -> Result<bool, PortError> {
        let Some(relocation) = self.store.relocation(id).await? else { return Ok(false) };
        let is_over = matches!(relocation.status, Status::Failure | Status::Success);
        let since = self.clock.now().duration_since(relocation.date_updated);
        Ok(is_over && since >= LAST_WRITES.try_into().unwrap_or_default())
    }
}
