use std::error::Error;
use std::future::Future;

use jiff::Timestamp;
use pipeline::code::ErrorCode;
use pipeline::port::{CommitError, PortError};
use pipeline::relocation::{Failure, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::Finished;
use tokio::time::{Duration, Instant};

use crate::blocking::port_error_in;
use crate::fence::Fence;

/// The body of an ordered task. It must be idempotent: running it twice, or two at once, changes nothing
/// more. What it decides it returns, to be stored with the outcome; it commits nothing itself.
pub trait Task: Send + Sync {
    /// Which task this is.
    const TASK: OrderedTask;

    /// Does the task's work.
    fn run(&self, context: &TaskContext) -> impl Future<Output = Result<Finished, TaskError>> + Send;
}

/// What a body knows of its visit.
#[derive(Clone, Debug)]
pub struct TaskContext {
    /// The record as it was when the task started.
    pub relocation: Relocation,
    /// When the task started.
    pub now: Timestamp,
    /// Whether the run may still change anything.
    pub fence: Fence,
    /// When a long task has to save its progress and ask for another turn.
    pub(crate) slice_ends: Instant,
}

impl TaskContext {
    /// How much of the slice is left. A task that has more to do when nothing is left returns
    /// [`Finished::again`].
    #[must_use]
    pub fn slice_left(&self) -> Duration {
        self.slice_ends.saturating_duration_since(Instant::now())
    }
}

/// Why a body ended without an outcome.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A definite verdict against the relocation: it fails at once, and the customer reads the detail.
    #[error("{}", .0.detail)]
    Verdict(Failure),
    /// Something stood in the way. If a retry can help, there is one while attempts are left; the customer
    /// reads the task's own code, the log has the source.
    #[error("the task broke off")]
    Broken {
        /// Whether a retry can help.
        retryable: bool,
        /// What stood in the way.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The relocation has ended or another run has taken over: nothing more is to be done.
    #[error("the run was superseded")]
    Superseded,
}

impl TaskError {
    /// A definite verdict, in the words of its code.
    #[must_use]
    pub fn verdict(code: ErrorCode) -> Self {
        Self::Verdict(code.into())
    }

    /// Something that may be gone when it is tried again.
    pub fn transient(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken { retryable: true, source: source.into() }
    }

    /// Something that will come again.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken { retryable: false, source: source.into() }
    }

    /// An error that may have come from a port, through layers that know nothing of ports: a parser that
    /// read from an object. Retryable if that port's error is; permanent if none is found.
    pub fn from_layers(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        let retryable = port_error_in(source.as_ref()).is_some_and(PortError::retryable);
        Self::Broken { retryable, source }
    }
}

impl From<CommitError> for TaskError {
    fn from(error: CommitError) -> Self {
        Self::Broken { retryable: error.retryable(), source: error.into() }
    }
}

impl From<PortError> for TaskError {
    fn from(error: PortError) -> Self {
        Self::Broken { retryable: error.retryable(), source: error.into() }
    }
}
