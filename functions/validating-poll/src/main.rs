//! Serves `validating_poll` to Lambda.

use lambda_runtime::Error;
use platform::Platform;
use runtime::config::Config;
use validating_poll::ValidatingPoll;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let waits = platform.config().waits;
    let task = ValidatingPoll { interval: waits.poll_interval, timeout: waits.validation_timeout };
    runtime::lambda::serve_task(task, platform.ports()).await
}
