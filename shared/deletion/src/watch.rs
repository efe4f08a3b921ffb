//! Watching a deletion, and stopping it.

use std::future::Future;

use crate::Deleted;

/// Watches a deletion, and may stop it between two chunks.
pub trait Watch: Send {
    /// Asked before each chunk, with what was done so far; what was done stays when it says stop.
    ///
    /// # Errors
    /// None: a watch that fails says stop, and tells why itself.
    fn goes_on(&mut self, so_far: &Deleted) -> impl Future<Output = bool> + Send;
}

/// Lets a deletion go on to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    async fn goes_on(&mut self, _: &Deleted) -> bool {
        true
    }
}

/// Lets a deletion go on while a function says so, such as one that looks at the time.
impl<F: FnMut() -> bool + Send> Watch for F {
    async fn goes_on(&mut self, _: &Deleted) -> bool {
        self()
    }
}
