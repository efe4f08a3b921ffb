//! Serves `delete-rows` to Lambda.

use std::sync::Arc;

use delete_rows::DeleteRows;
use platform::{Platform, SystemClock};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let catalog = artifacts::catalogue(&platform.objects(), platform.config().catalog.as_deref()).await?;
    let function = DeleteRows {
        source: platform.config().cell.clone(),
        schedules: platform.schedules(),
        queues: platform.queues(),
        events: platform.events(),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        clock: Box::new(SystemClock),
        waits: platform.config().waits,
    };
    runtime::lambda::serve_queue(async |received, left| function.handle(&received, left).await).await
}
