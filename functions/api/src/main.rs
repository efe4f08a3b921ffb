//! The HTTP API.

use std::sync::Arc;

use api::{Api, OptionCache, router};
use lambda_http::Error;
use platform::{Platform, SystemClock, SystemEntropy};

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let catalog = artifacts::catalogue(&platform.objects(), platform.config().catalog.as_deref()).await?;
    let api: Api<(_, _, _, _, _, _, _)> = Api {
        store: platform.relocations(),
        uploads: platform.uploads(),
        objects: Arc::new(platform.objects()),
        key: platform.seal_key(),
        cell: Arc::new(platform.cell(Arc::clone(&catalog))),
        control: Arc::new(platform.control(catalog)),
        schedules: platform.schedules(),
        queues: platform.queues(),
        options: OptionCache::new(platform.config().waits.option_cache),
        artifact_retention_days: platform.config().artifact_retention_days,
        clock: Box::new(SystemClock),
        entropy: Box::new(SystemEntropy),
    };
    lambda_http::run(router(Arc::new(api))).await
}
