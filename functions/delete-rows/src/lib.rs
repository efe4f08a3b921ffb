//! `delete-rows`: deletes one object with all that depends on it, in slices (SPEC §10). The record of the scheduled
//! deletion decides what a message comes to: it may come early, late, twice or twice at once. What has more to do is
//! called for again after a while, and so is what failed, five times at most; what dies anywhere is delivered again by
//! its queue.

use std::sync::Arc;
use std::time::Duration;

use catalog::SiloKind;
use deletion::schedule::{
    Called, Effect, Event, Failure, Object, ScheduleError, ScheduledDeletion, Schedules, Wait, apply, begin,
    called, put_back,
};
use deletion::{Deleted, DeletionError, DeletionJob, delete};
use pipeline::event::{self, Recorded, RowDeletionStarted};
use pipeline::port::{Clock, PortError, PublishEvents, Queue, SendMessages};
use runtime::config::Waits;
use runtime::telemetry::{self, Chain};
use runtime::{Handled, Received, metrics};
use silo::{Silo, StoreError};
use tokio::time::Instant;
use tracing::{Instrument, error, info, warn};

/// The function's name, in logs and figures.
const NAME: &str = "delete-rows";

/// What a slice leaves of the function's time for its last chunk, and for the record.
const MARGIN: Duration = Duration::from_secs(30);

/// The function.
pub struct DeleteRows<C, Q, E, S> {
    /// The cell's name: the source of events.
    pub source: String,
    /// Where scheduled deletions are.
    pub schedules: C,
    /// Where a deletion is called for again.
    pub queues: Q,
    /// Where others are told that a deletion begins.
    pub events: E,
    /// The cell's silo.
    pub cell: Arc<S>,
    /// Control's silo.
    pub control: Arc<S>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// How long to wait.
    pub waits: Waits,
}

/// Why a message was not dealt with. It comes again.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error("the message asks for no deletion")]
    Message(#[source] serde_json::Error),
    #[error("the event or the message cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    #[error("a call failed")]
    Port(#[from] PortError),
    #[error("the scheduled deletion cannot be gone on with")]
    Schedule(#[from] ScheduleError),
    #[error("the object cannot be looked at")]
    Object(#[from] DeletionError),
    #[error("the scheduled deletion could not be used")]
    Store(#[from] StoreError),
}

impl<C, Q, E, S> DeleteRows<C, Q, E, S>
where
    C: Schedules,
    Q: SendMessages,
    E: PublishEvents,
    S: Silo,
{
    /// Goes on with the deletion that a message calls for. `time_left` is the function's.
    pub async fn handle(&self, received: &Received, time_left: Duration) -> Handled {
        let span = telemetry::span(NAME, Some(received.deliveries));
        let ends = Instant::now() + self.waits.slice.min(time_left.saturating_sub(MARGIN));
        async {
            match self.run(&received.body, ends).await {
                Ok(()) => Handled::Done,
                Err(error) => {
                    error!(error = %Chain(&error), job = received.body, "a deletion could not go on");
                    Handled::Failed
                }
            }
        }
        .instrument(span)
        .await
    }

    async fn run(&self, body: &str, ends: Instant) -> Result<(), WorkError> {
        let job: DeletionJob = serde_json::from_str(body).map_err(WorkError::Message)?;
        let Called { object, record, effects } =
            called(&self.schedules, self.silo(&job), &job, self.clock.now()).await?;
        let Some(record) = record else {
            info!(model = job.model, object = job.object, stands = ?object, "nothing is scheduled, or no longer");
            return Ok(());
        };
        for effect in effects {
            match effect {
                Effect::Begin => {
                    let object = begin(self.silo(&job), &job).await?;
                    // Somebody has taken it back just now.
                    if object != Object::Goes {
                        self.happen(&job, &Event::Called(object)).await?;
                        return Ok(());
                    }
                }
                Effect::Announce => {
                    self.announce(&record).await?;
                    self.happen(&job, &Event::Announced).await?;
                }
                Effect::Delete => {
                    let ended = self.delete(&job, ends).await;
                    let (_, effects) = self.happen(&job, &ended).await?;
                    self.follow(&job, &effects).await?;
                }
                Effect::PutBack | Effect::Call(_) => self.follow(&job, &[effect]).await?,
            }
        }
        Ok(())
    }

    /// Deletes a slice; says what came of it.
    async fn delete(&self, job: &DeletionJob, ends: Instant) -> Event {
        let silo = self.silo(job);
        let Some(model) = silo.catalog().find(&job.model) else {
            return failed(&DeletionError::UnknownModel { model: job.model.clone() });
        };
        let deleted = delete(silo, model, &[job.object], &mut || Instant::now() < ends).await;
        match deleted {
            Ok(deleted) => {
                tell(job, &deleted);
                match deleted.was_stopped {
                    true => Event::Advanced { rows: deleted.rows(), keys: deleted.keys() },
                    false => Event::Done,
                }
            }
            Err(cause) => {
                warn!(error = %Chain(&cause), model = job.model, object = job.object, "a deletion failed");
                failed(&cause)
            }
        }
    }

    /// Does what follows when a slice has ended.
    async fn follow(&self, job: &DeletionJob, effects: &[Effect]) -> Result<(), WorkError> {
        for effect in effects {
            match effect {
                Effect::Call(wait) => {
                    let wait = match wait {
                        Wait::Again => self.waits.deletion_again,
                        Wait::Retry => self.waits.deletion_retry,
                    };
                    let body = serde_json::to_string(job).map_err(WorkError::Json)?;
                    self.queues.send(Queue::Deletion, body, wait).await?;
                }
                Effect::PutBack => {
                    error!(model = job.model, object = job.object, "a deletion was given up");
                    metrics::given_up(NAME);
                    put_back(self.silo(job), job).await?;
                }
                Effect::Begin | Effect::Announce | Effect::Delete => {}
            }
        }
        Ok(())
    }

    /// Tells others that the deletion begins. However often this is done, it is the same event.
    async fn announce(&self, record: &ScheduledDeletion) -> Result<(), WorkError> {
        let DeletionJob { silo, model, object } = &record.job;
        let table = self.silo(&record.job).catalog().find(model).map(|model| model.table.clone());
        let table = table.unwrap_or_default();
        let event = Recorded {
            id: record.id.to_string(),
            time: self.clock.now(),
            subject: format!("{table}/{object}"),
            sequence: 0,
            causation: "deletion".to_owned(),
            trace: None,
            event: event::Event::RowDeletionStarted(RowDeletionStarted {
                silo: self.name(*silo),
                model: model.clone(),
                table,
                object_id: object.unsigned_abs(),
            }),
        };
        let envelope = event.into_envelope(&self.source).map_err(WorkError::Json)?;
        for published in self.events.publish(&[envelope]).await {
            published?;
        }
        Ok(())
    }

    async fn happen(
        &self,
        job: &DeletionJob,
        event: &Event,
    ) -> Result<(Option<ScheduledDeletion>, Vec<Effect>), WorkError> {
        let applied = apply(&self.schedules, job, event, self.clock.now()).await?;
        // Only what is cancelled is refused, and nothing is cancelled here.
        Ok(applied.unwrap_or_default())
    }

    fn silo(&self, job: &DeletionJob) -> &S {
        match job.silo {
            SiloKind::Cell => &self.cell,
            SiloKind::Control => &self.control,
        }
    }

    /// What a silo is called in events.
    fn name(&self, silo: SiloKind) -> String {
        match silo {
            SiloKind::Cell => self.source.clone(),
            SiloKind::Control => SiloKind::Control.to_string(),
        }
    }
}

fn failed(cause: &DeletionError) -> Event {
    let rows = match cause {
        DeletionError::Protected { rows } => rows.clone(),
        _ => Vec::new(),
    };
    let failure = Failure { error: Chain(cause).to_string(), rows };
    Event::Failed { failure, can_retry: cause.retryable() }
}

fn tell(job: &DeletionJob, deleted: &Deleted) {
    info!(
        model = job.model,
        object = job.object,
        rows = deleted.rows(),
        keys = deleted.keys(),
        has_more = deleted.was_stopped,
        "rows were deleted"
    );
}
