//! `validating_poll`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use artifacts::testing::amend;
use pipeline::code::ErrorCode;
use pipeline::ids::Turn;
use pipeline::kinds::ValidationStatus;
use pipeline::message::Verdict;
use pipeline::port::Clock;
use pipeline::task::OrderedTask;
use pipeline::validation::{Attempt, Validation};
use rstest::rstest;
use runtime::Handled;
use testkit::{Stage, proven};
use validating_poll::ValidatingPoll;

const TIMEOUT: Duration = Duration::from_mins(80);

async fn stage_of(change: impl Fn(&mut Attempt), elapsed: Duration) -> Stage {
    let stage = Stage::at(OrderedTask::ValidatingPoll).await;
    let mut validation = Validation::new();
    validation.start_run(stage.id, stage.clock.now()).unwrap();
    change(validation.attempts.last_mut().unwrap());
    amend(&stage.ports.store, stage.id, vec![], |record| record.validation = Some(validation)).await;
    stage.clock.0.advance(elapsed);
    stage.faults.reset();
    stage
}

async fn run(stage: &Stage) -> Handled {
    stage.deliver(&ValidatingPoll { interval: Duration::from_secs(60), timeout: TIMEOUT }).await
}

fn under_way(_: &mut Attempt) {}

fn ended(attempt: &mut Attempt) {
    attempt.ended_at = Some(attempt.date);
}

fn failed(attempt: &mut Attempt) {
    ended(attempt);
    attempt.status = ValidationStatus::Failure;
}

#[rstest]
#[case::timed_out(under_way, TIMEOUT, OrderedTask::ValidatingStart, ValidationStatus::Timeout)]
#[case::failed(failed, Duration::ZERO, OrderedTask::ValidatingStart, ValidationStatus::Failure)]
#[case::ended(ended, Duration::ZERO, OrderedTask::ValidatingComplete, ValidationStatus::InProgress)]
#[case::ended_late(ended, TIMEOUT * 2, OrderedTask::ValidatingComplete, ValidationStatus::InProgress)]
#[tokio::test]
async fn what_a_run_comes_to(
    #[case] change: fn(&mut Attempt),
    #[case] elapsed: Duration,
    #[case] next: OrderedTask,
    #[case] status: ValidationStatus,
) {
    let end = proven(async || stage_of(change, elapsed).await, run).await;
    let answer = end.answer.unwrap();
    assert_eq!((answer.outcome, answer.next), (Verdict::Next, Some(next)));

    let stage = stage_of(change, elapsed).await;
    run(&stage).await;
    let record = stage.relocation().await;
    assert_eq!(record.validation.unwrap().attempts.last().unwrap().status, status);
    let fresh = next == OrderedTask::ValidatingStart;
    assert_eq!(record.latest_task_attempts, u32::from(!fresh), "going back resets the attempts");
}

#[tokio::test]
async fn polls_that_find_the_run_under_way_use_up_no_attempts() {
    let stage = stage_of(under_way, TIMEOUT - Duration::from_secs(1)).await;
    for turn in 1..100 {
        let message = stage.message();
        assert_eq!(run(&stage).await, Handled::Done);
        let answer = stage.ports.tokens.answer_of(&message.token).unwrap();
        assert_eq!((answer.outcome, answer.turn, answer.wait_seconds), (Verdict::Again, Turn(turn), 60));
        assert_eq!(stage.relocation().await.latest_task_attempts, 1);
    }
}

#[tokio::test]
async fn nothing_to_look_at_is_a_fault_of_ours() {
    let stage = Stage::at(OrderedTask::ValidatingPoll).await;
    amend(&stage.ports.store, stage.id, vec![], |record| record.validation = None).await;
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(stage.answer().unwrap().code, Some(ErrorCode::ValidatingPollFailed));
}
