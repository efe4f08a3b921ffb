use pipeline::code::ErrorCode;
use pipeline::message::{Answer, TaskMessage};
use pipeline::port::{AnswerTokens, Clock, CommitRelocations, PortError, ReadRelocations};
use pipeline::transition::{Cause, fail};

use crate::run_task::{decide_anew, too_many_conflicts};

/// What a dead letter comes to: the function of its task died without a word every time, so the relocation
/// fails with `task-died`, unless it has moved on. The token, if somebody still waits for it, is answered.
///
/// # Errors
/// The store or the token could not be reached; trying again helps.
pub async fn give_up<S, T>(
    store: &S,
    tokens: &T,
    clock: &dyn Clock,
    message: &TaskMessage,
) -> Result<(), PortError>
where
    S: ReadRelocations + CommitRelocations,
    T: AnswerTokens,
{
    let answer = decide(store, clock, message).await?;
    tokens.answer(&message.token, &answer).await?;
    Ok(())
}

async fn decide<S>(store: &S, clock: &dyn Clock, message: &TaskMessage) -> Result<Answer, PortError>
where
    S: ReadRelocations + CommitRelocations,
{
    let stopped = Answer::stopped(message.turn);
    for _ in 0..8 {
        let Some(relocation) = store.relocation(message.uuid).await? else { return Ok(stopped) };
        if let Some(answer) = store.outcome(message.uuid, message.visit()).await? {
            return Ok(answer);
        }
        if relocation.generation != message.generation {
            return Ok(stopped);
        }
        let failure = ErrorCode::TaskDied.into();
        let cause = Cause::Visit(message.visit());
        let Some(commit) = fail(&relocation, failure, &cause, clock.now()) else { return Ok(stopped) };
        match store.commit(commit).await {
            Ok(()) => return Ok(Answer::failed(message.turn, ErrorCode::TaskDied)),
            Err(error) => decide_anew(error)?,
        }
    }
    Err(too_many_conflicts())
}
