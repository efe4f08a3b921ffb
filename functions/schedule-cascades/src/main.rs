//! Serves `schedule-cascades` to Lambda.

use std::sync::Arc;

use platform::{Platform, SystemClock};
use schedule_cascades::ScheduleCascades;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let catalog = artifacts::catalogue(&platform.objects(), platform.config().catalog.as_deref()).await?;
    let function = ScheduleCascades {
        store: Arc::new(platform.relocations()),
        queues: platform.queues(),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        clock: Box::new(SystemClock),
    };
    runtime::lambda::serve_events(async |event, _| Ok(function.handle(event).await?)).await
}
