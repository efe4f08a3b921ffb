//! Serves `uploading_complete` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::Platform;
use runtime::config::Config;
use uploading_complete::UploadingComplete;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let ports = platform.ports();
    let task = UploadingComplete { store: Arc::clone(&ports.store), objects: Arc::new(platform.objects()) };
    runtime::lambda::serve_task(task, ports).await
}
