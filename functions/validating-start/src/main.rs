//! Serves `validating_start` to Lambda.

use lambda_runtime::Error;
use platform::Platform;
use runtime::config::Config;
use validating_start::ValidatingStart;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    runtime::lambda::serve_task(ValidatingStart, platform.ports()).await
}
