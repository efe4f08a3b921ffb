//! Serves `preprocessing_colliding_users` to Lambda.

use std::sync::Arc;

use lambda_runtime::Error;
use platform::{Platform, SystemEntropy};
use preprocessing_colliding_users::PreprocessingCollidingUsers;
use runtime::config::Config;

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(Config::from_env(std::env::vars())?).await;
    let objects = Arc::new(platform.objects());
    let catalog = artifacts::catalogue(&*objects, platform.config().catalog.as_deref()).await?;
    let task = PreprocessingCollidingUsers {
        objects,
        keys: platform.seal_key(),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        entropy: Box::new(SystemEntropy),
        scratch: std::env::temp_dir(),
    };
    runtime::lambda::serve_task(task, platform.ports()).await
}
