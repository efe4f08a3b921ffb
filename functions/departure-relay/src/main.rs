//! Serves `departure-relay` to Lambda.

use departure_relay::{DepartureRelay, Invocation, Record, homes};
use lambda_runtime::Error;
use platform::{DepartureRecord, Platform, SystemClock};

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let config = platform.config();
    let catalog = artifacts::catalogue(&platform.objects(), config.catalog.as_deref()).await?;
    let relay = DepartureRelay {
        cell: config.cell.clone(),
        homes: homes(config, platform.cell(catalog.clone()), platform.control(catalog)),
        events: platform.events(),
        clock: Box::new(SystemClock),
        settling: config.waits.index_settling,
    };
    let read =
        |record: &DepartureRecord| Record::new(record.sequence_number(), record.table(), record.departure());
    runtime::lambda::serve_events(async |event: Invocation<_>, left| {
        Ok(relay.handle(&event, read, left).await?)
    })
    .await
}
