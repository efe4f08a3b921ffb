use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use pipeline::code::ErrorCode;
use pipeline::message::{Answer, TaskMessage};
use pipeline::port::{
    AnswerTokens, Clock, CommitError, CommitRelocations, Delivery, Entropy, PortError, PostponeMessages,
    Queue, ReadRelocations,
};
use pipeline::relocation::Relocation;
use pipeline::task::OrderedTask;
use pipeline::transition::{Finished, Outcome, Start, finish, start};
use tokio::time::{Instant, timeout};
use tracing::{Instrument, Span, debug, error, error_span, field, info, warn};

use crate::backoff::Backoff;
use crate::config::Waits;
use crate::fence::Fence;
use crate::metrics;
use crate::sqs::{Handled, Received};
use crate::task::{Task, TaskContext, TaskError};
use crate::telemetry::{self, Chain};
use crate::update::{MAX_CONFLICTS, too_many_conflicts};

/// What is kept of the function's time for storing the outcome and answering the token.
const RESERVE: Duration = Duration::from_secs(5);

/// What running a task needs from the world.
pub struct Ports<S, Q, T> {
    /// Where relocations are.
    pub store: Arc<S>,
    /// Where messages are postponed.
    pub queues: Q,
    /// Where tokens are answered.
    pub tokens: T,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Spreads retries.
    pub entropy: Box<dyn Entropy>,
    /// How long to wait for what.
    pub waits: Waits,
}

/// Runs the task that a message asks for (DESIGN, "Runs, tokens, attempts"): the protocol, the body under a
/// deadline, the outcome in one transaction with the state it brings about, and then the token's answer.
///
/// `time_left` is the function's. A message that fails is seen again after a backoff; one that cannot be read
/// fails as it is, so that it ends as a dead letter.
pub async fn run_task<K, S, Q, T>(
    task: &K,
    ports: &Ports<S, Q, T>,
    received: &Received,
    time_left: Duration,
) -> Handled
where
    K: Task,
    S: ReadRelocations + CommitRelocations + 'static,
    Q: PostponeMessages,
    T: AnswerTokens,
{
    let span = error_span!(
        target: "runtime",
        "visit",
        task = K::TASK.name(),
        delivery = received.deliveries,
        relocation = field::Empty,
        trace = field::Empty,
        turn = field::Empty,
        attempt = field::Empty,
    );
    let ends = Instant::now() + time_left.saturating_sub(RESERVE);
    async {
        let Some(message) = read(K::TASK, &received.body) else { return Handled::Failed };
        let visit = Visit { task, ports, message: &message, ends };
        let Err(cause) = visit.run().await else { return Handled::Done };
        warn!(error = %Chain(&cause), "the task is tried again later");
        visit.postpone(received).await;
        Handled::Failed
    }
    .instrument(span)
    .await
}

/// The message, if it is one and in the right queue. The span around it says from then on what it is about.
fn read(task: OrderedTask, body: &str) -> Option<TaskMessage> {
    let message: TaskMessage = match serde_json::from_str(body) {
        Ok(message) => message,
        Err(error) => {
            // The error itself may quote the message; where it lies is enough.
            error!(line = error.line(), column = error.column(), "the message is no task message");
            return None;
        }
    };
    telemetry::join(&Span::current(), message.trace());
    Span::current().record("turn", message.turn.0);
    if message.task != task {
        error!(wanted = %message.task, "the message is for another task's queue");
        return None;
    }
    Some(message)
}

/// One visit of a run to a task.
struct Visit<'a, K, S, Q, T> {
    task: &'a K,
    ports: &'a Ports<S, Q, T>,
    message: &'a TaskMessage,
    ends: Instant,
}

/// What the protocol said.
enum Begun {
    /// The visit is over, with this answer; with none, nobody waits for one.
    Over(Option<Answer>),
    /// The body's turn has come: to begin an attempt, or to go on where the turn before saved its progress.
    Body(Box<Relocation>, Turns),
}

/// Whether a body begins an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turns {
    Attempt,
    GoesOn,
}

impl<K, S, Q, T> Visit<'_, K, S, Q, T>
where
    K: Task,
    S: ReadRelocations + CommitRelocations + 'static,
    Q: PostponeMessages,
    T: AnswerTokens,
{
    /// Fails when the visit is to be tried again, whatever stood in the way.
    async fn run(&self) -> Result<(), TaskError> {
        let (relocation, turns) = match self.begin().await? {
            Begun::Body(relocation, turns) => (*relocation, turns),
            Begun::Over(answer) => return self.end(answer).await,
        };
        let attempt = relocation.latest_task_attempts;
        Span::current().record("attempt", attempt);
        if turns == Turns::Attempt {
            metrics::attempt_started(K::TASK.name(), attempt);
        }
        match self.body(relocation).await {
            Ok(finished) => {
                let answer = self.settle(finished).await?;
                self.answer(&answer).await
            }
            Err(TaskError::Superseded) => self.yield_to_successor().await,
            Err(error) => Err(error),
        }
    }

    /// The protocol, with the attempt counted in the store before the body runs.
    async fn begin(&self) -> Result<Begun, TaskError> {
        for _ in 0..MAX_CONFLICTS {
            let (before, start) = self.protocol().await?;
            let (commit, begun) = match start {
                Start::Drop => return Ok(Begun::Over(None)),
                Start::Answer(answer) => return Ok(Begun::Over(Some(answer))),
                Start::End(commit, answer) => (commit, Begun::Over(Some(answer))),
                Start::Run(commit) => {
                    let goes_on = before.is_some_and(|before| before.progress_saved);
                    let turns = if goes_on { Turns::GoesOn } else { Turns::Attempt };
                    let relocation = Box::new(commit.relocation.clone());
                    (commit, Begun::Body(relocation, turns))
                }
            };
            match self.ports.store.commit(*commit).await {
                Ok(()) => return Ok(begun),
                Err(error) => decide_anew(error)?,
            }
        }
        Err(too_many_conflicts().into())
    }

    /// The record as it is, and what the protocol says about it.
    async fn protocol(&self) -> Result<(Option<Relocation>, Start), PortError> {
        let store = &self.ports.store;
        let relocation = store.relocation(self.message.uuid).await?;
        let outcome = store.outcome(self.message.uuid, self.message.visit()).await?;
        let start = start(relocation.as_ref(), outcome.as_ref(), self.message, self.ports.clock.now());
        Ok((relocation, start))
    }

    /// The body, under its deadline. A failure that no further try can mend is an outcome.
    async fn body(&self, relocation: Relocation) -> Result<Finished, TaskError> {
        let is_last_attempt = relocation.latest_task_attempts >= K::TASK.attempts();
        let now = Instant::now();
        let context = TaskContext {
            now: self.ports.clock.now(),
            fence: Fence::new(Arc::clone(&self.ports.store), relocation.id, relocation.generation),
            slice_ends: self.ends.min(now + self.ports.waits.slice),
            relocation,
        };
        info!("the task starts");
        let body = AssertUnwindSafe(self.task.run(&context)).catch_unwind();
        let ended = match timeout(self.ends.saturating_duration_since(now), body).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_panic)) => Err(TaskError::transient("the body panicked")),
            Err(_elapsed) => Err(TaskError::transient("the body took longer than the function has")),
        };
        metrics::attempt_ended(K::TASK.name(), now.elapsed());
        match ended {
            Err(TaskError::Verdict(failure)) => Ok(Outcome::Fail(failure).into()),
            Err(cause @ TaskError::Broken { retryable, .. }) if is_last_attempt || !retryable => {
                error!(error = %Chain(&cause), "the task failed for good");
                Ok(Outcome::Fail(K::TASK.failure().into()).into())
            }
            ended => ended,
        }
    }

    /// The body found that its run is over: what the protocol says now is the end of the visit. That the run
    /// is not over after all can only be a fault of the body's.
    async fn yield_to_successor(&self) -> Result<(), TaskError> {
        match self.protocol().await?.1 {
            Start::Drop => self.end(None).await,
            Start::Answer(answer) => self.end(Some(answer)).await,
            Start::End(..) | Start::Run(_) => Err(TaskError::transient("the run is not over")),
        }
    }

    async fn end(&self, answer: Option<Answer>) -> Result<(), TaskError> {
        match answer {
            Some(answer) => self.answer(&answer).await,
            None => {
                info!("the message belongs to a run that is over");
                Ok(())
            }
        }
    }

    /// Stores the outcome, unless the visit has one already or the record has moved on without it.
    async fn settle(&self, finished: Finished) -> Result<Answer, TaskError> {
        let stopped = Answer::stopped(self.message.turn);
        for _ in 0..MAX_CONFLICTS {
            let store = &self.ports.store;
            let Some(relocation) = store.relocation(self.message.uuid).await? else { return Ok(stopped) };
            if let Some(answer) = store.outcome(self.message.uuid, self.message.visit()).await? {
                return Ok(answer);
            }
            let now = self.ports.clock.now();
            let Some((commit, answer)) = finish(&relocation, self.message, finished.clone(), now) else {
                return Ok(stopped);
            };
            match store.commit(commit).await {
                Ok(()) => return Ok(answer),
                Err(error) => decide_anew(error)?,
            }
        }
        Err(too_many_conflicts().into())
    }

    async fn answer(&self, answer: &Answer) -> Result<(), TaskError> {
        let delivery = self.ports.tokens.answer(&self.message.token, answer).await?;
        info!(outcome = ?answer.outcome, code = answer.code.map(ErrorCode::as_str), "the task ends");
        if delivery == Delivery::AnsweredAlready {
            debug!("the token was answered already");
        }
        Ok(())
    }

    async fn postpone(&self, received: &Received) {
        let Ports { queues, entropy, waits, .. } = self.ports;
        let backoff = Backoff { queues, entropy: entropy.as_ref(), waits: *waits };
        backoff.postpone(Queue::Task(K::TASK), received, Duration::ZERO).await;
    }
}

/// A commit that lost a race is decided anew; one that the store failed is not.
fn decide_anew(error: CommitError) -> Result<(), PortError> {
    match error {
        CommitError::Conflict(_) => Ok(()),
        CommitError::Port(error) => Err(error),
        error @ CommitError::OwnerBusy(_) => Err(PortError::permanent("commit a task's outcome", error)),
    }
}
