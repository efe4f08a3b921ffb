//! Serves `notifying_users` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use notifying_users::NotifyingUsers;
use platform::{Platform, SystemEntropy};
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let catalog = artifacts::catalogue(&platform.objects(), platform.config().catalog.as_deref()).await?;
    let task = NotifyingUsers {
        cell_name: platform.config().cell.clone(),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        queues: Arc::new(platform.queues()),
        entropy: Box::new(SystemEntropy),
    };
    runtime::lambda::serve_task(task, platform.ports()).await
}
