//! How this product reaches AWS.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// The longest silence after a request. The SDK waits for ever, so that a connection that dies unnoticed would
/// take the whole time of a function, a minute for most; with this, there is time left for another try.
const SILENCE: Duration = Duration::from_secs(10);

/// The longest silence of S3, which has much to do when it copies a part of an object.
pub(crate) const SILENCE_OF_S3: Duration = Duration::from_secs(60);

/// The configuration that every client is made from: region, credentials and endpoint come from the environment,
/// as every AWS tool reads them.
///
/// The SDK's behaviour is pinned: an upgrade of the crate does not change how requests are retried or
/// timed.
pub async fn configuration() -> SdkConfig {
    let timeouts = TimeoutConfig::builder().read_timeout(SILENCE).build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).load().await
}
