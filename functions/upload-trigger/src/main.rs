//! Serves `upload-trigger` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::{Platform, SystemClock};
use runtime::config::Config;
use upload_trigger::{ObjectCreated, UploadTrigger};

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let trigger = UploadTrigger { store: Arc::new(platform.relocations()), clock: Box::new(SystemClock) };
    runtime::lambda::serve_events(async |event: ObjectCreated, _| Ok(trigger.handle(&event).await?)).await
}
