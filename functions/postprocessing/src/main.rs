//! Serves `postprocessing` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::Platform;
use postprocessing::Postprocessing;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let catalog = artifacts::catalogue(&platform.objects(), platform.config().catalog.as_deref()).await?;
    let task = Postprocessing {
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
    };
    runtime::lambda::serve_task(task, platform.ports()).await
}
