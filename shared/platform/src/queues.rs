//! Queues in SQS.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use pipeline::port::{PortError, PostponeMessages, Queue, SendMessages};
use runtime::config::queue_variable;

use crate::failure::refused;

/// The longest that SQS delays a message that is sent.
const LONGEST_DELAY: Duration = Duration::from_mins(15);
/// The longest that SQS hides a message that was received.
const LONGEST_POSTPONEMENT: Duration = Duration::from_hours(12);

/// The queues that a function has to do with.
#[derive(Clone, Debug)]
pub struct Queues {
    client: Client,
    urls: BTreeMap<Queue, String>,
}

impl Queues {
    /// The queues at these addresses.
    pub fn new(client: Client, urls: BTreeMap<Queue, String>) -> Self {
        Self { client, urls }
    }

    fn url(&self, queue: Queue, action: &str) -> Result<&str, PortError> {
        let url = self.urls.get(&queue).map(String::as_str);
        url.ok_or_else(|| PortError::permanent(action, format!("{} is not set", queue_variable(queue))))
    }
}

impl SendMessages for Queues {
    async fn send(&self, queue: Queue, body: String, delay: Duration) -> Result<(), PortError> {
        let action = format!("send a message to {}", queue_variable(queue));
        let request = self.client.send_message().queue_url(self.url(queue, &action)?).message_body(body);
        let request = request.delay_seconds(seconds(delay.min(LONGEST_DELAY)));
        request.send().await.map(|_| ()).map_err(refused("SendMessage", || action))
    }
}

impl PostponeMessages for Queues {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> Result<(), PortError> {
        let action = format!("postpone a message of {}", queue_variable(queue));
        let request = self.client.change_message_visibility().queue_url(self.url(queue, &action)?);
        let request = request.receipt_handle(receipt);
        let request = request.visibility_timeout(seconds(delay.min(LONGEST_POSTPONEMENT)));
        request.send().await.map(|_| ()).map_err(refused("ChangeMessageVisibility", || action))
    }
}

/// Whole seconds, as SQS counts, and not less than was asked for.
fn seconds(delay: Duration) -> i32 {
    let rounded = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    rounded.try_into().unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_never_cut_short() {
        for (millis, expected) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }
}
