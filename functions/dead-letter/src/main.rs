//! Serves `dead-letter` to Lambda.

use std::sync::Arc;

use dead_letter::DeadLetter;
use lambda_runtime::Error;
use platform::{Platform, SystemClock};
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let function = DeadLetter {
        store: Arc::new(platform.relocations()),
        tokens: Arc::new(platform.machine()),
        clock: Box::new(SystemClock),
    };
    runtime::lambda::serve_queue(async |received, _| function.handle(&received).await).await
}
