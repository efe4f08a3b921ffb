//! Serves `notifying_owner` to Lambda.

use lambda_runtime::Error;
use notifying_owner::NotifyingOwner;
use platform::Platform;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    runtime::lambda::serve_task(NotifyingOwner, platform.ports()).await
}
