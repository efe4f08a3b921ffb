//! Serves `validation-run` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::{Platform, SystemClock, SystemEntropy};
use runtime::config::Config;
use validation_run::ValidationRun;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let objects = Arc::new(platform.objects());
    let run = ValidationRun {
        store: Arc::new(platform.relocations()),
        catalog: artifacts::catalogue(&*objects, platform.config().catalog.as_deref()).await?,
        objects,
        keys: platform.seal_key(),
        queues: platform.queues(),
        waits: platform.config().waits,
        clock: Box::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        scratch: std::env::temp_dir(),
    };
    runtime::lambda::serve_queue(async |received, left| run.handle(&received, left).await).await
}
