//! Serves `completed` to Lambda.

use completed::Completed;
use lambda_runtime::Error;
use platform::Platform;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    runtime::lambda::serve_task(Completed, platform.ports()).await
}
