//! `validating_poll` (SPEC §3, 9): the validation run is looked at until it ends.

use std::time::Duration;

use pipeline::kinds::ValidationStatus;
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished, Outcome, ValidationChange};
use pipeline::validation::Poll;
use runtime::{Task, TaskContext, TaskError};

/// The task.
#[derive(Clone, Copy, Debug)]
pub struct ValidatingPoll {
    /// Between two looks.
    pub interval: Duration,
    /// How long a run may take.
    pub timeout: Duration,
}

impl Task for ValidatingPoll {
    const TASK: OrderedTask = OrderedTask::ValidatingPoll;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let validation = context.relocation.validation.as_ref();
        let attempt = validation.and_then(|validation| validation.latest());
        let attempt = attempt.ok_or_else(|| TaskError::permanent("no validation run was started"))?;
        // A run that did not get to a verdict is given up; whether another follows, `validating_start` says.
        let given_up = |status| {
            let validation = Some(ValidationChange::Conclude(attempt.build, status));
            Finished::from(Outcome::BackToValidatingStart).with(Changes { validation, ..Changes::default() })
        };
        Ok(match attempt.poll(context.now, self.timeout) {
            Poll::Ended => Finished::next(),
            Poll::Running => Finished::again(self.interval.as_secs().try_into().unwrap_or(u32::MAX)),
            Poll::Failed => given_up(ValidationStatus::Failure),
            Poll::TimedOut => given_up(ValidationStatus::Timeout),
        })
    }
}
