//! Serves `preprocessing_scan` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::Platform;
use preprocessing_scan::PreprocessingScan;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let (config, ports) = (platform.config(), platform.ports());
    let objects = Arc::new(platform.objects());
    let task = PreprocessingScan {
        store: Arc::clone(&ports.store),
        catalog: artifacts::catalogue(&*objects, config.catalog.as_deref()).await?,
        objects,
        keys: platform.seal_key(),
        validation_memory_bytes: config.validation_memory_bytes,
    };
    runtime::lambda::serve_task(task, ports).await
}
