//! Serves `undo-relocation` to Lambda.

use std::sync::Arc;

use platform::{Platform, SystemClock, SystemEntropy};
use undo_relocation::UndoRelocation;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let objects = Arc::new(platform.objects());
    let catalog = artifacts::catalogue(&*objects, platform.config().catalog.as_deref()).await?;
    let function = UndoRelocation {
        store: platform.ports().store,
        objects,
        queues: platform.queues(),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        clock: Box::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        waits: platform.config().waits,
    };
    runtime::lambda::serve_queue(async |received, left| function.handle(&received, left).await).await
}
