use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use pipeline::ids::{Generation, RelocationId};
use pipeline::port::{PortError, ReadRelocations};

use crate::task::TaskError;

/// Tells a body whether its run may still change anything. Bodies ask before each group of writes, and at
/// least once a second, so that nothing is written for long after an abort.
#[derive(Clone)]
pub struct Fence(Arc<dyn Fn() -> BoxFuture<'static, Result<bool, PortError>> + Send + Sync>);

impl Fence {
    /// A fence around what this generation of a relocation does.
    pub fn new<S: ReadRelocations + 'static>(
        store: Arc<S>,
        id: RelocationId,
        generation: Generation,
    ) -> Self {
        Self(Arc::new(move || {
            let store = Arc::clone(&store);
            Box::pin(async move {
                let relocation = store.relocation(id).await?;
                Ok(relocation.is_some_and(|relocation| relocation.is_run_by(generation)))
            })
        }))
    }

    /// Reads the record, consistently.
    ///
    /// # Errors
    /// [`TaskError::Superseded`] when the relocation has ended or another run has taken over; else when the
    /// record cannot be read.
    pub async fn check(&self) -> Result<(), TaskError> {
        if (self.0)().await? { Ok(()) } else { Err(TaskError::Superseded) }
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fence")
    }
}
