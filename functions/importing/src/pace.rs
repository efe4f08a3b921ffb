//! How fast a turn of an import is.

use runtime::metrics;
use tokio::time::Instant;
use transfer::import::Progress;

/// Tells the rows that a turn dealt with from those that it found dealt with.
pub(crate) struct Pace {
    began: Instant,
    found: u64,
    done: u64,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), found: 0, done: 0 }
    }

    /// Takes note of how far the import is, before each batch.
    pub(crate) const fn note(&mut self, progress: &Progress<'_>) {
        self.done = progress.rows_done;
        if progress.batches_written == 0 {
            self.found = progress.rows_done;
        }
    }

    /// The turn is over, with so many rows dealt with in all, if that is known.
    pub(crate) fn report(&self, task: &str, done: Option<u64>) {
        let rows = done.unwrap_or(self.done).saturating_sub(self.found);
        metrics::rows_done(task, rows, self.began.elapsed());
    }
}
