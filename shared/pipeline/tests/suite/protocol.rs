//! The protocol that every task begins with, point by point, for every task.

use crate::common::{at, events, id, message, now, uploaded};
use pipeline::code::ErrorCode;
use pipeline::commit::{Commit, Lock};
use pipeline::event::{Event, Failed, Paused, StepEntered};
use pipeline::ids::{BuildId, Generation, Turn};
use pipeline::kinds::{Status, Step};
use pipeline::message::{Answer, TaskMessage, Verdict};
use pipeline::relocation::Relocation;
use pipeline::task::OrderedTask;
use pipeline::transition::{Start, start};
use pipeline::validation::Validation;
use rstest::rstest;

fn begin(relocation: &Relocation, message: &TaskMessage) -> Start {
    start(Some(relocation), None, message, now())
}

fn stopped() -> Start {
    Start::Answer(Answer::stopped(Turn(0)))
}

/// The commit before a body that runs.
fn runs(start: Start) -> Commit {
    match start {
        Start::Run(commit) => *commit,
        other => panic!("the body runs: {other:?}"),
    }
}

/// The commit and the answer of a visit that ends at once.
fn ends(start: Start) -> (Commit, Answer) {
    match start {
        Start::End(commit, answer) => (*commit, answer),
        other => panic!("the visit ends: {other:?}"),
    }
}

fn assert_fails(begun: Start, code: ErrorCode) -> Commit {
    let (commit, answer) = ends(begun);
    assert_eq!(answer, Answer::failed(Turn(0), code));
    assert_eq!(commit.relocation.status, Status::Failure);
    assert_eq!(commit.relocation.failure_reason, Some(code.into()));
    assert_eq!(commit.lock, Lock::Release);
    assert_eq!(commit.outcome.as_ref().unwrap().1, answer);
    commit
}

/// The tasks that begin a step, with the task before.
fn entrances() -> impl Iterator<Item = (OrderedTask, OrderedTask)> {
    let pairs = OrderedTask::ALL.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(before, task)| before.step() < task.step())
}

// ---- 1 -------------------------------------------------------------------------------------------------

#[test]
fn without_a_relocation_nothing_happens_and_the_token_is_answered() {
    assert_eq!(start(None, None, &message(OrderedTask::Importing), now()), stopped());
}

#[rstest]
fn an_ended_relocation_does_nothing(#[values(Status::Failure, Status::Success)] status: Status) {
    for task in OrderedTask::ALL {
        let relocation = Relocation { status, ..at(*task, 1) };
        assert_eq!(begin(&relocation, &message(*task)), stopped());
    }
}

#[rstest]
#[case::earlier(0)]
#[case::later(2)]
fn another_runs_message_is_dropped(#[case] generation: u32) {
    let message = TaskMessage { generation: Generation(generation), ..message(OrderedTask::Importing) };
    assert_eq!(begin(&at(OrderedTask::Importing, 1), &message), Start::Drop);
}

/// Whatever became of the relocation since, the visit has had its outcome.
#[rstest]
fn a_stored_outcome_is_answered_again(
    #[values(Status::InProgress, Status::Pause, Status::Failure, Status::Success)] status: Status,
) {
    let answer = Answer::again(Turn(4), OrderedTask::Importing, 7);
    let relocation = Relocation { status, ..at(OrderedTask::Postprocessing, 1) };
    let begun = start(Some(&relocation), Some(&answer), &message(OrderedTask::Importing), now());
    assert_eq!(begun, Start::Answer(answer));
}

#[test]
fn a_poll_about_an_older_validation_run_is_dropped() {
    let mut validation = Validation::new();
    let first = validation.start_run(id(), now()).unwrap();
    let second = validation.start_run(id(), now()).unwrap();
    let relocation = Relocation { validation: Some(validation), ..at(OrderedTask::ValidatingStart, 1) };
    let poll = |build: Option<BuildId>| TaskMessage { build, ..message(OrderedTask::ValidatingPoll) };
    assert_eq!(begin(&relocation, &poll(Some(first))), Start::Drop);
    runs(begin(&relocation, &poll(Some(second))));
    runs(begin(&relocation, &poll(None)));
}

// ---- 2 -------------------------------------------------------------------------------------------------

/// Every task against every latest task.
#[test]
fn only_the_latest_task_and_the_next_may_run() {
    for (latest_index, latest) in OrderedTask::ALL.iter().enumerate() {
        for (index, task) in OrderedTask::ALL.iter().enumerate() {
            let begun = begin(&at(*latest, 1), &message(*task));
            if index < latest_index {
                assert_eq!(begun, stopped(), "{task} after {latest} is a late duplicate");
            } else if index <= latest_index + 1 {
                let commit = runs(begun);
                assert_eq!(commit.relocation.latest_task, Some(*task));
            } else {
                let commit = assert_fails(begun, ErrorCode::TaskOutOfOrder);
                assert_eq!(commit.relocation.latest_task, Some(*latest), "{task} did not start");
                assert_eq!(commit.relocation.step, latest.step());
            }
        }
    }
}

#[test]
fn the_first_task_comes_first() {
    let commit = runs(begin(&uploaded(), &message(OrderedTask::UploadingStart)));
    assert_eq!(commit.relocation.latest_task_attempts, 1);
    for task in &OrderedTask::ALL[1..] {
        assert_fails(begin(&uploaded(), &message(*task)), ErrorCode::TaskOutOfOrder);
    }
}

// ---- 3 -------------------------------------------------------------------------------------------------

#[test]
fn every_start_is_counted_until_the_attempts_are_spent() {
    for task in OrderedTask::ALL {
        for attempts in 0..task.attempts() {
            let commit = runs(begin(&at(*task, attempts), &message(*task)));
            assert_eq!(commit.relocation.latest_task_attempts, attempts + 1, "{task}");
        }
        let commit = assert_fails(begin(&at(*task, task.attempts()), &message(*task)), task.failure());
        assert_eq!(commit.relocation.latest_task_attempts, task.attempts(), "{task} did not start again");
    }
}

#[test]
fn the_next_task_counts_from_one() {
    for pair in OrderedTask::ALL.windows(2) {
        let relocation = Relocation { progress_saved: true, ..at(pair[0], pair[0].attempts()) };
        let commit = runs(begin(&relocation, &message(pair[1])));
        assert_eq!(commit.relocation.latest_task_attempts, 1, "{}", pair[1]);
        assert!(!commit.relocation.progress_saved);
    }
}

#[test]
fn the_first_start_after_saved_progress_is_no_attempt() {
    for task in OrderedTask::ALL {
        let saved = Relocation { progress_saved: true, ..at(*task, 1) };
        let first = runs(begin(&saved, &message(*task))).relocation;
        assert_eq!((first.latest_task_attempts, first.progress_saved), (1, false), "{task}");
        let second = runs(begin(&first, &message(*task))).relocation;
        assert_eq!(second.latest_task_attempts, 2, "{task}: the start before did not finish");
    }
}

// ---- 4 -------------------------------------------------------------------------------------------------

#[test]
fn a_scheduled_cancel_is_due_when_its_step_is_entered() {
    for (before, task) in entrances() {
        let step = task.step();
        let relocation = Relocation {
            scheduled_cancel_at_step: Some(step),
            scheduled_pause_at_step: Some(step),
            ..at(before, 1)
        };
        let commit = assert_fails(begin(&relocation, &message(task)), ErrorCode::CancelledByAdministrator);
        let after = &commit.relocation;
        assert_eq!(after.step, step);
        assert_eq!((after.scheduled_cancel_at_step, after.scheduled_pause_at_step), (None, None));
        assert_eq!(after.latest_notified, None, "a scheduled cancel sends no mail");
        let code = ErrorCode::CancelledByAdministrator;
        let failed = Failed { code, step, task: Some(task), mailed: false };
        assert_eq!(events(&commit), [Event::Failed(failed)]);
    }
}

#[test]
fn a_cancel_of_a_later_step_waits() {
    for (before, task) in entrances() {
        let Some(later) = task.step().next() else { continue };
        let relocation = Relocation { scheduled_cancel_at_step: Some(later), ..at(before, 1) };
        let commit = runs(begin(&relocation, &message(task)));
        assert_eq!(commit.relocation.scheduled_cancel_at_step, Some(later));
    }
}

// ---- 5 -------------------------------------------------------------------------------------------------

fn assert_pauses(begun: Start, task: OrderedTask) -> Commit {
    let (commit, answer) = ends(begun);
    assert_eq!(answer, Answer::end(Verdict::Paused, Turn(0)));
    assert_eq!(commit.outcome.as_ref().unwrap(), &(message(task).visit(), answer));
    assert_eq!(commit.lock, Lock::Keep);
    let after = &commit.relocation;
    assert_eq!((after.status, after.step, after.scheduled_pause_at_step), (Status::Pause, task.step(), None));
    assert_eq!(after.latest_task, Some(task));
    assert_eq!(events(&commit), [Event::Paused(Paused { step: task.step() })]);
    commit
}

#[test]
fn a_scheduled_pause_is_due_when_its_step_is_entered() {
    for (before, task) in entrances() {
        let relocation = Relocation { scheduled_pause_at_step: Some(task.step()), ..at(before, 1) };
        assert_pauses(begin(&relocation, &message(task)), task);
    }
}

#[test]
fn a_pause_of_a_later_step_waits() {
    for (before, task) in entrances() {
        let Some(later) = task.step().next() else { continue };
        let relocation = Relocation { scheduled_pause_at_step: Some(later), ..at(before, 1) };
        let commit = runs(begin(&relocation, &message(task)));
        assert_eq!(commit.relocation.scheduled_pause_at_step, Some(later));
    }
}

#[test]
fn nothing_runs_while_paused() {
    for task in OrderedTask::ALL {
        let relocation = Relocation { status: Status::Pause, ..at(*task, 0) };
        assert_pauses(begin(&relocation, &message(*task)), *task);
    }
}

// ---- 6 -------------------------------------------------------------------------------------------------

#[test]
fn the_step_follows_the_task() {
    for pair in OrderedTask::ALL.windows(2) {
        let (before, task) = (pair[0], pair[1]);
        let relocation = at(before, 1);
        let commit = runs(begin(&relocation, &message(task)));
        assert_eq!(commit.relocation.step, task.step());
        assert_eq!(commit.relocation.status, Status::InProgress);
        assert_eq!(commit.outcome, None, "the body decides the outcome");
        let entered =
            (before.step() < task.step()).then(|| Event::StepEntered(StepEntered { step: task.step() }));
        assert_eq!(events(&commit), Vec::from_iter(entered));
    }
}

#[test]
fn a_commit_stands_on_the_version_that_was_read() {
    let relocation = at(OrderedTask::Importing, 1);
    let commit = runs(begin(&relocation, &message(OrderedTask::Importing)));
    assert_eq!(commit.expected, relocation.version);
    assert_eq!(commit.relocation.version, relocation.version.next());
    assert_eq!(commit.relocation.date_updated, now());
    assert_eq!(commit.relocation.step, Step::Importing);
}
