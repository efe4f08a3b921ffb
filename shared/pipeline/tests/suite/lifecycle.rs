//! A relocation is asked for, its file arrives, a validation run reports.

use std::time::Duration;

use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Commit, Dispatch, Lock, StartRun, StopRun};
use pipeline::event::{Created, Event, Forked};
use pipeline::ids::{BuildId, Generation, Version};
use pipeline::kinds::{Notified, Provenance, Status, Step, ValidationStatus};
use pipeline::relocation::{Fork, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::lifecycle::{
    NewRelocation, Source, UPLOAD_EXPIRES_AFTER, create, reply_arrived, upload_completed, upload_expired,
};
use pipeline::transition::{Cause, fail, validation};
use pipeline::upload::SizeClass;
use pipeline::validation::Validation;
use rstest::rstest;

use crate::common::{
    CREATOR, OWNER, STAFF, at, created, dispatches, events, id, message, new_relocation, now, raw_file,
    uploaded,
};

fn starts(commit: &Commit, generation: u32, start_at: OrderedTask) {
    let generation = Generation(generation);
    assert_eq!(dispatches(commit), [Dispatch::StartRun(StartRun { uuid: id(), generation, start_at })]);
    assert_eq!(commit.relocation.generation, generation);
}

fn fork() -> Fork {
    Fork { cell: "de".to_owned(), slug: "acme".to_owned() }
}

fn forked() -> Commit {
    create(new_relocation(Source::Cell(fork())), STAFF, now())
}

#[test]
fn an_upload_is_awaited_before_the_first_run() {
    let commit = create(new_relocation(Source::Upload(raw_file())), Actor::User(CREATOR), now());
    assert_eq!((commit.expected, commit.relocation.version), (Version(0), Version(1)));
    assert_eq!((commit.lock, commit.counted), (Lock::Take, Some(SizeClass::Small)));
    assert_eq!(commit.files, [raw_file()]);
    assert_eq!(dispatches(&commit), [Dispatch::ExpireUpload]);
    assert_eq!(commit.outbox.last().unwrap().time, now() + UPLOAD_EXPIRES_AFTER);
    let provenance = Provenance::SelfHosted;
    let data = Created { creator_id: CREATOR, owner_id: OWNER, provenance };
    assert_eq!(events(&commit), [Event::Created(data)]);
    assert_eq!((commit.relocation.step, commit.relocation.status), (Step::Uploading, Status::InProgress));
}

#[test]
fn a_fork_begins_at_once() {
    let commit = forked();
    starts(&commit, 1, OrderedTask::UploadingStart);
    assert_eq!(commit.relocation.provenance, Provenance::SaasToSaas);
    assert_eq!(commit.counted, None, "daily limits do not apply to forks");
    let Fork { cell, slug } = fork();
    assert_eq!(events(&commit).last(), Some(&Event::Forked(Forked { cell, slug })));
}

#[rstest]
#[case(Some(Step::Importing), Some(Step::Importing))]
#[case(Some(Step::Uploading), None)]
#[case(Some(Step::Completed), None)]
#[case(None, None)]
fn autopause_names_a_step_that_can_be_scheduled(
    #[case] option: Option<Step>,
    #[case] expected: Option<Step>,
) {
    let new = NewRelocation { autopause: option, ..new_relocation(Source::Upload(raw_file())) };
    assert_eq!(create(new, STAFF, now()).relocation.scheduled_pause_at_step, expected);
}

#[test]
fn the_upload_starts_the_first_run_once() {
    let commit = upload_completed(&created(), now()).unwrap();
    starts(&commit, 1, OrderedTask::UploadingStart);
    assert_eq!(upload_completed(&commit.relocation, now()), None);
}

#[rstest]
#[case::ended(Relocation { status: Status::Failure, ..created() })]
#[case::of_a_fork(forked().relocation)]
fn an_upload_that_nobody_awaits_starts_nothing(#[case] relocation: Relocation) {
    assert_eq!(upload_completed(&relocation, now()), None);
}

#[test]
fn a_reply_starts_the_run_after_the_one_that_asked() {
    let asked = Relocation { latest_task: Some(OrderedTask::UploadingStart), ..forked().relocation };
    let commit = reply_arrived(&asked, None, raw_file(), now()).unwrap();
    starts(&commit, 2, OrderedTask::UploadingComplete);
    assert_eq!(commit.files, [raw_file()]);
    assert_eq!(reply_arrived(&commit.relocation, Some(&raw_file()), raw_file(), now()), None);
}

#[rstest]
#[case::asked_of_nobody(uploaded())]
#[case::not_asked_yet(forked().relocation)]
#[case::already_on_its_way(Relocation {
    latest_task: Some(OrderedTask::UploadingComplete),
    ..forked().relocation
})]
#[case::ended(Relocation {
    latest_task: Some(OrderedTask::UploadingStart),
    status: Status::Failure,
    ..forked().relocation
})]
fn a_reply_that_nobody_awaits_changes_nothing(#[case] relocation: Relocation) {
    assert_eq!(reply_arrived(&relocation, None, raw_file(), now()), None);
}

#[test]
fn an_upload_has_a_day() {
    let day = Duration::from_hours(24);
    assert_eq!(upload_expired(&created(), now() + day - Duration::from_secs(1)), None);
    let commit = upload_expired(&created(), now() + day).unwrap();
    assert_eq!(commit.relocation.failure_reason, Some(ErrorCode::UploadExpired.into()));
    assert_eq!((commit.lock, commit.relocation.latest_notified), (Lock::Release, Some(Notified::Failed)));
    let expiry = Dispatch::ExpireArtifacts(Generation::default());
    assert_eq!(dispatches(&commit), [expiry], "there is no run to stop");
    assert_eq!(upload_expired(&uploaded(), now() + day), None, "it arrived");
    assert_eq!(upload_expired(&forked().relocation, now() + day), None, "a fork awaits none");
}

// ---- Failing -------------------------------------------------------------------------------------------

#[test]
fn the_first_reason_stays() {
    let cause = Cause::Pipeline("dead-letter");
    let first = fail(&at(OrderedTask::Importing, 1), ErrorCode::TaskDied.into(), &cause, now()).unwrap();
    assert_eq!(fail(&first.relocation, ErrorCode::Internal.into(), &cause, now()), None);
}

#[test]
fn a_failure_beside_the_run_stops_it_and_one_within_answers() {
    let relocation = at(OrderedTask::Importing, 1);
    let code = ErrorCode::TaskDied;
    let beside = fail(&relocation, code.into(), &Cause::Pipeline("dead-letter"), now()).unwrap();
    let stop = StopRun { uuid: id(), generation: Generation(1) };
    let expiry = Dispatch::ExpireArtifacts(Generation(1));
    assert_eq!((dispatches(&beside), beside.outcome), (vec![expiry.clone(), Dispatch::StopRun(stop)], None));
    let visit = message(OrderedTask::Importing).visit();
    let within = fail(&relocation, code.into(), &Cause::Visit(visit), now()).unwrap();
    assert_eq!(dispatches(&within), [expiry]);
    assert_eq!(within.outcome.unwrap().0, visit);
}

// ---- Validation runs -----------------------------------------------------------------------------------

fn validating() -> (Relocation, BuildId) {
    let mut validation = Validation::new();
    let build = validation.start_run(id(), now()).unwrap();
    (Relocation { validation: Some(validation), ..at(OrderedTask::ValidatingPoll, 1) }, build)
}

#[test]
fn a_run_reports_its_end_once() {
    let (relocation, build) = validating();
    let commit = validation::ended(&relocation, build, now()).unwrap();
    let attempt = commit.relocation.validation.as_ref().unwrap().latest().unwrap();
    assert_eq!((attempt.status, attempt.ended_at), (ValidationStatus::InProgress, Some(now())));
    assert_eq!(validation::ended(&commit.relocation, build, now()), None);
    assert_eq!(validation::broke_off(&commit.relocation, build, now()), None);
}

#[test]
fn a_run_that_broke_off_is_a_failure() {
    let (relocation, build) = validating();
    let commit = validation::broke_off(&relocation, build, now()).unwrap();
    let attempt = commit.relocation.validation.as_ref().unwrap().latest().unwrap();
    assert_eq!(attempt.status, ValidationStatus::Failure);
    assert_eq!(validation::ended(&commit.relocation, build, now()), None);
}

#[test]
fn nobody_listens_to_a_run_after_the_end() {
    let (relocation, build) = validating();
    let other = BuildId { run: 2, ..build };
    assert_eq!(validation::ended(&relocation, other, now()), None);
    let over = Relocation { status: Status::Failure, ..relocation };
    assert_eq!(validation::ended(&over, build, now()), None);
    assert_eq!(validation::ended(&uploaded(), build, now()), None);
}
