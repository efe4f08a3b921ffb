//! The end of a visit: every outcome, and what is stored with it.

use crate::common::{at, dispatches, events, id, message, now, raw_file};
use pipeline::code::ErrorCode;
use pipeline::commit::{Dispatch, Lock, StartRun, Validate};
use pipeline::event::{Event, Started, Succeeded, ValidationFinished};
use pipeline::ids::{BuildId, Generation, Turn};
use pipeline::kinds::{Notified, Status, ValidationStatus};
use pipeline::message::{Answer, MAX_TURNS, TaskMessage, Verdict};
use pipeline::relocation::{Failure, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished, Outcome, ValidationChange, finish, start};
use pipeline::validation::Validation;
use rstest::rstest;

fn with(change: ValidationChange) -> Changes {
    Changes { validation: Some(change), ..Changes::default() }
}

fn build(run: u32) -> BuildId {
    BuildId { relocation: id(), run }
}

/// A relocation at a task with so many validation runs, each of the given status.
fn validating(task: OrderedTask, statuses: &[ValidationStatus]) -> Relocation {
    let mut validation = Validation::new();
    for status in statuses {
        let run = validation.start_run(id(), now()).unwrap();
        validation.conclude(run, *status);
    }
    Relocation { validation: Some(validation), ..at(task, 1) }
}

#[test]
fn a_task_that_is_done_leads_to_the_next() {
    for task in OrderedTask::ALL {
        let finished = Finished::next();
        let (commit, answer) = finish(&at(*task, 2), &message(*task), finished, now()).unwrap();
        assert_eq!((answer.outcome, answer.next), (Verdict::Next, task.next()));
        assert_eq!(commit.outcome, Some((message(*task).visit(), answer)));
        let is_last = task.next().is_none();
        let expected =
            if is_last { (Status::Success, Lock::Release) } else { (Status::InProgress, Lock::Keep) };
        assert_eq!((commit.relocation.status, commit.lock), expected, "{task}");
        assert_eq!(commit.relocation.latest_task, Some(*task));
    }
}

#[test]
fn another_turn_sets_the_count_to_one() {
    let task = OrderedTask::Importing;
    let (commit, answer) = finish(&at(task, 3), &message(task), Finished::again(5), now()).unwrap();
    assert_eq!(answer, Answer::again(Turn(1), task, 5));
    assert_eq!((commit.relocation.latest_task_attempts, commit.relocation.progress_saved), (1, true));
    assert_eq!(commit.outbox, []);
}

#[test]
fn a_run_that_had_its_turns_hands_over_to_a_new_one() {
    let task = OrderedTask::Importing;
    let last = TaskMessage { turn: Turn(MAX_TURNS.0 - 1), ..message(task) };
    let (commit, answer) = finish(&at(task, 1), &last, Finished::again(0), now()).unwrap();
    assert_eq!(answer.outcome, Verdict::Stopped);
    let run = StartRun { uuid: id(), generation: Generation(2), start_at: task };
    assert_eq!(dispatches(&commit), [Dispatch::StartRun(run)]);
    assert_eq!(commit.relocation.generation, Generation(2));
    // Taking over is no attempt.
    let first = TaskMessage { generation: Generation(2), ..message(task) };
    let pipeline::transition::Start::Run(commit) = start(Some(&commit.relocation), None, &first, now())
    else {
        panic!("the new run goes on with the task");
    };
    assert_eq!(commit.relocation.latest_task_attempts, 1);
}

#[test]
fn a_task_that_awaits_a_reply_ends_the_run_and_pauses_nothing() {
    let task = OrderedTask::UploadingStart;
    let (commit, answer) = finish(&at(task, 1), &message(task), Outcome::AwaitReply.into(), now()).unwrap();
    assert_eq!(answer.outcome, Verdict::Paused);
    assert_eq!(commit.relocation.status, Status::InProgress);
}

#[test]
fn a_verdict_fails_the_relocation_and_keeps_what_was_found() {
    let relocation = validating(OrderedTask::ValidatingComplete, &[ValidationStatus::InProgress]);
    let failure = Failure::new(ErrorCode::ValidationFindings, "2 findings");
    let finished = Finished::from(Outcome::Fail(failure.clone()))
        .with(with(ValidationChange::Conclude(build(1), ValidationStatus::Invalid)));
    let task = OrderedTask::ValidatingComplete;
    let (commit, answer) = finish(&relocation, &message(task), finished, now()).unwrap();
    assert_eq!(answer, Answer::failed(Turn(0), ErrorCode::ValidationFindings));
    assert_eq!(commit.outcome, Some((message(task).visit(), answer)));
    assert_eq!(commit.relocation.failure_reason, Some(failure));
    assert_eq!(commit.relocation.validation.as_ref().unwrap().status, ValidationStatus::Invalid);
    assert_eq!(commit.relocation.latest_notified, Some(Notified::Failed));
    assert_eq!(commit.lock, Lock::Release);
    let finished = ValidationFinished { build: build(1), status: ValidationStatus::Invalid };
    assert_eq!(events(&commit).first(), Some(&Event::ValidationFinished(finished)));
    assert!(matches!(events(&commit).last(), Some(Event::Failed(failed)) if failed.mailed));
}

#[rstest]
#[case::ended(Relocation { status: Status::Failure, ..at(OrderedTask::Importing, 1) })]
#[case::succeeded(Relocation { status: Status::Success, ..at(OrderedTask::Importing, 1) })]
#[case::another_run(Relocation { generation: Generation(2), ..at(OrderedTask::Importing, 1) })]
#[case::another_task(at(OrderedTask::Postprocessing, 1))]
fn an_outcome_that_comes_too_late_means_nothing(#[case] relocation: Relocation) {
    let message = message(OrderedTask::Importing);
    assert_eq!(finish(&relocation, &message, Finished::next(), now()), None);
}

// ---- What is stored ------------------------------------------------------------------------------------

#[test]
fn what_the_scan_found_is_stored_sorted_and_told() {
    let task = OrderedTask::PreprocessingScan;
    let changes = Changes {
        want_usernames: Some(["bob", "ada", "bob"].map(str::to_owned).to_vec()),
        notify: Some(Notified::Started),
        files: vec![raw_file()],
        ..Changes::default()
    };
    let (commit, _) = finish(&at(task, 1), &message(task), Finished::next().with(changes), now()).unwrap();
    let wanted = commit.relocation.want_usernames.as_deref().unwrap();
    assert_eq!(wanted, ["ada", "bob"]);
    assert_eq!(commit.relocation.latest_notified, Some(Notified::Started));
    assert_eq!(commit.files, [raw_file()]);
    assert_eq!(events(&commit), [Event::Started(Started { users: 2 })]);
}

#[test]
fn success_is_told_when_everything_is_there() {
    let task = OrderedTask::NotifyingOwner;
    let changes = Changes {
        notify: Some(Notified::Succeeded),
        unclaimed_emails_sent_at: Some(now()),
        ..Changes::default()
    };
    let (commit, _) = finish(&at(task, 1), &message(task), Finished::next().with(changes), now()).unwrap();
    assert_eq!(commit.relocation.latest_notified, Some(Notified::Succeeded));
    assert_eq!(commit.relocation.latest_unclaimed_emails_sent_at, Some(now()));
    assert_eq!(events(&commit), [Event::Succeeded(Succeeded { owner_id: crate::common::OWNER })]);
}

// ---- Validation ----------------------------------------------------------------------------------------

#[test]
fn a_validation_is_created_once() {
    let task = OrderedTask::PreprocessingComplete;
    let finished = Finished::next().with(with(ValidationChange::Create));
    let (commit, _) = finish(&at(task, 1), &message(task), finished.clone(), now()).unwrap();
    assert_eq!(commit.relocation.validation, Some(Validation::new()));
    let existing = validating(task, &[ValidationStatus::Timeout]);
    let (commit, _) = finish(&existing, &message(task), finished, now()).unwrap();
    assert_eq!(commit.relocation.validation, existing.validation);
}

#[test]
fn a_run_is_named_started_and_told_to_the_machine() {
    let task = OrderedTask::ValidatingStart;
    let relocation = validating(task, &[ValidationStatus::Failure]);
    let finished = Finished::next().with(with(ValidationChange::StartRun));
    let (commit, answer) = finish(&relocation, &message(task), finished, now()).unwrap();
    assert_eq!(answer.build, Some(build(2)));
    assert_eq!(
        dispatches(&commit),
        [Dispatch::Validate(Validate { uuid: id(), build: build(2), generation: Generation(1) })]
    );
    let latest = commit.relocation.validation.unwrap().latest().cloned().unwrap();
    assert_eq!((latest.build, latest.status, latest.date), (build(2), ValidationStatus::InProgress, now()));
}

#[test]
fn a_poll_that_comes_again_is_about_the_same_run() {
    let task = OrderedTask::ValidatingPoll;
    let relocation = validating(task, &[ValidationStatus::InProgress]);
    let (_, answer) = finish(&relocation, &message(task), Finished::again(60), now()).unwrap();
    assert_eq!(answer.build, Some(build(1)));
}

#[rstest]
fn a_run_that_broke_off_leads_back_with_fresh_attempts(
    #[values(ValidationStatus::Timeout, ValidationStatus::Failure)] status: ValidationStatus,
) {
    let task = OrderedTask::ValidatingPoll;
    let relocation = validating(task, &[ValidationStatus::InProgress]);
    let finished = Finished::from(Outcome::BackToValidatingStart)
        .with(with(ValidationChange::Conclude(build(1), status)));
    let (commit, answer) = finish(&relocation, &message(task), finished, now()).unwrap();
    assert_eq!(answer, Answer::next(Turn(1), Some(OrderedTask::ValidatingStart)));
    let after = &commit.relocation;
    assert_eq!((after.latest_task, after.latest_task_attempts), (Some(OrderedTask::ValidatingStart), 0));
    let validation = after.validation.as_ref().unwrap();
    assert_eq!(validation.attempts[0].status, status);
    assert_eq!(validation.status, ValidationStatus::InProgress, "runs are left");
}

/// The validation's own status, after the last run of several is concluded.
#[rstest]
#[case::one_failed(&[ValidationStatus::Failure], ValidationStatus::InProgress)]
#[case::two_failed(&[ValidationStatus::Failure, ValidationStatus::Timeout], ValidationStatus::InProgress)]
#[case::none_left(
    &[ValidationStatus::Failure, ValidationStatus::Timeout, ValidationStatus::Timeout],
    ValidationStatus::Failure
)]
#[case::valid(&[ValidationStatus::Failure, ValidationStatus::Valid], ValidationStatus::Valid)]
#[case::invalid(&[ValidationStatus::Invalid], ValidationStatus::Invalid)]
fn a_validation_takes_its_status_from_the_verdict_or_when_no_run_is_left(
    #[case] runs: &[ValidationStatus],
    #[case] expected: ValidationStatus,
) {
    let relocation = validating(OrderedTask::ValidatingComplete, runs);
    assert_eq!(relocation.validation.unwrap().status, expected);
}

#[test]
fn a_more_definite_status_replaces_a_lesser_one_and_never_the_other_way() {
    for first in ValidationStatus::ALL {
        for second in ValidationStatus::ALL {
            let mut validation = Validation::new();
            let run = validation.start_run(id(), now()).unwrap();
            validation.conclude(run, *first);
            validation.conclude(run, *second);
            assert_eq!(validation.attempts[0].status, *first.max(second));
        }
    }
}

#[test]
fn there_are_three_runs_at_most() {
    let mut validation = Validation::new();
    for run in 1..=3 {
        assert_eq!(validation.start_run(id(), now()), Some(build(run)));
    }
    assert!(!validation.has_runs_left());
    assert_eq!(validation.start_run(id(), now()), None);
}
