//! How long to wait before a retry: exponential with full jitter, so that relocations that failed together
//! do not try again together (DESIGN, "Runs, tokens, attempts").

use std::time::Duration;

use pipeline::port::{Entropy, PostponeMessages, Queue};
use tracing::warn;

use crate::config::Waits;
use crate::sqs::Received;
use crate::telemetry::Chain;

/// Messages that failed, and when they are seen again.
#[expect(missing_debug_implementations, reason = "entropy has nothing to show")]
pub struct Backoff<'a, Q> {
    /// Where messages are postponed.
    pub queues: &'a Q,
    /// Spreads retries.
    pub entropy: &'a dyn Entropy,
    /// How long to wait.
    pub waits: Waits,
}

impl<Q: PostponeMessages> Backoff<'_, Q> {
    /// Lets a message be seen again after a backoff, and not before `at_least`. If that fails, the queue's own
    /// visibility does it.
    pub async fn postpone(&self, queue: Queue, received: &Received, at_least: Duration) {
        let Waits { backoff_base, backoff_cap, .. } = self.waits;
        let [a, b, c, d, e, f, g, h, ..] = self.entropy.bytes();
        let random = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let delay = full_jitter(backoff_base, backoff_cap, received.deliveries, random).max(at_least);
        if let Err(error) = self.queues.postpone(queue, &received.receipt, delay).await {
            warn!(error = %Chain(&error), "the message could not be postponed");
        }
    }
}

/// The wait after the `attempt`-th try, counted from 1: a random share of `base` × 2^(attempt − 1), at most
/// `cap`. `random` decides the share; it is at least a second, so that a retry is never at once.
fn full_jitter(base: Duration, cap: Duration, attempt: u32, random: u64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let longest = base.saturating_mul(1_u32 << doublings).min(cap);
    let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % millis.saturating_add(1)).max(Duration::from_secs(1).min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const BASE: Duration = Duration::from_secs(60);
    const CAP: Duration = Duration::from_secs(900);

    #[rstest]
    #[case(1, 60)]
    #[case(2, 120)]
    #[case(4, 480)]
    #[case(5, 900)]
    #[case(61, 900)]
    #[case(u32::MAX, 900)]
    fn the_longest_wait_doubles_up_to_the_cap(#[case] attempt: u32, #[case] longest_seconds: u64) {
        let longest = Duration::from_secs(longest_seconds);
        let millis = longest_seconds * 1000;
        assert_eq!(full_jitter(BASE, CAP, attempt, millis), longest);
        assert_eq!(full_jitter(BASE, CAP, attempt, millis / 2), longest / 2);
        assert_eq!(full_jitter(BASE, CAP, attempt, millis + 1), Duration::from_secs(1));
        assert!(full_jitter(BASE, CAP, attempt, u64::MAX) <= longest);
    }

    #[test]
    fn a_base_of_zero_does_not_wait() {
        assert_eq!(full_jitter(Duration::ZERO, CAP, 3, 12345), Duration::ZERO);
    }
}
