//! How long to wait before something is tried or looked at again.

use std::time::Duration;

use jiff::Timestamp;

use super::ApiError;
use crate::terminal::Terminal;

/// Waits that grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    first: Duration,
}

/// How often what failed is tried again before it is given up.
pub(crate) const RETRIES: u32 = 7;
/// The longest wait after a failure, in first waits.
const LONGEST_RETRY: u32 = 30;
/// The longest wait between two looks, in first waits.
const LONGEST_LOOK: u32 = 5;

impl Patience {
    pub(crate) const fn new(first: Duration) -> Self {
        Self { first }
    }

    /// How long to wait after so many failures in a row: twice as long each time.
    pub(crate) fn after_failures(self, failures: u32) -> Duration {
        self.grown(failures.saturating_sub(1), LONGEST_RETRY)
    }

    /// How long to wait after so many looks in a row at which nothing was new.
    pub(crate) fn after_looks(self, unchanged: u32) -> Duration {
        self.grown(unchanged, LONGEST_LOOK)
    }

    /// What the API answers, however long the connection is lost.
    pub(crate) fn insist<T>(
        self,
        terminal: &mut Terminal,
        ask: impl Fn() -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut failures = 0;
        loop {
            match ask() {
                Err(error) if error.can_retry() => {
                    if failures == 0 {
                        // Nobody may be listening there, and what matters goes to the stream for data.
                        let _ = writeln!(terminal.err(), "{:.0}  {error}; trying again", Timestamp::now());
                    }
                    failures += 1;
                    std::thread::sleep(self.after_failures(failures));
                }
                answer => return answer,
            }
        }
    }

    fn grown(self, doublings: u32, most: u32) -> Duration {
        self.first * 2_u32.checked_pow(doublings).unwrap_or(most).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stop_growing() {
        let patience = Patience::new(Duration::from_secs(1));
        let seconds = |wait: Duration| wait.as_secs();
        let retries: Vec<u64> =
            (1..=RETRIES).map(|failures| seconds(patience.after_failures(failures))).collect();
        assert_eq!(retries, [1, 2, 4, 8, 16, 30, 30]);
        let looks: Vec<u64> =
            [0, 1, 2, 3, u32::MAX].map(|looks| seconds(patience.after_looks(looks))).to_vec();
        assert_eq!(looks, [1, 2, 4, 5, 5]);
    }
}
