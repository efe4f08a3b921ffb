//! Work that blocks: parsers and ciphers, and the engine, which reads files between its own awaits.

use std::future::Future;
use std::io;
use std::sync::{Arc, Weak};

use runtime::TaskError;
use tracing::Span;

tokio::task_local! {
    /// Gone as soon as nobody waits for the work on this thread any more.
    static WAITER: Weak<()>;
}

/// Runs work on a thread that may block, as an [`ObjectReader`](crate::ObjectReader) does.
///
/// A thread cannot be stopped from outside. When the caller gives up, because its time is over, the work's next
/// read of an object fails, so that it does not get in the way of the next try. What the work logs belongs to the
/// caller's span.
///
/// # Errors
/// The work's own. One that panics counts as transient, as a panic of the whole body does.
pub async fn blocking<T, W>(work: W) -> Result<T, TaskError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, TaskError> + Send + 'static,
{
    let waiting = Arc::new(());
    let waiter = Arc::downgrade(&waiting);
    let span = Span::current();
    let work = tokio::task::spawn_blocking(move || span.in_scope(|| WAITER.sync_scope(waiter, work)));
    work.await.unwrap_or_else(|panic| Err(TaskError::transient(panic)))
}

/// Fails when the caller of [`blocking`] has given up.
pub(crate) fn check_awaited() -> io::Result<()> {
    let is_awaited = WAITER.try_with(|waiter| waiter.strong_count() > 0).unwrap_or(true);
    if is_awaited { Ok(()) } else { Err(io::Error::other("nobody waits for this any more")) }
}

/// Drives a future that blocks within its polls, on a thread that may block: an import reads its file while
/// it writes to a silo. The silo's own requests run on the runtime as always.
///
/// # Errors
/// As [`blocking`].
pub async fn drive<T, W, F>(work: W) -> Result<T, TaskError>
where
    T: Send + 'static,
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<T, TaskError>>,
{
    // Not the runtime's own `block_on`: within it, blocking is forbidden.
    blocking(move || futures::executor::block_on(work())).await
}
