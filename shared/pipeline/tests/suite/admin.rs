//! What people may do, at every step and status.

use pipeline::code::ErrorCode;
use pipeline::commit::{Audit, Commit, Dispatch, Lock, StartRun, StopRun};
use pipeline::event::{Event, Resumed};
use pipeline::ids::Generation;
use pipeline::kinds::{Provenance, Status, Step};
use pipeline::message::Answer;
use pipeline::relocation::{Fork, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::admin::{Refused, abandon_upload, abort, cancel, pause, recover, retry, unpause};
use pipeline::transition::lifecycle::{Source, create, upload_completed};
use pipeline::transition::{Start, start};
use rstest::rstest;

use crate::common::{
    CREATOR, OWNER, STAFF, at, created, dispatches, events, id, message, now, raw_file, uploaded,
};

fn with_status(status: Status, relocation: Relocation) -> Relocation {
    let failed = status == Status::Failure;
    Relocation { status, failure_reason: failed.then(|| ErrorCode::Internal.into()), ..relocation }
}

fn code<T: std::fmt::Debug>(result: Result<T, Refused>) -> ErrorCode {
    result.unwrap_err().code
}

fn assert_audited(commit: &Commit, action: &str, detail: Option<&str>) {
    let (action, detail) = (action.to_owned(), detail.map(str::to_owned));
    assert_eq!(commit.audit, Some(Audit { time: now(), by: STAFF, action, detail }));
}

/// What scheduling at a step comes to, for every pair of current and wanted step.
fn schedulable(current: Step, wanted: Step) -> bool {
    wanted > current && wanted > Step::Uploading && wanted < Step::Completed
}

fn at_step(step: Step) -> Relocation {
    OrderedTask::first_of(step).map_or_else(created, |task| at(task, 1))
}

fn steps() -> impl Iterator<Item = Step> {
    Step::ALL.iter().copied().filter(|step| *step != Step::Unknown)
}

// ---- Pause ---------------------------------------------------------------------------------------------

#[test]
fn a_pause_is_scheduled_at_later_steps_only() {
    for current in steps() {
        for wanted in Step::ALL {
            let result = pause(&at_step(current), Some(*wanted), STAFF, now());
            if schedulable(current, *wanted) {
                let commit = result.unwrap();
                assert_eq!(commit.relocation.scheduled_pause_at_step, Some(*wanted));
                assert_eq!(commit.relocation.status, Status::InProgress);
                assert_audited(&commit, "pause", Some(&format!("before {wanted}")));
            } else {
                assert_eq!(code(result), ErrorCode::StepNotSchedulable, "{wanted} at {current}");
            }
        }
    }
}

#[rstest]
#[case(Step::Uploading, Some(Step::Preprocessing))]
#[case(Step::Importing, Some(Step::Postprocessing))]
#[case(Step::Postprocessing, Some(Step::Notifying))]
#[case(Step::Notifying, None)]
#[case(Step::Completed, None)]
fn without_a_step_the_next_one_is_meant(#[case] current: Step, #[case] next: Option<Step>) {
    let relocation = at_step(current);
    let paused = pause(&relocation, None, STAFF, now());
    let cancelled = cancel(&relocation, None, STAFF, now());
    match next {
        Some(next) => {
            assert_eq!(paused.unwrap().relocation.scheduled_pause_at_step, Some(next));
            assert_eq!(cancelled.unwrap().unwrap().relocation.scheduled_cancel_at_step, Some(next));
        }
        None => {
            assert_eq!(code(paused), ErrorCode::NoStepLeft);
            assert_eq!(code(cancelled), ErrorCode::NoStepLeft);
        }
    }
}

#[rstest]
fn what_has_ended_cannot_be_paused(#[values(Status::Failure, Status::Success)] status: Status) {
    let relocation = with_status(status, at_step(Step::Validating));
    assert_eq!(code(pause(&relocation, None, STAFF, now())), ErrorCode::NotPausable);
}

#[test]
fn a_paused_relocation_can_be_scheduled_to_pause_again() {
    let relocation = with_status(Status::Pause, at_step(Step::Validating));
    let commit = pause(&relocation, None, STAFF, now()).unwrap();
    assert_eq!(commit.relocation.scheduled_pause_at_step, Some(Step::Importing));
    assert_eq!(commit.relocation.status, Status::Pause);
}

// ---- Cancel --------------------------------------------------------------------------------------------

#[test]
fn a_cancel_is_scheduled_like_a_pause() {
    for current in steps() {
        for wanted in Step::ALL {
            let result = cancel(&at_step(current), Some(*wanted), STAFF, now());
            if schedulable(current, *wanted) {
                let commit = result.unwrap().unwrap();
                assert_eq!(commit.relocation.scheduled_cancel_at_step, Some(*wanted));
                assert_audited(&commit, "cancel", Some(&format!("before {wanted}")));
            } else {
                assert_eq!(code(result), ErrorCode::StepNotSchedulable, "{wanted} at {current}");
            }
        }
    }
}

#[test]
fn what_failed_is_as_good_as_cancelled_and_success_is_final() {
    let failed = with_status(Status::Failure, at_step(Step::Validating));
    assert_eq!(cancel(&failed, None, STAFF, now()), Ok(None));
    let succeeded = with_status(Status::Success, at_step(Step::Completed));
    assert_eq!(code(cancel(&succeeded, None, STAFF, now())), ErrorCode::NotCancellable);
}

// ---- Abort and abandon ---------------------------------------------------------------------------------

#[rstest]
fn an_abort_ends_what_is_active(#[values(Status::InProgress, Status::Pause)] status: Status) {
    let relocation = with_status(status, at_step(Step::Importing));
    let commit = abort(&relocation, STAFF, now()).unwrap();
    assert_eq!(commit.relocation.status, Status::Failure);
    assert_eq!(commit.relocation.failure_reason, Some(ErrorCode::AbortedByAdministrator.into()));
    assert_eq!(commit.lock, Lock::Release);
    let stop = StopRun { uuid: id(), generation: Generation(1) };
    assert_eq!(dispatches(&commit), [Dispatch::ExpireArtifacts(Generation(1)), Dispatch::StopRun(stop)]);
    assert!(matches!(events(&commit).as_slice(), [Event::Failed(failed)] if !failed.mailed));
    assert_eq!(commit.relocation.latest_notified, None);
    assert_audited(&commit, "abort", None);
}

#[rstest]
fn what_has_ended_cannot_be_aborted(#[values(Status::Failure, Status::Success)] status: Status) {
    let relocation = with_status(status, at_step(Step::Importing));
    assert_eq!(code(abort(&relocation, STAFF, now())), ErrorCode::NotAbortable);
}

#[test]
fn an_upload_is_given_up_while_it_lasts() {
    let commit = abandon_upload(&created(), STAFF, now()).unwrap();
    assert_eq!(commit.relocation.failure_reason, Some(ErrorCode::UploadAbandoned.into()));
    assert_eq!(commit.lock, Lock::Release);
    let later = at_step(Step::Preprocessing);
    assert_eq!(code(abandon_upload(&later, STAFF, now())), ErrorCode::NotUploading);
    let ended = with_status(Status::Failure, created());
    assert_eq!(code(abandon_upload(&ended, STAFF, now())), ErrorCode::NotUploading);
}

// ---- Unpause -------------------------------------------------------------------------------------------

#[test]
fn a_paused_relocation_goes_on_with_the_first_task_of_its_step() {
    for step in steps() {
        let first = OrderedTask::first_of(step).unwrap();
        let relocation = with_status(Status::Pause, at(first, 1));
        let commit = unpause(&relocation, None, STAFF, now()).unwrap();
        let after = &commit.relocation;
        assert_eq!((after.status, after.latest_task_attempts, after.step), (Status::InProgress, 0, step));
        let generation = Generation(2);
        let run = StartRun { uuid: id(), generation, start_at: first };
        assert_eq!(dispatches(&commit), [Dispatch::StartRun(run)]);
        assert_eq!(events(&commit), [Event::Resumed(Resumed { task: first, generation })]);
        assert_audited(&commit, "unpause", None);
        let message = pipeline::message::TaskMessage { generation, ..message(first) };
        let Start::Run(commit) = start(Some(after), None, &message, now()) else { panic!("{first} runs") };
        assert_eq!(commit.relocation.latest_task_attempts, 1, "as if the pause had not been");
    }
}

#[test]
fn unpausing_may_schedule_the_next_pause() {
    let relocation = with_status(Status::Pause, at_step(Step::Validating));
    let commit = unpause(&relocation, Some(Step::Notifying), STAFF, now()).unwrap();
    assert_eq!(commit.relocation.scheduled_pause_at_step, Some(Step::Notifying));
    let current = unpause(&relocation, Some(Step::Validating), STAFF, now());
    assert_eq!(code(current), ErrorCode::StepNotSchedulable);
}

#[rstest]
#[case::removed(None)]
#[case::moved(Some(Step::Notifying))]
fn a_pause_that_is_only_scheduled_is_moved_or_removed(#[case] until: Option<Step>) {
    let relocation =
        Relocation { scheduled_pause_at_step: Some(Step::Importing), ..at_step(Step::Validating) };
    let commit = unpause(&relocation, until, STAFF, now()).unwrap();
    assert_eq!(commit.relocation.scheduled_pause_at_step, until);
    assert_eq!(commit.relocation.status, Status::InProgress);
    assert!(commit.outbox.is_empty(), "the run goes on");
}

#[rstest]
fn without_a_pause_there_is_nothing_to_unpause(
    #[values(Status::InProgress, Status::Failure, Status::Success)] status: Status,
) {
    let relocation = with_status(status, at_step(Step::Validating));
    assert_eq!(code(unpause(&relocation, None, STAFF, now())), ErrorCode::NotUnpausable);
}

// ---- Recover -------------------------------------------------------------------------------------------

#[test]
fn a_failed_relocation_gets_one_more_attempt_at_its_latest_task() {
    for task in OrderedTask::ALL {
        let failed = with_status(Status::Failure, at(*task, task.attempts()));
        let result = recover(&failed, None, STAFF, now());
        if matches!(task, OrderedTask::ValidatingPoll | OrderedTask::ValidatingComplete) {
            assert_eq!(code(result), ErrorCode::NotRecoverable);
            continue;
        }
        let commit = result.unwrap();
        let after = &commit.relocation;
        assert_eq!((after.status, after.failure_reason.as_ref()), (Status::InProgress, None));
        assert_eq!((after.step, commit.lock), (task.step(), Lock::Take));
        let generation = Generation(2);
        let run = StartRun { uuid: id(), generation, start_at: *task };
        assert_eq!(dispatches(&commit), [Dispatch::StartRun(run)]);
        assert_audited(&commit, "recover", Some(task.name()));

        let message = pipeline::message::TaskMessage { generation, ..message(*task) };
        let Start::Run(once) = start(Some(after), None, &message, now()) else { panic!("{task} runs") };
        let Start::End(_, answer) = start(Some(&once.relocation), None, &message, now()) else {
            panic!("{task} has one more attempt, not two");
        };
        assert_eq!(answer, Answer::failed(pipeline::ids::Turn(0), task.failure()));
    }
}

#[test]
fn recovering_may_schedule_a_pause() {
    let failed = with_status(Status::Failure, at_step(Step::Validating));
    let commit = recover(&failed, Some(Step::Importing), STAFF, now()).unwrap();
    assert_eq!(commit.relocation.scheduled_pause_at_step, Some(Step::Importing));
    let past = recover(&failed, Some(Step::Preprocessing), STAFF, now());
    assert_eq!(code(past), ErrorCode::StepNotSchedulable);
}

#[test]
fn there_must_be_a_failure_and_a_task_to_go_on_with() {
    let untouched = with_status(Status::Failure, uploaded());
    assert_eq!(code(recover(&untouched, None, STAFF, now())), ErrorCode::NotRecoverable);
    for status in [Status::InProgress, Status::Pause, Status::Success] {
        let relocation = with_status(status, at_step(Step::Importing));
        assert_eq!(code(recover(&relocation, None, STAFF, now())), ErrorCode::NotFailed);
    }
}

// ---- Retry ---------------------------------------------------------------------------------------------

#[test]
fn a_failed_relocation_may_be_asked_for_anew() {
    let promo_code = Some("SPRING".to_owned());
    let failed = Relocation {
        promo_code: promo_code.clone(),
        artifact_retention_days: 7,
        ..with_status(Status::Failure, at_step(Step::Validating))
    };
    let other = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let new = retry(&failed, other, CREATOR, None, raw_file()).unwrap();
    assert_eq!((new.id, new.creator, new.owner), (other, CREATOR, OWNER));
    assert_eq!((&new.want_org_slugs, &new.promo_code), (&failed.want_org_slugs, &promo_code));
    assert_eq!(new.artifact_retention_days, 7);
    let active = retry(&uploaded(), other, CREATOR, None, raw_file());
    assert_eq!(code(active), ErrorCode::NotFailed);
}

/// The file is there, so the other cell is not asked again.
#[test]
fn a_failed_fork_that_is_retried_begins_with_the_copy_of_its_file() {
    let fork = Some(Fork { cell: "de".to_owned(), slug: "acme".to_owned() });
    let provenance = Provenance::SaasToSaas;
    let failed = Relocation { fork, provenance, ..with_status(Status::Failure, at_step(Step::Validating)) };
    let new = retry(&failed, id(), CREATOR, None, raw_file()).unwrap();
    assert_eq!(new.source, Source::Copy(provenance, raw_file()));
    let created = create(new, STAFF, now());
    assert_eq!((created.relocation.provenance, &created.relocation.fork), (provenance, &None));
    assert_eq!(dispatches(&created), [Dispatch::ExpireUpload]);
    assert!(upload_completed(&created.relocation, now()).is_some());
}
