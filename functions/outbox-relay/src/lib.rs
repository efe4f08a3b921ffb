//! `outbox-relay`: sends what relocations have decided to send. An entry of the outbox is stored with the state that
//! asks for it; here it goes out, once or more often, and then leaves the outbox.
//!
//! The table's stream brings new entries within moments. A sweep by schedule sends what the stream did not, and
//! what was not due yet when the stream brought it.

mod batch;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pipeline::artifact;
use pipeline::commit::{Dispatch, OutboxEntry};
use pipeline::ids::{Generation, RelocationId};
use pipeline::port::{
    Clock, CommitError, CommitRelocations, Outbox, PortError, PublishEvents, Queue, ReadRelocations,
    RemoveObjects, Runs, SendMessages,
};
use pipeline::relocation::{Place, Relocation};
use pipeline::transition::lifecycle::{artifacts_expired, upload_expired};
use runtime::telemetry::{self, Chain};
use runtime::update;
use tracing::{Instrument, info, warn};

pub use batch::{BatchResponse, FailedItem, Invocation, Record};

/// How many entries a sweep sends at a time.
const ENTRIES_PER_PAGE: usize = 100;

/// The function.
pub struct OutboxRelay<R, E, M, Q, O> {
    /// The cell's name: the source of events.
    pub cell: String,
    /// Where the outbox is, and the relocations.
    pub store: Arc<R>,
    /// Where events go.
    pub events: E,
    /// Where runs are started and stopped.
    pub runs: M,
    /// Where validation runs are asked for.
    pub queues: Q,
    /// Where the files of relocations are removed.
    pub objects: Arc<O>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// How old an entry is when the sweep sends it.
    pub sweep_age: Duration,
}

/// Why an entry was not sent. It stays in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A call failed.
    #[error("a call failed")]
    Port(#[from] PortError),
    /// A relocation could not be changed.
    #[error("the relocation could not be changed")]
    Commit(#[from] CommitError),
    /// What is to be sent cannot be written.
    #[error("the entry cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl<R, E, M, Q, O> OutboxRelay<R, E, M, Q, O>
where
    R: Outbox + ReadRelocations + CommitRelocations,
    E: PublishEvents,
    M: Runs,
    Q: SendMessages,
    O: RemoveObjects,
{
    /// Handles an invocation; `read` says what the store's records hold.
    ///
    /// # Errors
    /// The sweep could not read the outbox, or could not send what is due: nobody else will, so that an alarm is due.
    pub async fn handle<T>(
        &self,
        invocation: &Invocation<T>,
        read: impl Fn(&T) -> Record,
    ) -> Result<BatchResponse, PortError> {
        if invocation.sweep {
            self.sweep().await?;
        }
        let relayed = invocation.records.iter().map(read).map(async |(name, entry)| {
            let was_sent = match entry {
                Ok(entry) => self.relay(entry).await,
                Err(error) => was_sent(&Err(error.into())),
            };
            (!was_sent).then_some(FailedItem { item_identifier: name })
        });
        let batch_item_failures = join_all(relayed).await.into_iter().flatten().collect();
        Ok(BatchResponse { batch_item_failures })
    }

    /// Sends what is older than the sweep's age. How many entries were sent.
    ///
    /// # Errors
    /// The outbox could not be read; or entries could not be sent, after all others of their page were.
    pub async fn sweep(&self) -> Result<usize, PortError> {
        let now = self.clock.now();
        let before = now.saturating_sub(self.sweep_age).unwrap_or(now);
        let mut swept = 0;
        loop {
            let entries = self.store.pending(before, ENTRIES_PER_PAGE).await?;
            let found = entries.len();
            let relayed = join_all(entries.into_iter().map(|entry| self.relay(entry))).await;
            let sent = relayed.into_iter().filter(|was_sent| *was_sent).count();
            swept += sent;
            // A page of entries that cannot be sent would come again for ever.
            if found < ENTRIES_PER_PAGE || sent == 0 {
                info!(swept, "the outbox was swept");
                return match found - sent {
                    0 => Ok(swept),
                    left => {
                        Err(PortError::transient("sweep the outbox", format!("{left} entries stay in it")))
                    }
                };
            }
        }
    }

    /// Whether an entry was sent; says why when it was not.
    async fn relay(&self, entry: OutboxEntry) -> bool {
        let span = telemetry::span("outbox-relay", None);
        telemetry::join(&span, entry.trace());
        async { was_sent(&self.send(entry).await) }.instrument(span).await
    }

    /// Sends an entry and removes it from the outbox. One that is not due yet stays there, which is no failure.
    async fn send(&self, entry: OutboxEntry) -> Result<(), RelayError> {
        let OutboxEntry { relocation, sequence, time, dispatch } = entry;
        if time > self.clock.now() {
            return Ok(());
        }
        match dispatch {
            Dispatch::Publish(recorded) => {
                for published in self.events.publish(&[recorded.into_envelope(&self.cell)?]).await {
                    published?;
                }
            }
            Dispatch::StartRun(run) => self.runs.start(run).await?,
            Dispatch::StopRun(run) => self.runs.stop(run).await?,
            Dispatch::Validate(validate) => {
                let body = serde_json::to_string(&validate)?;
                self.queues.send(Queue::Validation, body, Duration::ZERO).await?;
            }
            Dispatch::Undo(call) => {
                self.queues.send(Queue::Undo, serde_json::to_string(&call)?, Duration::ZERO).await?;
            }
            Dispatch::ExpireUpload => {
                let expire = |relocation: &Relocation| {
                    Ok::<_, CommitError>(upload_expired(relocation, self.clock.now()))
                };
                update(self.store.as_ref(), relocation, expire).await?;
            }
            Dispatch::ExpireArtifacts(generation) => self.expire_artifacts(relocation, generation).await?,
        }
        Ok(self.store.remove(relocation, sequence).await?)
    }

    async fn expire_artifacts(&self, id: RelocationId, generation: Generation) -> Result<(), PortError> {
        let relocation = self.store.relocation(id).await?;
        if relocation.is_some_and(|relocation| artifacts_expired(&relocation, generation)) {
            self.objects.remove(Place::Artifacts, &artifact::root(id)).await?;
            self.objects.remove(Place::Uploads, &artifact::upload_root(id)).await?;
            info!("the files of a relocation have expired");
        }
        Ok(())
    }
}

/// Whether an entry was sent; says why when it was not.
fn was_sent(relayed: &Result<(), RelayError>) -> bool {
    if let Err(error) = relayed {
        warn!(error = %Chain(error), "an entry of the outbox was not sent");
    }
    relayed.is_ok()
}
