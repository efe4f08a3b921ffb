//! Keeps how far undoing is, and stops it when its slice is over.

use std::time::Duration;

use artifacts::{find_json, put_small};
use pipeline::port::{Clock, PortError, ReadObjects, WriteObjects};
use pipeline::undo::{UndoProgress, UndoRecord};
use runtime::telemetry::Chain;
use tokio::time::Instant;
use tracing::warn;
use transfer::undo::{Obstacles, Phase, Proceed, Progress, UndoState, Watch};

use crate::told;

/// How often it is kept how far undoing is.
const KEPT_EVERY: Duration = Duration::from_secs(2);

/// Watches undoing.
pub(crate) struct Keeper<'a, O> {
    objects: &'a O,
    clock: &'a dyn Clock,
    key: String,
    ends: Instant,
    kept: Instant,
    pages: u64,
    progress: Progress,
    /// Whether the record says that rows may change.
    may_change: bool,
    /// What was kept last.
    pub(crate) last: UndoState,
}

impl<'a, O: ReadObjects + WriteObjects> Keeper<'a, O> {
    /// A watch that lasts until `ends` and keeps its record under this key. Unless rows may change, it ends before the
    /// first one does.
    pub(crate) fn new(
        objects: &'a O,
        clock: &'a dyn Clock,
        key: String,
        ends: Instant,
        may_change: bool,
    ) -> Self {
        let progress = Progress { phase: Phase::Looking, rows_done: 0, rows_total: 0 };
        let last = UndoState::default();
        Self { objects, clock, key, ends, kept: Instant::now(), pages: 0, progress, may_change, last }
    }

    /// What the slice before this one left; what there is before the first one.
    pub(crate) async fn so_far(&mut self) -> Result<UndoState, PortError> {
        let Some(record) = find_json::<UndoRecord>(self.objects, &self.key).await? else {
            return Ok(UndoState::default());
        };
        let broken = |error| PortError::permanent(format!("read {}", self.key), error);
        self.last = serde_json::from_value(record.state).map_err(broken)?;
        Ok(self.last.clone())
    }

    /// Whether rows would change next, and the record does not say so yet.
    pub(crate) fn waits_for_record(&self) -> bool {
        self.is_undoing() && !self.may_change
    }

    fn is_undoing(&self) -> bool {
        self.progress.phase != Phase::Looking
    }

    /// Keeps what undoing came to so far.
    pub(crate) async fn keep(&mut self, state: &UndoState, obstacles: &Obstacles) -> Result<(), PortError> {
        let broken = |error| PortError::permanent(format!("write {}", self.key), error);
        let record = UndoRecord {
            progress: UndoProgress {
                undoing: self.is_undoing(),
                rows_done: self.progress.rows_done,
                rows_total: self.progress.rows_total,
                updated: self.clock.now(),
            },
            report: told::report(&state.report),
            obstacles: told::obstacles(obstacles),
            state: serde_json::to_value(state).map_err(broken)?,
        };
        let record = serde_json::to_vec_pretty(&record).map_err(broken)?;
        put_small(self.objects, &self.key, record).await?;
        self.last = state.clone();
        self.kept = Instant::now();
        Ok(())
    }
}

impl<O: ReadObjects + WriteObjects> Watch for Keeper<'_, O> {
    /// However short its time, a slice deals with a page.
    async fn proceed(&mut self, progress: Progress, state: &UndoState) -> Proceed {
        self.progress = progress;
        if self.waits_for_record() || (Instant::now() >= self.ends && self.pages > 0) {
            return Proceed::Stop;
        }
        self.pages += 1;
        if self.kept.elapsed() >= KEPT_EVERY
            && let Err(error) = self.keep(state, &state.obstacles).await
        {
            // The next one will be: it is for people to look at, and for whoever goes on after a crash.
            warn!(error = %Chain(&error), "it could not be kept how far undoing is");
        }
        Proceed::GoOn
    }
}
