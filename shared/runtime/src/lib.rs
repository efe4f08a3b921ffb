//! What every function does around its body, over the ports of [`pipeline`]; no SDK.
//!
//! - [`run_task`]: one message of an ordered task, from the protocol to the answered token; the body is a
//!   [`Task`].
//! - [`Backoff`]: lets messages that failed be seen again later.
//! - [`update`]: reads a relocation, lets a transition decide, commits.
//! - [`give_up_visit`], [`give_up_run`]: what dead letters and failed runs come to.
//! - [`sqs`]: batches of messages, each handled on its own; [`lambda`] serves them.
//! - [`config`]: everything that the environment sets, read once.
//! - [`telemetry`]: one JSON object a line, with relocation, trace, task and attempt, never a payload.
//! - [`metrics`]: figures for CloudWatch, as log lines.
//! - [`blocking`]: streams of bytes for code that reads and writes.

mod backoff;
pub mod blocking;
pub mod config;
mod fence;
mod give_up;
pub mod lambda;
pub mod metrics;
mod progress;
mod run_task;
pub mod sqs;
mod task;
pub mod telemetry;
mod update;

pub use backoff::Backoff;
pub use fence::Fence;
pub use give_up::{give_up_run, give_up_visit};
pub use progress::ProgressTeller;
pub use run_task::{Ports, run_task};
pub use sqs::{Handled, Received};
pub use task::{Task, TaskContext, TaskError};
pub use update::update;
