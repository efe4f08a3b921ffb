//! `validating_start`, undisturbed and disturbed in every way.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use artifacts::testing::amend;
use pipeline::code::ErrorCode;
use pipeline::commit::{Dispatch, Validate};
use pipeline::ids::{BuildId, Generation};
use pipeline::kinds::ValidationStatus;
use pipeline::port::Clock;
use pipeline::task::OrderedTask;
use pipeline::validation::Validation;
use runtime::Handled;
use testkit::{Stage, proven};
use validating_start::ValidatingStart;

/// A relocation that has had so many validation runs.
async fn stage_after(runs: usize) -> Stage {
    let stage = Stage::at(OrderedTask::ValidatingStart).await;
    let mut validation = Validation::new();
    for _ in 0..runs {
        let build = validation.start_run(stage.id, stage.clock.now()).unwrap();
        validation.conclude(build, ValidationStatus::Failure);
    }
    amend(&stage.ports.store, stage.id, vec![], |record| record.validation = Some(validation)).await;
    stage.faults.reset();
    stage
}

async fn run(stage: &Stage) -> Handled {
    stage.deliver(&ValidatingStart).await
}

fn asked_for(stage: &Stage) -> Vec<Validate> {
    let outbox = stage.ports.store.outbox().into_iter();
    let asked = outbox.filter_map(|entry| match entry.dispatch {
        Dispatch::Validate(validate) => Some(validate),
        _ => None,
    });
    asked.collect()
}

#[tokio::test]
async fn a_run_is_recorded_and_asked_for_once() {
    for before in 0..3 {
        let once = async |stage: &Stage| {
            let handled = run(stage).await;
            assert!(asked_for(stage).len() <= 1);
            handled
        };
        let end = proven(async || stage_after(before).await, once).await;
        let answer = end.answer.unwrap();
        assert_eq!(answer.next, Some(OrderedTask::ValidatingPoll));

        let stage = stage_after(before).await;
        run(&stage).await;
        let build = BuildId { relocation: stage.id, run: u32::try_from(before).unwrap() + 1 };
        assert_eq!(answer.build, Some(build));
        assert_eq!(asked_for(&stage), [Validate { uuid: stage.id, build, generation: Generation(1) }]);
        let attempt = stage.relocation().await.validation.unwrap().attempts.pop().unwrap();
        assert_eq!((attempt.build, attempt.status), (build, ValidationStatus::InProgress));
    }
}

#[tokio::test]
async fn three_runs_are_enough() {
    let stage = stage_after(3).await;
    assert_eq!(run(&stage).await, Handled::Done);
    assert_eq!(stage.answer().unwrap().code, Some(ErrorCode::ValidationRunsExhausted));
    assert_eq!(asked_for(&stage), []);
}
