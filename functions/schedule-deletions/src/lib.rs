//! `schedule-deletions`: calls for the deletions that are due in this stack's silos, and for those in progress that
//! nobody goes on with (SPEC §10). A deletion that is called for twice does no harm.

use std::time::Duration;

use catalog::SiloKind;
use deletion::schedule::Schedules;
use pipeline::port::{Clock, PortError, Queue, SendMessages};
use runtime::telemetry;
use serde::{Deserialize, Serialize};
use silo::StoreError;
use tracing::{Instrument, info};

/// How many scheduled deletions are read at a time.
const PAGE: usize = 1_000;

/// What the schedule asks for: nothing but that it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Invocation {}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scheduled {
    /// How many deletions were called for.
    pub called: usize,
}

/// The function.
pub struct ScheduleDeletions<C, Q> {
    /// Where scheduled deletions are.
    pub schedules: C,
    /// Where they are called for.
    pub queues: Q,
    /// The silos whose deletions this stack runs.
    pub silos: Vec<SiloKind>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
}

/// Why not all deletions were called for that are due. Those that were are run all the same.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// A call failed.
    #[error("a call failed")]
    Port(#[from] PortError),
    /// The store of scheduled deletions failed.
    #[error("the scheduled deletions could not be read")]
    Store(#[from] StoreError),
    /// A job cannot be written.
    #[error("a job cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// The silos whose deletions a stack runs: its cell, and control if that is here.
#[must_use]
pub fn silos(holds_control: bool) -> Vec<SiloKind> {
    if holds_control { vec![SiloKind::Cell, SiloKind::Control] } else { vec![SiloKind::Cell] }
}

impl<C: Schedules, Q: SendMessages> ScheduleDeletions<C, Q> {
    /// Calls for what is due.
    ///
    /// # Errors
    /// A call failed; whoever schedules it does it again.
    pub async fn handle(&self) -> Result<Scheduled, ScheduleError> {
        self.call().instrument(telemetry::span("schedule-deletions", None)).await
    }

    async fn call(&self) -> Result<Scheduled, ScheduleError> {
        let mut called = 0;
        for silo in &self.silos {
            let mut after = None;
            loop {
                let page = self.schedules.page(*silo, after.as_ref(), PAGE).await?;
                let now = self.clock.now();
                for record in page.items.iter().filter(|record| record.is_due(now)) {
                    let job = serde_json::to_string(&record.job)?;
                    self.queues.send(Queue::Deletion, job, Duration::ZERO).await?;
                    called += 1;
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        info!(called, "deletions that are due were called for");
        Ok(Scheduled { called })
    }
}
