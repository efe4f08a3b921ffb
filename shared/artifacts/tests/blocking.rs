//! What is logged on a thread that may block belongs to whoever waits for it. Alone in its process, because it reads what
//! all threads log.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use pipeline::ids::{Generation, RelocationId, Trace};
use runtime::telemetry;
use testkit::Log;
use tracing::{Instrument, info};

#[tokio::test]
async fn lines_of_work_that_blocks_say_whose_they_are() {
    let log = Log::of_the_process();
    let id: RelocationId = "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90".parse().unwrap();
    let trace = Trace::new(id, Generation(2));
    let span = telemetry::span("importing", Some(3));
    telemetry::join(&span, trace);
    let work = artifacts::drive(async || {
        info!("on another thread");
        Ok(())
    });
    work.instrument(span).await.unwrap();
    log.assert_about(trace, "importing", Some(3));
}
