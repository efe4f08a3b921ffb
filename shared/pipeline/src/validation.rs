//! The validation of a relocation and its runs (SPEC, "The relocation record").

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{BuildId, RelocationId};
pub use crate::kinds::ValidationStatus;

/// The most validation runs that a relocation gets.
pub const MAX_RUNS: usize = 3;

/// A relocation's validation. It stays in progress while runs are left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// What came of it.
    pub status: ValidationStatus,
    /// Its runs, oldest first.
    pub attempts: Vec<Attempt>,
}

/// One validation run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Which run.
    pub build: BuildId,
    /// What came of it.
    pub status: ValidationStatus,
    /// When it was started.
    pub date: Timestamp,
    /// When it came to its end and left its findings to be judged.
    pub ended_at: Option<Timestamp>,
}

/// What a poll sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// The run is under way.
    Running,
    /// The run came to its end; its findings are there.
    Ended,
    /// The run failed or was cancelled.
    Failed,
    /// The run had its time.
    TimedOut,
}

impl Validation {
    /// A validation without runs.
    #[must_use]
    pub const fn new() -> Self {
        Self { status: ValidationStatus::InProgress, attempts: Vec::new() }
    }

    /// The latest run.
    #[must_use]
    pub fn latest(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Whether another run may be started.
    #[must_use]
    pub const fn has_runs_left(&self) -> bool {
        self.attempts.len() < MAX_RUNS
    }

    /// Records a new run and names it; nothing when no run is left.
    pub fn start_run(&mut self, relocation: RelocationId, now: Timestamp) -> Option<BuildId> {
        if !self.has_runs_left() {
            return None;
        }
        let run = u32::try_from(self.attempts.len()).ok()?.checked_add(1)?;
        let build = BuildId { relocation, run };
        self.attempts.push(Attempt {
            build,
            status: ValidationStatus::InProgress,
            date: now,
            ended_at: None,
        });
        Some(build)
    }

    /// Raises a run's status, and the validation's with it once the verdict is out or no run is left.
    pub fn conclude(&mut self, build: BuildId, status: ValidationStatus) {
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.build == build) else {
            return;
        };
        attempt.status = attempt.status.max(status);
        let verdict = attempt.status >= ValidationStatus::Invalid;
        if verdict {
            self.status = self.status.max(attempt.status);
        } else if !self.has_runs_left() {
            let best = self.attempts.iter().map(|attempt| attempt.status).max();
            self.status = self.status.max(best.unwrap_or(self.status));
        }
    }
}

impl Default for Validation {
    fn default() -> Self {
        Self::new()
    }
}

impl Attempt {
    /// What a poll at `now` sees, when a run may take as long as `timeout`.
    #[must_use]
    pub fn poll(&self, now: Timestamp, timeout: Duration) -> Poll {
        let elapsed = Duration::try_from(now.duration_since(self.date)).unwrap_or_default();
        match self.status {
            ValidationStatus::Timeout => Poll::TimedOut,
            ValidationStatus::Failure => Poll::Failed,
            ValidationStatus::Invalid | ValidationStatus::Valid => Poll::Ended,
            ValidationStatus::InProgress if self.ended_at.is_some() => Poll::Ended,
            ValidationStatus::InProgress if elapsed >= timeout => Poll::TimedOut,
            ValidationStatus::InProgress => Poll::Running,
        }
    }
}
