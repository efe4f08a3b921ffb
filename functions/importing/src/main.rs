//! Serves `importing` to Lambda.

use std::sync::Arc;

use importing::Importing;
use lambda_runtime::Error;
use platform::{Platform, SystemEntropy};
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let (ports, objects) = (platform.ports(), Arc::new(platform.objects()));
    let catalog = artifacts::catalogue(&*objects, platform.config().catalog.as_deref()).await?;
    let task = Importing {
        store: Arc::clone(&ports.store),
        objects,
        keys: Arc::new(platform.seal_key()),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        entropy: Box::new(SystemEntropy),
    };
    runtime::lambda::serve_task(task, ports).await
}
