//! `notifying_owner` (SPEC §3, 15): owner and creator are told that all is there.

use pipeline::kinds::Notified;
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};

/// The task. The mail is an effect of the event that its outcome publishes.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotifyingOwner;

impl Task for NotifyingOwner {
    const TASK: OrderedTask = OrderedTask::NotifyingOwner;

    async fn run(&self, _: &TaskContext) -> Result<Finished, TaskError> {
        let notify = Some(Notified::Succeeded);
        Ok(Finished::next().with(Changes { notify, ..Changes::default() }))
    }
}
