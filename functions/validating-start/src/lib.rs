//! `validating_start` (SPEC §3, 8): a validation run is started, the third at most.

use pipeline::code::ErrorCode;
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished, ValidationChange};
use runtime::{Task, TaskContext, TaskError};

/// The task. The run's attempt and the message that starts it are stored with the outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct ValidatingStart;

impl Task for ValidatingStart {
    const TASK: OrderedTask = OrderedTask::ValidatingStart;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let validation = context.relocation.validation.as_ref();
        let validation = validation.ok_or_else(|| TaskError::permanent("no validation was created"))?;
        if !validation.has_runs_left() {
            return Err(TaskError::verdict(ErrorCode::ValidationRunsExhausted));
        }
        let validation = Some(ValidationChange::StartRun);
        Ok(Finished::next().with(Changes { validation, ..Changes::default() }))
    }
}
