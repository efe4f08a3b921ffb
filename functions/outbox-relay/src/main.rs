//! Serves `outbox-relay` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use outbox_relay::{Invocation, OutboxRelay};
use platform::{Platform, StreamRecord, SystemClock};

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let relay = OutboxRelay {
        cell: platform.config().cell.clone(),
        store: Arc::new(platform.relocations()),
        events: platform.events(),
        runs: platform.machine(),
        queues: platform.queues(),
        objects: Arc::new(platform.objects()),
        clock: Box::new(SystemClock),
        sweep_age: platform.config().waits.outbox_sweep_age,
    };
    let read = |record: &StreamRecord| (record.sequence_number().to_owned(), record.entry());
    runtime::lambda::serve_events(async |event: Invocation<_>, _| Ok(relay.handle(&event, read).await?)).await
}
