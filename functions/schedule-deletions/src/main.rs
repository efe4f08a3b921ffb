//! Serves `schedule-deletions` to Lambda.

use platform::{Platform, SystemClock};
use schedule_deletions::{Invocation, ScheduleDeletions, silos};

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::telemetry::init(std::env::vars());
    let platform = Platform::new(runtime::config::Config::from_env(std::env::vars())?).await;
    let function = ScheduleDeletions {
        schedules: platform.schedules(),
        queues: platform.queues(),
        silos: silos(platform.config().holds_control),
        clock: Box::new(SystemClock),
    };
    runtime::lambda::serve_events(async |_: Invocation, _| Ok(function.handle().await?)).await
}
