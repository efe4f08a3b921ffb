//! Every adapter keeps what its port promises.

mod events;
mod machine;
mod mailer;
mod objects;
mod queues;
mod relocations;
mod seal_key;
mod uploads;

use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use platform::Platform;
use runtime::config::Config;

/// What `condition` answers as soon as it answers something; panics when that takes longer than `patience`.
async fn eventually<T>(condition: impl AsyncFn() -> Option<T>, patience: Duration, what: &str) -> T {
    let ends = Instant::now() + patience;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < ends, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An account of the emulator, and the platform in it; none when there is no emulator.
struct Cell {
    aws: SdkConfig,
    platform: Platform,
}

impl Cell {
    /// A cell that names what the test has made, by variable.
    fn new(aws: SdkConfig, names: &[(&str, &str)]) -> Self {
        let unset = [
            "CELL",
            "RELOCATIONS_TABLE",
            "CELL_TABLE",
            "CONTROL_TABLE",
            "ARTIFACTS_BUCKET",
            "UPLOADS_BUCKET",
            "SEAL_KEY_ID",
            "DATA_KEY_ID",
            "EVENT_BUS",
            "STATE_MACHINE_ARN",
        ];
        let unset = unset.map(|name| (name.to_owned(), "not-made".to_owned()));
        let names = names.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::from_env(unset.into_iter().chain(names)).expect("a configuration");
        Self { platform: Platform::with(aws.clone(), config), aws }
    }
}
