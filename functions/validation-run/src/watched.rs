//! Tells how far the rehearsal is of the import that the run is about.

use pipeline::port::KeepProgress;
use runtime::ProgressTeller;
use transfer::import::{Proceed, Progress, Watch};

/// Watches an import; without a teller, nobody is to know.
pub(crate) struct Watched<S>(pub(crate) Option<ProgressTeller<S>>);

impl<S: KeepProgress> Watch for Watched<S> {
    async fn proceed(&mut self, progress: Progress<'_>) -> Proceed {
        if let Some(teller) = &mut self.0 {
            teller.tell(progress.rows_done, progress.rows_total, progress.models()).await;
        }
        Proceed::GoOn
    }
}
