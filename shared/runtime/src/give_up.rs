use pipeline::code::ErrorCode;
use pipeline::message::{Answer, RunFailure, TaskMessage};
use pipeline::port::{AnswerTokens, Clock, CommitError, CommitRelocations, ReadRelocations};
use pipeline::relocation::Relocation;
use pipeline::transition::{Cause, fail};

use crate::update::update;

/// What a task's dead letter comes to: its function died without a word every time, so the relocation fails
/// with `task-died`, unless the visit has an outcome or the relocation has moved on. Either way the token is
/// answered, so that the machine does not wait for its timeout.
///
/// # Errors
/// The store or the token could not be reached; trying again helps.
pub async fn give_up_visit<S, T>(
    store: &S,
    tokens: &T,
    clock: &dyn Clock,
    message: &TaskMessage,
) -> Result<(), CommitError>
where
    S: ReadRelocations + CommitRelocations,
    T: AnswerTokens,
{
    let visit = message.visit();
    let code = ErrorCode::TaskDied;
    let died = |relocation: &Relocation| {
        let is_ours = relocation.is_run_by(message.generation);
        Ok::<_, CommitError>(
            is_ours.then(|| fail(relocation, code.into(), &Cause::Visit(visit), clock.now())).flatten(),
        )
    };
    let answer = match store.outcome(message.uuid, visit).await? {
        Some(answer) => answer,
        None => match update(store, message.uuid, died).await? {
            Some(after) if after.generation == message.generation => {
                store.outcome(after.id, visit).await?.unwrap_or(Answer::stopped(message.turn))
            }
            _ => Answer::stopped(message.turn),
        },
    };
    tokens.answer(&message.token, &answer).await?;
    Ok(())
}

/// What a run that ended in a way nobody foresaw comes to: nobody goes on with the relocation, so it fails
/// with `task-died`, unless it has ended or another run has taken over.
///
/// # Errors
/// The store could not be reached; trying again helps.
pub async fn give_up_run<S>(store: &S, clock: &dyn Clock, report: &RunFailure) -> Result<(), CommitError>
where
    S: ReadRelocations + CommitRelocations,
{
    let cause = Cause::Pipeline("run-failed");
    let broke_off = |relocation: &Relocation| {
        let is_ours = relocation.is_run_by(report.generation);
        let failure = ErrorCode::TaskDied.into();
        Ok::<_, CommitError>(is_ours.then(|| fail(relocation, failure, &cause, clock.now())).flatten())
    };
    update(store, report.uuid, broke_off).await.map(drop)
}
