//! Serves `preprocessing_transfer` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::Platform;
use preprocessing_transfer::PreprocessingTransfer;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let (config, ports) = (platform.config(), platform.ports());
    let objects = Arc::new(platform.objects());
    let catalog = artifacts::catalogue(&*objects, config.catalog.as_deref()).await?;
    let task = PreprocessingTransfer {
        store: Arc::clone(&ports.store),
        objects,
        control: Arc::new(platform.control(catalog)),
        seal_key_id: config.seal_key_id.clone(),
    };
    runtime::lambda::serve_task(task, ports).await
}
