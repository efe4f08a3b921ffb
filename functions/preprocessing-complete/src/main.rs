//! Serves `preprocessing_complete` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::Platform;
use preprocessing_complete::PreprocessingComplete;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let ports = platform.ports();
    let task =
        PreprocessingComplete { store: Arc::clone(&ports.store), objects: Arc::new(platform.objects()) };
    runtime::lambda::serve_task(task, ports).await
}
