//! Figures for CloudWatch, in its embedded metric format: a log line that names those of its members that are
//! metrics. CloudWatch takes them out of the log, so that no function has to call it. The other members of the line,
//! such as `relocation` and `trace`, say whose figures they are, without being dimensions.
//!
//! The dimensions are the cell and, for what a task does, the task; for what is reconciled across silos, the key.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::code::{Concern, ErrorCode};
use pipeline::commit::Commit;
use pipeline::message::Verdict;
use serde_json::{Map, Value, json};
use tracing::{Span, info};

use crate::telemetry;

/// What all figures are filed under.
const NAMESPACE: &str = "Relocation";

/// The target of events that are figures. They are written whatever the level of the log.
pub(crate) const TARGET: &str = "metrics";

/// The field in which such an event has the members of its line.
const FIELD: &str = "figures";

/// Declares the metrics: their names and units.
macro_rules! metrics {
    ($( $(#[$meta:meta])* $metric:ident, $unit:literal; )+) => {
        /// What is counted or measured.
        #[derive(Clone, Copy, Debug)]
        enum Metric {
            $( $(#[$meta])* $metric, )+
        }

        impl Metric {
            const fn name(self) -> &'static str {
                match self { $(Self::$metric => stringify!($metric),)+ }
            }

            const fn unit(self) -> &'static str {
                match self { $(Self::$metric => $unit,)+ }
            }
        }
    };
}

// The dashboard and the alarms of the template name them; a test compares the two.
metrics! {
    /// Tasks whose first attempt started. A turn that goes on where another ended starts nothing.
    TasksStarted, "Count";
    /// Further attempts.
    TasksRetried, "Count";
    /// Tasks that failed their relocation, save by an administrator's decision.
    TasksFailed, "Count";
    /// How long a task's body ran, for each attempt and each turn.
    TaskDuration, "Milliseconds";
    /// How many rows of the file an import dealt with in a second, for each turn.
    RowsPerSecond, "Count/Second";
    /// Relocations that ended in success.
    RelocationsSucceeded, "Count";
    /// Relocations that failed for a reason that an operator has to look at.
    RelocationsFailed, "Count";
    /// Relocations that failed because of their file or its upload.
    RelocationsRefused, "Count";
    /// Relocations that an administrator cancelled or aborted.
    RelocationsStopped, "Count";
    /// What was given up, and waits for an operator: scheduled deletions, the undoing of relocations.
    GivenUp, "Count";
    /// Above which id a pass over a key across silos looked.
    CascadeLowBound, "None";
    /// How many ids may lie ahead of its watermark.
    CascadeWatermarkDelta, "Count";
    /// How old the oldest tombstone was that a job met.
    CascadeLag, "Milliseconds";
}

/// An attempt at a task has begun, counted from 1. To be called once for each, not when a message comes again.
pub fn attempt_started(task: &str, attempt: u32) {
    let metric = if attempt > 1 { Metric::TasksRetried } else { Metric::TasksStarted };
    emit(Some(task), metric, 1.0);
}

/// An attempt at a task, or a turn of it, has ended.
pub fn attempt_ended(task: &str, lasted: Duration) {
    emit(Some(task), Metric::TaskDuration, lasted.as_secs_f64() * 1000.0);
}

/// A task has failed for good.
pub fn task_failed(task: &str) {
    emit(Some(task), Metric::TasksFailed, 1.0);
}

/// A task has dealt with so many rows of a file. Nothing is said of none, nor of no time.
pub fn rows_done(task: &str, rows: u64, lasted: Duration) {
    if rows > 0 && !lasted.is_zero() {
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        emit(Some(task), Metric::RowsPerSecond, rows as f64 / lasted.as_secs_f64());
    }
}

/// A commit was stored: counts what ended by it, and lets the span around it say which relocation and run it serves,
/// unless it does so already. Whoever stores commits calls this once for each.
pub fn committed(commit: &Commit) {
    let relocation = &commit.relocation;
    telemetry::join(&Span::current(), relocation.trace());
    if let Some((visit, answer)) = &commit.outcome
        && answer.outcome == Verdict::Failed
        && answer.code.map(ErrorCode::concern) != Some(Concern::Administrator)
    {
        task_failed(visit.task.name());
    }
    if commit.undo_broke_off() {
        given_up("undo-relocation");
    }
    let Some(end) = commit.end() else { return };
    info!(
        relocation = %relocation.id,
        trace = %relocation.trace(),
        code = end.err().map(ErrorCode::as_str),
        "the relocation ends"
    );
    let metric = match end.map_err(ErrorCode::concern) {
        Ok(()) => Metric::RelocationsSucceeded,
        Err(Concern::Operator) => Metric::RelocationsFailed,
        Err(Concern::Customer) => Metric::RelocationsRefused,
        Err(Concern::Administrator) => Metric::RelocationsStopped,
    };
    emit(None, metric, 1.0);
}

/// A function has given something up that waits for an operator now.
pub fn given_up(function: &str) {
    emit(Some(function), Metric::GivenUp, 1.0);
}

/// A pass over a model's key across silos has looked above an id, with so many ids left ahead of it (SPEC §10).
pub fn watermark(model: &str, field: &str, low: i64, ahead: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge need not be exact")]
    let (low, ahead) = (low as f64, ahead as f64);
    let key = format!("{model}.{field}");
    emit_by(Some(("key", &key)), Metric::CascadeLowBound, low);
    emit_by(Some(("key", &key)), Metric::CascadeWatermarkDelta, ahead);
}

/// A job for a model's key across silos has met a tombstone that was so old (SPEC §10).
pub fn cascade_lag(model: &str, field: &str, lag: Duration) {
    emit_by(Some(("key", &format!("{model}.{field}"))), Metric::CascadeLag, lag.as_secs_f64() * 1000.0);
}

fn emit(task: Option<&str>, metric: Metric, value: f64) {
    emit_by(task.map(|task| ("task", task)), metric, value);
}

/// Writes a figure of the cell and, if it is about something within it, of that: a dimension and its value.
fn emit_by(about: Option<(&str, &str)>, metric: Metric, value: f64) {
    let dimensions = match about {
        Some((dimension, _)) => json!([["cell"], ["cell", dimension]]),
        None => json!([["cell"]]),
    };
    let mut figures = json!({
        "_aws": {
            "Timestamp": Timestamp::now().as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": dimensions,
                "Metrics": [{ "Name": metric.name(), "Unit": metric.unit() }],
            }],
        },
    });
    if let Value::Object(figures) = &mut figures {
        figures.insert(metric.name().to_owned(), value.into());
        figures.extend(about.map(|(dimension, value)| (dimension.to_owned(), value.into())));
    }
    info!(target: TARGET, figures = %figures);
}

/// What an event of this target has to say as members of its line.
pub(crate) fn figures(target: &str, line: &mut Map<String, Value>) -> Option<Value> {
    if target != TARGET {
        return None;
    }
    serde_json::from_str(line.remove(FIELD)?.as_str()?).ok()
}
