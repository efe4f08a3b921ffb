//! Serves a function's messages to the Lambda runtime, so that a function's `main` stays a few lines:
//!
//! ```no_run
//! # async fn body<K: runtime::Task>(
//! #     task: K, ports: runtime::Ports<
//! #         pipeline::memory::MemoryRelocations, pipeline::memory::MemoryQueues, pipeline::memory::MemoryTokens,
//! #     >,
//! # ) -> Result<(), lambda_runtime::Error> {
//! runtime::telemetry::init(std::env::vars());
//! let config = runtime::config::Config::from_env(std::env::vars())?;
//! // … adapters from `platform` and the task's body, made from `config` …
//! runtime::lambda::serve_task(task, ports).await
//! # }
//! ```
//!
//! Bodies are boxed where they are called: with those of the SDK inside, a future nests deeper than the compiler
//! follows.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use pipeline::port::{AnswerTokens, CommitRelocations, PostponeMessages, ReadRelocations};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{Instrument, Span, error_span};

use crate::run_task::{Ports, run_task};
use crate::sqs::{Handled, Received, handle_batch};
use crate::task::Task;

/// Serves an ordered task from its queue.
///
/// # Errors
/// The Lambda runtime cannot be reached.
pub async fn serve_task<K, S, Q, T>(task: K, ports: Ports<S, Q, T>) -> Result<(), Error>
where
    K: Task,
    S: ReadRelocations + CommitRelocations + 'static,
    Q: PostponeMessages,
    T: AnswerTokens,
{
    serve_queue(async |received, time_left| Box::pin(run_task(&task, &ports, &received, time_left)).await)
        .await
}

/// Serves any other queue: `handle` gets each message and the time that the function has left.
///
/// # Errors
/// The Lambda runtime cannot be reached.
pub async fn serve_queue(handle: impl AsyncFn(Received, Duration) -> Handled) -> Result<(), Error> {
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let LambdaEvent { payload, context, .. } = event;
        let handle = async |received| Box::pin(handle(received, time_left(&context))).await;
        let handled = handle_batch(payload, handle).instrument(invocation(&context.request_id));
        Ok::<SqsBatchResponse, Error>(handled.await)
    }))
    .await
}

/// Serves events of any other source: `handle` gets each event and the time that the function has left. When it
/// fails, its source delivers the event again.
///
/// # Errors
/// The Lambda runtime cannot be reached.
pub async fn serve_events<E, R>(handle: impl AsyncFn(E, Duration) -> Result<R, Error>) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| async move {
        let LambdaEvent { payload, context, .. } = event;
        Box::pin(handle(payload, time_left(&context))).instrument(invocation(&context.request_id)).await
    }))
    .await
}

/// The span of an invocation, by Lambda's id of it, under which Lambda itself logs how long the function ran and how
/// much memory it used.
#[must_use]
pub fn invocation(request_id: &str) -> Span {
    error_span!(target: "runtime", "invocation", request = request_id)
}

/// How much of its time the function has left.
#[must_use]
pub fn time_left(context: &Context) -> Duration {
    let deadline = Duration::from_millis(context.deadline);
    let now = Timestamp::now().as_millisecond();
    deadline.saturating_sub(Duration::from_millis(now.try_into().unwrap_or(0)))
}
