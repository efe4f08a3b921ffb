//! `undo-relocation`: takes back what a relocation brought, in slices (SPEC §6). The relocation's record decides what a
//! message comes to: it may come early, late, twice or twice at once, and one about an undoing that has ended is
//! nothing. What dies anywhere is delivered again by its queue and goes on from what it left among the artifacts; what
//! dies again and again, `dead-letter` gives up.

mod keeper;
mod told;

use std::sync::Arc;
use std::time::Duration;

use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::ids::{Generation, Trace};
use pipeline::port::{
    Clock, CommitError, CommitRelocations, Entropy, PortError, PostponeMessages, Queue, ReadObjects,
    ReadRelocations, SendMessages, WriteObjects,
};
use pipeline::relocation::{Failure, Relocation};
use pipeline::transition::undo::{begin, end};
use pipeline::undo::{CameTo, Undo, UndoCall};
use runtime::config::Waits;
use runtime::telemetry::{self, Chain};
use runtime::{Backoff, Handled, Received, update};
use silo::{Silos, Watermarks};
use tokio::time::Instant;
use tracing::{Instrument, Span, error, info, warn};
use transfer::undo::{Obstacles, UndoError, UndoOutcome, UndoRequest, undo};

use keeper::Keeper;

/// What a slice leaves of the function's time for its last page, and for the record.
const MARGIN: Duration = Duration::from_secs(30);

/// The function.
pub struct UndoRelocation<R, O, Q, S> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Where it is kept how far undoing is.
    pub objects: Arc<O>,
    /// Where it is called for again.
    pub queues: Q,
    /// The cell's silo.
    pub cell: Arc<S>,
    /// Control's silo.
    pub control: Arc<S>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Spreads retries.
    pub entropy: Box<dyn Entropy>,
    /// How long to wait.
    pub waits: Waits,
}

/// Why a message was not dealt with. It comes again.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error("the message asks for no undoing, or what was kept of it makes no sense")]
    Json(#[from] serde_json::Error),
    #[error("a call failed")]
    Port(#[from] PortError),
    #[error("the relocation could not be changed")]
    Commit(#[from] CommitError),
    #[error("the rows could not be undone")]
    Undo(#[from] UndoError),
}

/// How a slice ended.
enum Slice {
    /// Something is left to do.
    Left,
    /// Everything was looked at, nothing is in the way, and rows may change from now on.
    Looked,
    /// It is at its end.
    Ended(CameTo),
}

impl<R, O, Q, S> UndoRelocation<R, O, Q, S>
where
    R: ReadRelocations + CommitRelocations,
    O: ReadObjects + WriteObjects,
    Q: SendMessages + PostponeMessages,
    S: Watermarks,
{
    /// Goes on with the undoing that a message calls for. `time_left` is the function's.
    pub async fn handle(&self, received: &Received, time_left: Duration) -> Handled {
        let span = telemetry::span("undo-relocation", Some(received.deliveries));
        let ends = Instant::now() + self.waits.slice.min(time_left.saturating_sub(MARGIN));
        async {
            let Err(error) = self.run(&received.body, ends).await else { return Handled::Done };
            error!(error = %Chain(&error), message = received.body, "undoing could not go on");
            let Self { queues, entropy, waits, .. } = self;
            let backoff = Backoff { queues, entropy: entropy.as_ref(), waits: *waits };
            backoff.postpone(Queue::Undo, received, Duration::ZERO).await;
            Handled::Failed
        }
        .instrument(span)
        .await
    }

    async fn run(&self, body: &str, ends: Instant) -> Result<(), WorkError> {
        let call: UndoCall = serde_json::from_str(body)?;
        telemetry::join(&Span::current(), Trace::new(call.uuid, Generation::default()));
        let relocation = self.store.relocation(call.uuid).await?;
        let Some((relocation, wanted)) =
            relocation.as_ref().and_then(|relocation| Some((relocation, call.of(relocation)?)))
        else {
            info!(undo = call.undo, "it has ended, or was never asked for");
            return Ok(());
        };
        let early = self.too_early(relocation);
        if !early.is_zero() {
            return Ok(self.queues.send(Queue::Undo, body.to_owned(), early).await?);
        }
        match self.slice(call, wanted, ends).await? {
            Slice::Left => {}
            Slice::Ended(came_to) => return self.close(call, came_to).await,
            // The next slice finds in the record that rows may change.
            Slice::Looked => {
                info!(undo = call.undo, "nothing is in the way, rows go");
                let decide =
                    |relocation: &Relocation| Ok::<_, CommitError>(begin(relocation, call, self.clock.now()));
                update(self.store.as_ref(), call.uuid, decide).await?;
            }
        }
        Ok(self.queues.send(Queue::Undo, body.to_owned(), Duration::ZERO).await?)
    }

    /// How long a task of the relocation may still be at its last write.
    fn too_early(&self, relocation: &Relocation) -> Duration {
        let since = relocation.ended().map(|ended| self.clock.now().duration_since(ended));
        let since = since.and_then(|since| Duration::try_from(since).ok()).unwrap_or_default();
        self.waits.undo_quiet.saturating_sub(since)
    }

    /// Undoes a slice.
    async fn slice(&self, call: UndoCall, wanted: &Undo, ends: Instant) -> Result<Slice, WorkError> {
        let key = artifact::undo_report(call.uuid, call.undo);
        let mut keeper = Keeper::new(self.objects.as_ref(), self.clock.as_ref(), key, ends, wanted.began);
        let so_far = keeper.so_far().await?;
        let request = UndoRequest {
            import: call.uuid.uuid(),
            cascade: wanted.wish.cascade,
            dry_run: wanted.wish.dry_run,
        };
        let silos = Silos { cell: self.cell.as_ref(), control: self.control.as_ref() };
        let (slice, state, obstacles) = match undo(silos, &request, so_far, &mut keeper).await {
            Ok(UndoOutcome { finished, state }) => {
                let obstacles = state.obstacles.clone();
                let slice = match (finished, obstacles.is_empty()) {
                    (true, true) => Slice::Ended(CameTo::Done),
                    // Only a rehearsal comes to its end with something in the way.
                    (true, false) => Slice::Ended(CameTo::Obstructed(obstructed(&obstacles))),
                    (false, _) if keeper.waits_for_record() => Slice::Looked,
                    (false, _) => Slice::Left,
                };
                (slice, state, obstacles)
            }
            Err(UndoError::InTheWay(obstacles)) => {
                let slice = Slice::Ended(CameTo::Obstructed(obstructed(&obstacles)));
                (slice, keeper.last.clone(), *obstacles)
            }
            Err(error) if error.retryable() => return Err(error.into()),
            Err(error) => {
                error!(error = %Chain(&error), "undoing cannot go on");
                return Ok(Slice::Ended(CameTo::BrokeOff(ErrorCode::UndoBrokeOff.into())));
            }
        };
        // Somebody else may have brought it to its end meanwhile, and left what it came to.
        let relocation = self.store.relocation(call.uuid).await?;
        if relocation.as_ref().and_then(|relocation| call.of(relocation)).is_some() {
            keeper.keep(&state, &obstacles).await?;
        }
        Ok(slice)
    }

    /// It has come to its end.
    async fn close(&self, call: UndoCall, came_to: CameTo) -> Result<(), WorkError> {
        match &came_to {
            CameTo::Done => info!(undo = call.undo, "undoing is at its end"),
            CameTo::Obstructed(why) => warn!(undo = call.undo, code = %why.code, "something is in the way"),
            CameTo::BrokeOff(why) => error!(undo = call.undo, code = %why.code, "undoing broke off"),
        }
        let decide = |relocation: &Relocation| {
            Ok::<_, CommitError>(end(relocation, call, came_to.clone(), self.clock.now()))
        };
        update(self.store.as_ref(), call.uuid, decide).await?;
        Ok(())
    }
}

fn obstructed(obstacles: &Obstacles) -> Failure {
    let sentence = ErrorCode::UndoObstructed.sentence();
    let first = obstacles.named.first().map(|first| format!(", first: {first}")).unwrap_or_default();
    Failure::new(ErrorCode::UndoObstructed, format!("{sentence} ({} in the way{first}.)", obstacles.total()))
}
