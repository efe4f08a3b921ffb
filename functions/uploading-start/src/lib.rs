//! `uploading_start`, the first ordered task (SPEC §3, 1): where another cell has the organisation, the run waits
//! for that cell's export; where a customer uploaded it, there is nothing to do.

use pipeline::task::OrderedTask;
use pipeline::transition::{Finished, Outcome};
use runtime::{Task, TaskContext, TaskError};

/// The task. A fork's request to the other cell leaves with the record that asks for it, so that nothing is to be
/// sent here; what carries it there, and the timeout of its reply, are still to be built.
#[derive(Clone, Copy, Debug, Default)]
pub struct UploadingStart;

impl Task for UploadingStart {
    const TASK: OrderedTask = OrderedTask::UploadingStart;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        // A fork that is tried again has the other cell's export already, and asks nobody.
        Ok(match context.relocation.fork {
            None => Finished::next(),
            // The reply starts the next run at `uploading_complete`, however long it takes.
            Some(_) => Outcome::AwaitReply.into(),
        })
    }
}
