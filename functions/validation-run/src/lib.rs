//! `validation-run`: rehearses an import in an empty sandbox and finds out what it would change (SPEC §9, last
//! paragraph; DESIGN §2, "Validation").
//!
//! It has a queue of its own. A message that comes twice does no harm: the second run writes the same files, or
//! finds that the first has reported its end.

mod rehearsed;
mod sandbox;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use artifacts::{ValidationPlan, put_small, read_small};
use catalog::Catalog;
use jiff::Timestamp;
use pipeline::artifact;
use pipeline::commit::{Commit, Validate};
use pipeline::ids::BuildId;
use pipeline::port::{
    Clock, CommitRelocations, Entropy, KeepProgress, PostponeMessages, PublicKey, Queue, ReadObjects,
    ReadRelocations, UnwrapKeys, WriteObjects,
};
use pipeline::relocation::Relocation;
use pipeline::transition::validation;
use pipeline::validation::{Poll, Validation};
use runtime::config::Waits;
use runtime::telemetry::{self, Chain};
use runtime::{Backoff, Handled, Received, TaskError, metrics, update};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, error, info, warn};
use transfer::findings::Finding;

use sandbox::Sandbox;

/// What a validation run needs from the world.
pub struct ValidationRun<R, O, K, Q> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Where the run's files are.
    pub objects: Arc<O>,
    /// The key that they are sealed for.
    pub keys: K,
    /// Where messages are postponed.
    pub queues: Q,
    /// The models that the cell knows.
    pub catalog: Arc<Catalog>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Makes data keys, and the keys of imports.
    pub entropy: Box<dyn Entropy>,
    /// How long to wait before a retry.
    pub waits: Waits,
    /// The folder for temporary files.
    pub scratch: PathBuf,
}

/// What logs and figures call it.
const NAME: &str = "validation-run";

/// What is kept of the function's time for putting the message off.
const RESERVE: Duration = Duration::from_secs(5);

/// How many findings of a step are written. Nobody reads more, and those who look for any must be able to read the
/// file.
const FINDINGS_MAX: usize = 1_000;

impl<R, O, K, Q> ValidationRun<R, O, K, Q>
where
    R: ReadRelocations + CommitRelocations + KeepProgress + 'static,
    O: ReadObjects + WriteObjects + 'static,
    K: PublicKey + UnwrapKeys + Send + Sync,
    Q: PostponeMessages,
{
    /// Handles a message, within the time that the function has left. One that fails comes again; what cannot be mended so is reported at once, so that the
    /// relocation goes on to its next run without waiting for this one's time to pass.
    pub async fn handle(&self, received: &Received, time_left: Duration) -> Handled {
        let span = telemetry::span(NAME, Some(received.deliveries));
        self.attempt(received, time_left).instrument(span).await
    }

    async fn attempt(&self, received: &Received, time_left: Duration) -> Handled {
        let message: Validate = match serde_json::from_str(&received.body) {
            Ok(message) => message,
            Err(error) => {
                error!(error = %Chain(&error), "the message does not ask for a validation run");
                return Handled::Failed;
            }
        };
        telemetry::join(&Span::current(), message.trace());
        let build = message.build;
        info!(%build, "the run starts");
        metrics::attempt_started(NAME, received.deliveries);
        let began = Instant::now();
        let ended = self.run_within(time_left.saturating_sub(RESERVE), build).await;
        metrics::attempt_ended(NAME, began.elapsed());
        match self.conclude(build, ended).await {
            Ok(()) => Handled::Done,
            Err(cause) => {
                warn!(error = %Chain(&cause), "the run is tried again");
                let Self { queues, entropy, waits, .. } = self;
                let backoff = Backoff { queues, entropy: entropy.as_ref(), waits: *waits };
                backoff.postpone(Queue::Validation, received, Duration::ZERO).await;
                Handled::Failed
            }
        }
    }

    /// Reports how the run ended, unless a retry can help or nobody waits for it.
    async fn conclude(&self, build: BuildId, ended: Result<(), TaskError>) -> Result<(), TaskError> {
        match ended {
            Ok(()) => self.report(build, validation::ended).await,
            Err(TaskError::Superseded) => {
                info!("nobody waits for this run any more");
                Ok(())
            }
            Err(cause) if is_retryable(&cause) => Err(cause),
            Err(cause) => {
                error!(error = %Chain(&cause), "the run breaks off");
                metrics::task_failed(NAME);
                self.report(build, validation::broke_off).await
            }
        }
    }

    async fn run_within(&self, limit: Duration, build: BuildId) -> Result<(), TaskError> {
        let in_time = timeout(limit, self.run(build)).await;
        in_time.unwrap_or_else(|_| Err(TaskError::transient("the run took longer than the function has")))
    }

    /// Follows the plan to its end, or to the first step that finds something wrong with the file.
    async fn run(&self, build: BuildId) -> Result<(), TaskError> {
        self.still_wanted(build).await?;
        let plan = read_small(&*self.objects, &artifact::validation_plan(build.relocation)).await?;
        let plan: ValidationPlan = serde_json::from_slice(&plan).map_err(TaskError::permanent)?;
        let mut sandbox = Sandbox::prepare(self, build, plan.want_org_slugs).await?;
        for step in plan.steps {
            info!(?step, "a step begins");
            let done = sandbox.follow(step).await?;
            self.still_wanted(build).await?;
            if let Some(rehearsed) = done.rehearsed {
                rehearsed.store(&*self.objects, &self.catalog, build).await?;
            }
            let mut json = Vec::new();
            transfer::findings::write_json(&first(done.findings), &mut json).map_err(TaskError::permanent)?;
            put_small(&*self.objects, &step.findings(build), json).await?;
            if !done.may_go_on {
                break;
            }
        }
        Ok(())
    }

    /// Reads the record: has the relocation ended, or was this run given up?
    async fn still_wanted(&self, build: BuildId) -> Result<(), TaskError> {
        let relocation = self.store.relocation(build.relocation).await?;
        let wanted = relocation.is_some_and(|relocation| awaits(&relocation, build, self.clock.now()));
        if wanted { Ok(()) } else { Err(TaskError::Superseded) }
    }

    /// Records the run's end.
    async fn report(
        &self,
        build: BuildId,
        end: fn(&Relocation, BuildId, Timestamp) -> Option<Commit>,
    ) -> Result<(), TaskError> {
        let decide = |relocation: &Relocation| Ok(end(relocation, build, self.clock.now()));
        update(self.store.as_ref(), build.relocation, decide).await.map(drop)
    }
}

/// As many findings as are written, the last of which says how many are not.
fn first(mut findings: Vec<Finding>) -> Vec<Finding> {
    let left_out = findings.len().saturating_sub(FINDINGS_MAX);
    findings.truncate(FINDINGS_MAX);
    if let Some(last) = findings.last_mut().filter(|_| left_out > 0) {
        last.reason.push_str(&format!(" (And {left_out} more findings, which are left out.)"));
    }
    findings
}

/// Whether a relocation waits for this run. How long it may take is the poll's business, not the run's own.
fn awaits(relocation: &Relocation, build: BuildId, now: Timestamp) -> bool {
    let latest = relocation.validation.as_ref().and_then(Validation::latest);
    let runs = latest.is_some_and(|attempt| {
        attempt.build == build && attempt.poll(now, std::time::Duration::MAX) == Poll::Running
    });
    relocation.status.is_active() && runs
}

fn is_retryable(error: &TaskError) -> bool {
    matches!(error, TaskError::Broken { retryable: true, .. })
}
