//! Tells how far a task is, as often as people look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pipeline::ids::RelocationId;
use pipeline::port::KeepProgress;
use pipeline::progress::{ModelProgress, Progress};
use pipeline::task::OrderedTask;
use tokio::time::Instant;
use tracing::warn;

use crate::telemetry::Chain;

/// How long what was told stands before it is told anew.
const EVERY: Duration = Duration::from_secs(2);

/// Stores how far a task is, now and then. That it cannot be stored does the task no harm.
pub struct ProgressTeller<S> {
    store: Arc<S>,
    id: RelocationId,
    task: OrderedTask,
    /// When this began, in both kinds of time.
    began: (Instant, Timestamp),
    told: Option<Instant>,
}

impl<S: KeepProgress> ProgressTeller<S> {
    /// Tells of a task of a relocation, which goes on at `now`.
    pub fn new(store: Arc<S>, id: RelocationId, task: OrderedTask, now: Timestamp) -> Self {
        Self { store, id, task, began: (Instant::now(), now), told: None }
    }

    /// Says that so many rows of so many are dealt with; by model, if anybody is to know.
    pub async fn tell<'m>(
        &mut self,
        rows_done: u64,
        rows_total: u64,
        models: impl Iterator<Item = (&'m str, u64, u64)> + Send,
    ) {
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let models: BTreeMap<String, ModelProgress> =
            models.map(|(name, done, total)| (name.to_owned(), ModelProgress { done, total })).collect();
        let updated = self.began.1.saturating_add(self.began.0.elapsed()).unwrap_or(Timestamp::MAX);
        let progress = Progress { task: self.task, rows_done, rows_total, models, updated };
        if let Err(error) = self.store.save_progress(self.id, &progress).await {
            warn!(error = %Chain(&error), "how far the task is could not be stored");
        }
    }
}
