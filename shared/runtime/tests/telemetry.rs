//! Log lines are JSON, name what they are about, and hold no payload.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use pipeline::ids::{Generation, RelocationId, Trace};
use runtime::telemetry::{join, span};
use serde_json::Value;
use testkit::Log;
use tracing::{info, info_span};

fn id() -> RelocationId {
    "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().unwrap()
}

fn only(log: &Log) -> Value {
    let lines = log.lines();
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    line.clone()
}

#[test]
fn a_line_says_where_it_was_written_and_what_it_is_about() {
    let log = Log::with(&[("CELL", "us"), ("AWS_LAMBDA_FUNCTION_NAME", "relocation-us-importing")]);
    let span = span("importing", Some(2));
    join(&span, Trace::new(id(), Generation(3)));
    span.in_scope(|| {
        info_span!("inner", part = 7).in_scope(|| info!(code = "no-users", done = true, "the task ends"))
    });
    let line = only(&log);
    for (name, value) in [
        ("message", "the task ends".into()),
        ("level", "INFO".into()),
        ("cell", "us".into()),
        ("function", "relocation-us-importing".into()),
        ("task", "importing".into()),
        ("attempt", 2.into()),
        ("relocation", id().to_string().into()),
        ("trace", format!("{}-3", id()).into()),
        ("part", 7.into()),
        ("code", "no-users".into()),
        ("done", Value::Bool(true)),
    ] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
}

/// A line that is about something else than its span says so, once.
#[test]
fn what_a_line_says_itself_stands() {
    let log = Log::new();
    span("api", None).in_scope(|| info!(task = "importing", "another's"));
    let line = only(&log);
    assert_eq!(line["task"], "importing");
    assert_eq!(line.to_string().matches("\"task\"").count(), 1);
}

#[test]
fn a_span_stays_with_the_run_that_it_began_with() {
    let log = Log::new();
    let span = span("importing", None);
    join(&span, Trace::new(id(), Generation(1)));
    join(&span, Trace::new(id(), Generation(2)));
    span.in_scope(|| info!("a line"));
    assert_eq!(only(&log)["trace"], format!("{}-1", id()));
}

/// Who wants errors alone wants to know whose they are.
#[test]
fn a_quiet_log_still_says_what_its_lines_are_about() {
    let log = Log::with(&[("RUST_LOG", "error")]);
    let span = span("importing", Some(1));
    join(&span, Trace::new(id(), Generation(1)));
    span.in_scope(|| {
        info!("not wanted");
        tracing::error!("wanted");
    });
    let line = only(&log);
    assert_eq!((&line["message"], &line["relocation"]), (&"wanted".into(), &id().to_string().into()));
}

#[test]
fn crates_that_log_whole_requests_are_kept_quiet() {
    let log = Log::with(&[("RUST_LOG", "debug")]);
    tracing::debug!(target: "aws_smithy_runtime", "a request with everything in it");
    tracing::debug!(target: "hyper_util::client", "a connection");
    tracing::warn!(target: "aws_config", "a warning");
    tracing::debug!(target: "preprocessing_scan", "ours");
    let lines = log.lines();
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["a warning", "ours"]);
}
