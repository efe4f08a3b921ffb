//! What each command asks the API, and what it says of the answer.

use rstest::rstest;
use serde_json::{Value, json};

use super::server::Server;
use super::{UUID, at, record};
use crate::support::{Folder, json};

/// A server that notes method, address, token and body, and answers with a record.
fn noting(answer: Value) -> Server {
    Server::start(move |server, mut exchange| {
        let authorization = exchange.header("authorization").unwrap_or_default().to_owned();
        let body = exchange.body();
        server.note(format!("{authorization} {}", String::from_utf8(body).unwrap()).trim_end().to_owned());
        exchange.answer(200, &answer);
    })
}

#[rstest]
#[case("pause UUID", "PUT /api/0/relocations/UUID/pause/", "{}")]
#[case("pause UUID --at-step importing", "PUT /api/0/relocations/UUID/pause/", r#"{"atStep":"IMPORTING"}"#)]
#[case("unpause UUID", "PUT /api/0/relocations/UUID/unpause/", "{}")]
#[case(
    "unpause UUID --until-step Notifying",
    "PUT /api/0/relocations/UUID/unpause/",
    r#"{"untilStep":"NOTIFYING"}"#
)]
#[case("cancel UUID", "PUT /api/0/relocations/UUID/cancel/", "{}")]
#[case(
    "cancel UUID --at-step VALIDATING",
    "PUT /api/0/relocations/UUID/cancel/",
    r#"{"atStep":"VALIDATING"}"#
)]
#[case("abandon UUID", "DELETE /api/0/relocations/UUID/upload/", "{}")]
#[case("abort UUID", "PUT /api/0/relocations/UUID/abort/", "{}")]
#[case("recover UUID", "PUT /api/0/relocations/UUID/recover/", "{}")]
#[case(
    "recover UUID --until-step notifying",
    "PUT /api/0/relocations/UUID/recover/",
    r#"{"untilStep":"NOTIFYING"}"#
)]
#[case("retry UUID", "POST /api/0/relocations/UUID/retry/", "{}")]
#[case("show UUID", "GET /api/0/relocations/UUID/", "")]
fn a_command_is_one_call(#[case] line: &str, #[case] call: &str, #[case] body: &str) {
    let server = noting(at("PREPROCESSING", "preprocessing_scan"));
    let run = Folder::new().call(&server, &line.replace("UUID", UUID));
    assert_eq!(run.code, 0, "{}", run.err);
    let expected = [call.replace("UUID", UUID), format!("Bearer secret {body}").trim_end().to_owned()];
    assert_eq!(server.asked(), expected);
}

#[test]
fn machines_are_told_the_record_as_it_came() {
    let mut answer = at("PREPROCESSING", "preprocessing_scan");
    answer["newerThanThisProgram"] = json!({"rows": 12345678901234567890123456789_f64});
    let server = noting(answer.clone());
    let said = Folder::new().call(&server, &format!("pause {UUID} --json")).done();
    assert_eq!(json(said.as_bytes()), answer);
}

#[rstest]
#[case::waits(json!({}), "waiting for its file")]
#[case::runs(json!({"step": "IMPORTING", "latestTask": "importing"}), "in progress at IMPORTING")]
#[case::scheduled(
    json!({"latestTask": "uploading_start", "scheduledPauseAtStep": "IMPORTING", "scheduledCancelAtStep": "NOTIFYING"}),
    "in progress at UPLOADING, will pause before IMPORTING, will be cancelled before NOTIFYING"
)]
#[case::paused(json!({"status": "PAUSE", "step": "IMPORTING", "latestTask": "importing"}), "paused before IMPORTING")]
#[case::succeeded(json!({"status": "SUCCESS", "step": "COMPLETED", "scheduledPauseAtStep": null}), "done")]
#[case::failed(
    json!({"status": "FAILURE", "failureReason": {"code": "file-gone", "detail": "It is gone."}, "scheduledPauseAtStep": "IMPORTING"}),
    "failed at UPLOADING\n  because It is gone. (file-gone)"
)]
fn people_are_told_how_it_fares(#[case] changes: Value, #[case] expected: &str) {
    let server = noting(record(&changes));
    let said = Folder::new().call(&server, &format!("cancel {UUID}")).done();
    assert_eq!(said, format!("{UUID}: {expected}\n"));
}

#[rstest]
#[case::no_uuid("pause")]
#[case::not_a_uuid("show 5d3c8e4a")]
#[case::no_step("pause 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 --at-step lunch")]
#[case::no_status("list --status asleep")]
#[case::no_number("list --limit many")]
#[case::no_kind("artifact 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 report.json")]
#[case::nothing_submitted("submit --owner ada --orgs acme")]
#[case::nobody_owns_it("submit export.json --orgs acme")]
#[case::resumed_for_somebody_else(
    "submit export.json --resume 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 --owner ada"
)]
#[case::from_a_pipe("submit - --owner ada --orgs acme")]
#[case::no_option("option get")]
#[case::no_value("option set relocation.enabled")]
fn what_cannot_be_meant_is_not_asked(#[case] line: &str) {
    let server = noting(json!({}));
    let folder = Folder::new();
    let run = folder.call(&server, line);
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
    assert!(run.err.starts_with("error: "), "{}", run.err);
    assert_eq!(server.asked(), Vec::<String>::new());
    assert_eq!(folder.files(), Vec::<String>::new());
}
