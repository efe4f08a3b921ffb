//! `completed`, the last ordered task (SPEC §3, 16): the relocation is a success.

use pipeline::task::OrderedTask;
use pipeline::transition::Finished;
use runtime::{Task, TaskContext, TaskError};

/// The task. All there is to do is in the transition that its outcome brings about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Completed;

impl Task for Completed {
    const TASK: OrderedTask = OrderedTask::Completed;

    async fn run(&self, _: &TaskContext) -> Result<Finished, TaskError> {
        Ok(Finished::next())
    }
}
