//! The JSON of the API, as snapshots.

use std::collections::BTreeMap;

use pipeline::api::{
    CompleteRequest, CreateRequest, MissingPart, PartView, Person, Problem, PublicKeyView, RelocationView,
    Surroundings, UploadView,
};
use pipeline::code::ErrorCode;
use pipeline::commit::OutboxEntry;
use pipeline::ids::{BuildId, Turn};
use pipeline::kinds::{Notified, Status, Step};
use pipeline::message::{Answer, TaskMessage, TaskToken};
use pipeline::progress::{ModelProgress, Progress};
use pipeline::relocation::{Failure, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::admin::abort;
use pipeline::upload::PART_BYTES;

use crate::common::{CREATOR, OWNER, STAFF, at, created, id, message, now, uploaded};

#[test]
fn a_relocation_that_was_just_asked_for() {
    insta::assert_json_snapshot!(RelocationView::new(created(), Surroundings::default()));
}

#[test]
fn a_relocation_with_everything() {
    let relocation = Relocation {
        status: Status::Failure,
        scheduled_pause_at_step: Some(Step::Postprocessing),
        scheduled_cancel_at_step: Some(Step::Notifying),
        want_usernames: Some(vec!["ada".to_owned(), "bob".to_owned()]),
        latest_notified: Some(Notified::Failed),
        latest_unclaimed_emails_sent_at: Some(now()),
        failure_reason: Some(Failure::new(ErrorCode::ImportRejected, "Row 7 of sentry.team has no slug.")),
        ..at(OrderedTask::Importing, 5)
    };
    let person =
        |id, name: &str| Person { id, email: format!("{name}@example.com"), username: name.to_owned() };
    let around = Surroundings {
        progress: Some(Progress {
            task: OrderedTask::Importing,
            rows_done: 3,
            rows_total: 10,
            models: [("sentry.user".to_owned(), ModelProgress { done: 3, total: 4 })].into(),
            updated: now(),
        }),
        creator: Some(person(CREATOR, "staff")),
        owner: Some(person(OWNER, "ada")),
        imported_user_ids: vec![10, 11],
        imported_org_ids: vec![4],
    };
    insta::assert_json_snapshot!(RelocationView::new(relocation, around));
}

#[test]
fn a_direct_upload() {
    let view = UploadView {
        upload_id: "the upload".to_owned(),
        file_size: 40 * 1024 * 1024,
        part_size: PART_BYTES,
        part_count: 3,
        parts: vec![PartView { part_number: 1, etag: "\"e1\"".to_owned() }],
        missing: vec![MissingPart {
            part_number: 2,
            url: "https://uploads.example.com/2".to_owned(),
            headers: BTreeMap::from([("content-length".to_owned(), PART_BYTES.to_string())]),
            expires_at: now(),
        }],
    };
    insta::assert_json_snapshot!(view);
}

#[test]
fn what_clients_send() {
    let create: CreateRequest = serde_json::from_str(
        r#"{"owner": "ada", "orgs": "acme, beta", "promo_code": "SPRING", "fileName": "e.tar", "fileSize": 5368709120}"#,
    )
    .unwrap();
    assert_eq!(create.file_size, Some(5_368_709_120));
    assert_eq!(create.promo_code.as_deref(), Some("SPRING"));
    let empty: CreateRequest = serde_json::from_str("{}").unwrap();
    assert_eq!(empty, CreateRequest::default());
    let complete: CompleteRequest =
        serde_json::from_str(r#"{"parts": [{"partNumber": 1, "etag": "\"e1\""}]}"#).unwrap();
    assert_eq!(complete.parts[0].part_number, 1);
}

#[test]
fn a_problem_names_its_code_and_says_what_to_do() {
    let problems =
        [Problem::from(ErrorCode::OwnerBusy), Problem::new(ErrorCode::InvalidField, "`owner` is missing.")];
    insta::assert_json_snapshot!(problems);
    let refused = abort(&Relocation { status: Status::Success, ..uploaded() }, STAFF, now()).unwrap_err();
    assert_eq!(Problem::from(refused).status, 400);
}

#[test]
fn the_public_key_has_the_originals_name() {
    let key = PublicKeyView { public_key: "-----BEGIN PUBLIC KEY-----".to_owned() };
    assert_eq!(serde_json::to_string(&key).unwrap(), r#"{"public_key":"-----BEGIN PUBLIC KEY-----"}"#);
}

/// The wire between the state machine and the functions.
#[test]
fn messages_and_answers() {
    let build = BuildId { relocation: id(), run: 1 };
    let poll = TaskMessage { build: Some(build), ..message(OrderedTask::ValidatingPoll) };
    let again = Answer { build: Some(build), ..Answer::again(Turn(3), OrderedTask::ValidatingPoll, 60) };
    insta::assert_json_snapshot!((
        &poll,
        &again,
        Answer::next(Turn(3), None),
        Answer::failed(Turn(3), ErrorCode::NoUsers)
    ));
    assert_eq!(serde_json::from_str::<TaskMessage>(&serde_json::to_string(&poll).unwrap()).unwrap(), poll);
    assert_eq!(serde_json::from_str::<Answer>(&serde_json::to_string(&again).unwrap()).unwrap(), again);
}

#[test]
fn a_token_does_not_show() {
    let message = TaskMessage { token: TaskToken::new("secret"), ..message(OrderedTask::Importing) };
    assert!(!format!("{message:?}").contains("secret"));
}

/// What is stored is read again by a later version: its form is a promise too.
#[test]
fn what_is_stored() {
    let commit = abort(&at(OrderedTask::ValidatingPoll, 3), STAFF, now()).unwrap();
    insta::assert_json_snapshot!((&commit.relocation, &commit.outbox, &commit.audit));
    let text = serde_json::to_string(&commit.outbox).unwrap();
    assert_eq!(serde_json::from_str::<Vec<OutboxEntry>>(&text).unwrap(), commit.outbox);
    let text = serde_json::to_string(&commit.relocation).unwrap();
    assert_eq!(serde_json::from_str::<Relocation>(&text).unwrap(), commit.relocation);
}
