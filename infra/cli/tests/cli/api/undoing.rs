//! Undoing and accepting: what is asked for, and what people and machines are told.

use serde_json::{Value, json};

use super::server::Server;
use super::{UUID, problem, record};
use crate::support::{Folder, Run, json as read};

/// Undoing, with some of its parts changed.
fn undoing(status: &str, changes: &Value) -> Value {
    let mut undoing = json!({
        "uuid": UUID,
        "undo": {
            "number": 1, "status": status, "dryRun": false, "cascade": false, "userId": 2,
            "dateAsked": "2026-11-20T09:00:00Z", "dateEnded": null, "failureReason": null,
        },
        "progress": null, "report": null, "obstacles": null,
    });
    for (part, value) in changes.as_object().unwrap() {
        match value.as_object() {
            Some(fields) if undoing[part].is_object() => {
                undoing[part].as_object_mut().unwrap().extend(fields.clone())
            }
            _ => undoing[part] = value.clone(),
        }
    }
    undoing
}

fn at(phase: bool, rows_done: u64) -> Value {
    let progress = json!({
        "undoing": phase, "rowsDone": rows_done, "rowsTotal": 12_000, "updated": "2026-11-20T09:00:02Z",
    });
    undoing("IN_PROGRESS", &json!({ "progress": progress }))
}

fn counts(deleted: u64, restored: u64) -> Value {
    json!({
        "deleted": deleted, "restored": restored, "changedSince": 0, "cascaded": 0, "nulled": 0, "alreadyGone": 0,
    })
}

fn report() -> Value {
    let models = json!({ "sentry.project": counts(12, 0), "sentry.option": counts(0, 1_500) });
    json!({ "total": counts(12, 1_500), "models": models })
}

fn refused() -> Value {
    let reason = json!({ "code": "undo-obstructed", "detail": "Others have built on what was imported." });
    let team = "sentry.team 77 depends on sentry.organization 3 by `organization`";
    let first = json!([{ "kind": "dependent", "model": "sentry.team", "id": 77, "detail": team }]);
    undoing(
        "REFUSED",
        &json!({
            "undo": { "failureReason": reason },
            "report": { "total": counts(0, 0), "models": {} },
            "obstacles": { "count": 103, "first": first },
        }),
    )
}

fn call(server: &Server, line: &str) -> Run {
    Folder::new().call(server, &line.replace("UUID", UUID))
}

#[test]
fn it_is_followed_to_its_end() {
    let server = Server::answering_each(vec![
        (202, undoing("IN_PROGRESS", &json!({}))),
        (200, at(false, 500)),
        (200, at(false, 500)),
        (200, at(true, 11_000)),
        (200, undoing("SUCCESS", &json!({ "report": report(), "obstacles": { "count": 0, "first": [] } }))),
    ]);
    insta::assert_snapshot!(call(&server, "undo UUID").done(), @r"
    Undoing 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90, attempt 1: in progress
    Undoing 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90, attempt 1: in progress, looking at 500 of 12,000 rows
    Undoing 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90, attempt 1: in progress, undoing at 11,000 of 12,000 rows
    Undoing 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90, attempt 1: done
      sentry.option                            1,500 restored
      sentry.project                           12 deleted
      in all                                   12 deleted, 1,500 restored
    ");
    let asked = server.asked();
    assert_eq!(asked[0], format!("POST /api/0/relocations/{UUID}/undo/"));
    assert_eq!(read(asked[1].as_bytes()), json!({ "dryRun": false, "cascade": false }));
    assert_eq!(asked[2], format!("GET /api/0/relocations/{UUID}/undo/"));
}

#[test]
fn what_is_wished_for_is_asked_for() {
    for (options, body) in [
        ("--dry-run", json!({ "dryRun": true, "cascade": false })),
        ("--cascade", json!({ "dryRun": false, "cascade": true })),
        ("--dry-run --cascade", json!({ "dryRun": true, "cascade": true })),
    ] {
        let server = Server::answering_each(vec![(202, undoing("IN_PROGRESS", &json!({ "undo": body })))]);
        call(&server, &format!("undo UUID --detach {options}")).done();
        assert_eq!(read(server.asked()[1].as_bytes()), body, "{options}");
    }
}

#[test]
fn what_stands_in_the_way_is_named_and_ends_with_1() {
    let server = Server::answering_each(vec![(202, refused())]);
    let run = call(&server, "undo UUID");
    assert_eq!(run.code, 1);
    insta::assert_snapshot!(run.out, @r"
    Undoing 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90, attempt 1: refused
      Others have built on what was imported. (undo-obstructed)
      Nothing was changed.
      in the way: sentry.team 77 depends on sentry.organization 3 by `organization`
      in the way: 102 more
    ");
}

#[test]
fn how_far_it_is_can_be_asked() {
    let server = Server::answering(200, at(true, 11_000));
    let said = call(&server, "undo UUID --status").done();
    let expected = "attempt 1: in progress, undoing at 11,000 of 12,000 rows";
    assert_eq!(said, format!("Undoing {UUID}, {expected}\n"));
    assert_eq!(server.asked(), [format!("GET /api/0/relocations/{UUID}/undo/")]);
    let json = call(&server, "--json undo UUID --status").done();
    assert_eq!(read(json.as_bytes()), at(true, 11_000));
    let rehearsed = json!({ "undo": { "dryRun": true, "cascade": true, "number": 2 }, "report": report() });
    let server = Server::answering(200, undoing("SUCCESS", &rehearsed));
    insta::assert_snapshot!(call(&server, "undo UUID --status").done(), @r"
    Undoing 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90, rehearsal 2 with what depends on it: done
      sentry.option                            1,500 restored
      sentry.project                           12 deleted
      in all                                   12 deleted, 1,500 restored
    ");
}

#[test]
fn what_is_refused_is_told() {
    let server = Server::answering(409, problem(409, "undo-window-over", "Too much time has passed."));
    let run = call(&server, "--json undo UUID");
    assert_eq!((run.code, &read(run.err.as_bytes())["error"]["code"]), (2, &json!("undo-window-over")));
}

#[test]
fn what_a_relocation_brought_is_accepted() {
    let server = Server::answering(
        200,
        record(&json!({
            "status": "SUCCESS", "step": "COMPLETED", "latestTask": "completed", "latestTaskAttempts": 1,
            "dateEnded": "2026-11-20T09:01:00Z", "dateAccepted": "2026-11-21T09:00:00Z",
        })),
    );
    let said = call(&server, "accept UUID").done();
    assert_eq!(said, format!("{UUID}: accepted, so that only staff can undo it\n"));
    assert_eq!(server.asked(), [format!("POST /api/0/relocations/{UUID}/accept/")]);
}

#[test]
fn a_relocation_says_what_was_made_of_it() {
    let undo = refused()["undo"].clone();
    let server = Server::answering(
        200,
        record(&json!({
            "status": "SUCCESS", "step": "COMPLETED",
            "dateEnded": "2026-11-20T09:01:00Z", "dateAccepted": "2026-11-21T09:00:00Z", "undo": undo,
        })),
    );
    let shown = call(&server, "show UUID").done();
    for line in [
        "  ended          2026-11-20 09:01:00 UTC",
        "  accepted       2026-11-21 09:00:00 UTC",
        "  undo           attempt 1: refused",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let server = Server::answering(500, json!({}));
    for line in ["undo", "undo five", "undo UUID --status --dry-run", "undo UUID --status --detach", "accept"]
    {
        assert_eq!(call(&server, line).code, 2, "{line}");
    }
    assert!(server.asked().is_empty());
}
