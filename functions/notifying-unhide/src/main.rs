//! Serves `notifying_unhide` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use notifying_unhide::NotifyingUnhide;
use platform::Platform;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let catalog = artifacts::catalogue(&platform.objects(), platform.config().catalog.as_deref()).await?;
    let task = NotifyingUnhide { cell: Arc::new(platform.cell(catalog)) };
    runtime::lambda::serve_task(task, platform.ports()).await
}
