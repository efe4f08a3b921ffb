//! Logs: one JSON object a line. Every line of a task carries `relocation`, `task` and `attempt` (in `span`);
//! none carries a payload, a secret or an e-mail address.

use std::error::Error;
use std::fmt;
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// Crates, by the beginning of their names, that log whole requests when they are let: only their warnings are
/// kept.
const TALKATIVE: [&str; 6] = ["aws", "h2", "hyper", "lambda_runtime", "rustls", "tower"];

/// Sets up logging to standard output for the whole process. `level` is what `RUST_LOG` says: `error`, `warn`,
/// `info` or `debug`; anything else counts as `info`. A panic is logged with its place but without its message,
/// which may quote data.
pub fn init(level: Option<&str>) {
    let level = level.and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // A subscriber that is set already was set by a test or by ourselves; it may stay.
    let _ = tracing::subscriber::set_global_default(subscriber(level, std::io::stdout));
    std::panic::set_hook(Box::new(log_panic));
}

/// The subscriber that [`init`] sets, writing elsewhere.
pub fn subscriber<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let json = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer);
    let warnings = level.min(LevelFilter::WARN);
    let targets = Targets::new().with_default(level).with_targets(TALKATIVE.map(|target| (target, warnings)));
    tracing_subscriber::registry().with(targets).with(json)
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
