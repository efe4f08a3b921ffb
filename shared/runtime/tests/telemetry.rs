//! Log lines are JSON, name what they are about, and hold no payload.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use runtime::telemetry::subscriber;
use serde_json::Value;
use tracing::{info, info_span};
use tracing_subscriber::filter::LevelFilter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn of(level: LevelFilter, log: impl FnOnce()) -> Vec<Value> {
        let lines = Self::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(level, move || writer.clone()), log);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_line_names_relocation_task_and_attempt() {
    let lines = Lines::of(LevelFilter::INFO, || {
        let attempt = tracing::field::Empty;
        let span = info_span!("visit", relocation = "5d3c", task = "importing", attempt);
        span.record("attempt", 2);
        span.in_scope(|| info!(code = "no-users", "the task ends"));
    });
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    assert_eq!(line["message"], "the task ends");
    assert_eq!(line["code"], "no-users");
    assert_eq!(line["span"]["relocation"], "5d3c");
    assert_eq!(line["span"]["task"], "importing");
    assert_eq!(line["span"]["attempt"], 2);
}

#[test]
fn crates_that_log_whole_requests_are_kept_quiet() {
    let lines = Lines::of(LevelFilter::DEBUG, || {
        tracing::debug!(target: "aws_smithy_runtime", "a request with everything in it");
        tracing::debug!(target: "hyper_util::client", "a connection");
        tracing::warn!(target: "aws_config", "a warning");
        tracing::debug!(target: "preprocessing_scan", "ours");
    });
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["a warning", "ours"]);
}
