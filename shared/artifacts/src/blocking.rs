//! Work that blocks: parsers and ciphers, and the engine, which reads files between its own awaits.

use std::future::Future;

use runtime::TaskError;

/// Runs work on a thread that may block, as an [`ObjectReader`](crate::ObjectReader) does.
///
/// # Errors
/// The work's own. One that panics counts as transient, as a panic of the whole body does.
pub async fn blocking<T, W>(work: W) -> Result<T, TaskError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, TaskError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(TaskError::transient(panic)))
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
