//! Serves `validating_complete` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::Platform;
use runtime::config::Config;
use validating_complete::ValidatingComplete;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let task = ValidatingComplete { objects: Arc::new(platform.objects()) };
    runtime::lambda::serve_task(task, platform.ports()).await
}
