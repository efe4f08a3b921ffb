//! Logs: one JSON object a line. Every line says in which `cell` and `function` it was written; within a message or
//! an event also `relocation`, `trace`, `task` and `attempt`. None carries a payload, a secret or an e-mail address.
//!
//! `trace` names the run of a relocation and is the same in all functions, so that it finds all lines of a run, from
//! the call that began it to the last mail. Messages and events carry what it is made of.

mod line;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::panic::PanicHookInfo;

use pipeline::ids::Trace;
use serde_json::Map;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber, error_span, field};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::name;
use crate::metrics;
use line::Lines;

/// Crates, by the beginning of their names, that log whole requests when they are let: only their warnings are
/// kept.
const TALKATIVE: [&str; 6] = ["aws", "h2", "hyper", "lambda_runtime", "rustls", "tower"];

/// What Lambda calls the function.
const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Sets up logging to standard output for the whole process, as these variables say, such as [`std::env::vars`]:
/// `RUST_LOG` is `error`, `warn`, `info` or `debug`; anything else counts as `info`. A panic is logged with its place
/// but without its message, which may quote data.
pub fn init(variables: impl IntoIterator<Item = (String, String)>) {
    // A subscriber that is set already was set by a test or by ourselves; it may stay.
    let _ = tracing::subscriber::set_global_default(subscriber(variables, std::io::stdout));
    std::panic::set_hook(Box::new(log_panic));
}

/// The subscriber that [`init`] sets, writing elsewhere.
pub fn subscriber<W>(
    variables: impl IntoIterator<Item = (String, String)>,
    writer: W,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let variables: BTreeMap<_, _> = variables.into_iter().collect();
    let level = variables.get("RUST_LOG").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let constant = [("cell", name::CELL), ("function", FUNCTION)];
    let constant: Map<_, _> = constant
        .into_iter()
        .filter_map(|(member, name)| Some((member.to_owned(), variables.get(name)?.as_str().into())))
        .collect();
    let warnings = level.min(LevelFilter::WARN);
    let targets = Targets::new()
        .with_default(level)
        .with_targets(TALKATIVE.map(|target| (target, warnings)))
        .with_target(metrics::TARGET, LevelFilter::INFO);
    tracing_subscriber::registry().with(Lines::new(writer, constant).with_filter(targets))
}

/// The span of whatever a function does at once: a message, an event, a request. `attempt` is how often it was tried,
/// this time included, where that is known. What it is about, [`join`] says.
///
/// Its level is that of errors, so that no line is without it, whichever lines are wanted.
#[must_use]
pub fn span(task: &str, attempt: Option<u32>) -> Span {
    error_span!(target: "runtime", "work", task, attempt, relocation = field::Empty, trace = field::Empty)
}

/// Lets a span, if it does not say so yet, say which relocation and which run of it it serves.
pub fn join(span: &Span, trace: Trace) {
    span.record("relocation", field::display(trace.relocation()));
    span.record("trace", field::display(trace));
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    tracing::error!(target: "runtime", place, "panicked");
}

/// An error with all its sources, for a log line.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(source) = next {
            write!(f, ": {source}")?;
            next = source.source();
        }
        Ok(())
    }
}
