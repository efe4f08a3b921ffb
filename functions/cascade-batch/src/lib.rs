//! `cascade-batch`: one job for one key across silos (SPEC §10): a batch of rows, a batch of tombstones. What has more to
//! do is run again after a while; what dies anywhere is run again by its queue.

use std::sync::Arc;
use std::time::Duration;

use catalog::SiloKind;
use deletion::{CascadeJob, CrossSiloKey, DeletionError, Reconciled, Reconciler, Settings};
use pipeline::option::KnownOption;
use pipeline::port::{Clock, Entropy, Options, PortError, Queue, SendMessages};
use runtime::config::Waits;
use runtime::metrics;
use runtime::telemetry::{self, Chain};
use runtime::{Handled, Received};
use silo::{CascadeRun, Reconcile, StoreError};
use tokio::time::Instant;
use tracing::{Instrument, error, info};

/// What a job leaves of the function's time for its last chunk.
const MARGIN: Duration = Duration::from_secs(30);

/// The function.
pub struct CascadeBatch<R, Q, S> {
    /// Where options are.
    pub store: Arc<R>,
    /// Where a job that has more to do is asked for again.
    pub queues: Q,
    /// The cell's silo.
    pub cell: Arc<S>,
    /// Control's silo.
    pub control: Arc<S>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Makes the transaction ids that watermarks start with.
    pub entropy: Box<dyn Entropy>,
    /// How long to wait.
    pub waits: Waits,
}

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("the message asks for no job")]
    Message(#[from] serde_json::Error),
    #[error("a call failed")]
    Port(#[from] PortError),
    #[error("the job failed")]
    Deletion(#[from] DeletionError),
    #[error("a silo could not be written")]
    Silo(#[from] StoreError),
}

impl<R, Q, S> CascadeBatch<R, Q, S>
where
    R: Options,
    Q: SendMessages,
    S: Reconcile,
{
    /// Runs the job that a message asks for. `time_left` is the function's.
    pub async fn handle(&self, received: &Received, time_left: Duration) -> Handled {
        let span = telemetry::span("cascade-batch", Some(received.deliveries));
        async {
            match self.run(&received.body, time_left).await {
                Ok(()) => Handled::Done,
                Err(error) => {
                    error!(error = %Chain(&error), job = received.body, "a job failed");
                    Handled::Failed
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn run(&self, body: &str, time_left: Duration) -> Result<(), JobError> {
        let job: CascadeJob = serde_json::from_str(body)?;
        // Jobs that wait in the queue stand still, too.
        if KnownOption::DisableTombstoneCleanup.is_on(self.store.as_ref()).await? {
            info!(model = job.model, field = job.field, "cascades across silos are disabled");
            return Ok(());
        }
        let silo = match job.silo {
            SiloKind::Cell => &self.cell,
            SiloKind::Control => &self.control,
        };
        let reconciled = self.reconcile(silo, &job, time_left).await;
        silo.note_run(&self.told(&job, &reconciled)).await?;
        let reconciled = reconciled?;
        tell(&job, &reconciled, reconciled.lag(self.clock.now()));
        if reconciled.has_more() {
            self.queues.send(Queue::Cascade, body.to_owned(), self.waits.deletion_again).await?;
        }
        Ok(())
    }

    async fn reconcile(
        &self,
        silo: &S,
        job: &CascadeJob,
        time_left: Duration,
    ) -> Result<Reconciled, DeletionError> {
        let ends = Instant::now() + time_left.saturating_sub(MARGIN);
        let key = CrossSiloKey::find(silo.catalog(), job.silo, &job.model, &job.field)?;
        let settings = Settings { settling: self.waits.index_settling, ..Settings::default() };
        let fresh = self.entropy.uuid().simple().to_string();
        let reconciler = Reconciler { silo, settings, now: self.clock.now(), fresh };
        reconciler.reconcile(key, &mut || Instant::now() < ends).await
    }

    /// The run, as operators are told of it.
    fn told(&self, job: &CascadeJob, reconciled: &Result<Reconciled, DeletionError>) -> CascadeRun {
        let ended = self.clock.now();
        let done = reconciled.as_ref().ok();
        let lag = done.and_then(|done| done.lag(ended));
        CascadeRun {
            model: job.model.clone(),
            field: job.field.clone(),
            ended,
            has_more: done.is_none_or(Reconciled::has_more),
            pending: done.map_or(0, Reconciled::ahead),
            lag_millis: lag.map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
            error: reconciled.as_ref().err().map(|error| Chain(error).to_string()),
        }
    }
}

/// Says what a job did, if it did something; a job that had nothing to do has no figures.
fn tell(job: &CascadeJob, reconciled: &Reconciled, lag: Option<Duration>) {
    for pass in reconciled.passes().filter(|pass| pass.up > pass.low) {
        info!(
            model = job.model,
            field = job.field,
            low = pass.low,
            up = pass.up,
            ahead = pass.ahead,
            deleted = pass.deleted,
            nulled = pass.nulled,
            has_more = pass.has_more,
            "a batch is reconciled"
        );
        metrics::watermark(&job.model, &job.field, pass.low, pass.ahead);
    }
    if let Some(lag) = lag {
        metrics::cascade_lag(&job.model, &job.field, lag);
    }
}
