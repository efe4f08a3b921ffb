//! Deletions: what is asked for, and what people and machines are told.

use serde_json::{Value, json};

use super::problem;
use super::server::Server;
use crate::support::{Folder, json as read};

/// A deletion, with some of its fields changed.
fn deletion(changes: &Value) -> Value {
    let mut deletion = json!({
        "silo": "cell", "model": "sentry.organization", "id": 5, "state": "WAITING",
        "dateDue": "2026-12-20T09:00:00Z", "dateAdded": "2026-11-20T09:00:00Z", "dateUpdated": "2026-11-20T09:00:00Z",
        "userId": 1, "inProgressSince": null, "announcedAt": null, "attempts": 0, "rows": 0, "keys": 0,
        "error": null, "inTheWay": [],
    });
    for (field, value) in changes.as_object().unwrap() {
        deletion[field] = value.clone();
    }
    deletion
}

#[test]
fn a_deletion_is_asked_for_as_it_is_said() {
    let folder = Folder::new();
    for (options, body) in [
        ("", json!({ "model": "sentry.organization", "id": 5, "days": null })),
        ("--days 7", json!({ "model": "sentry.organization", "id": 5, "days": 7 })),
        ("--now", json!({ "model": "sentry.organization", "id": 5, "days": 0 })),
    ] {
        let server = Server::answering_each(vec![(201, deletion(&json!({})))]);
        let said = folder.call(&server, &format!("delete sentry.organization 5 {options}")).done();
        assert_eq!(said, "sentry.organization 5: due 2026-12-20 09:00:00 UTC\n");
        let asked = server.asked();
        assert_eq!(asked[0], "POST /api/0/deletions/");
        assert_eq!(read(asked[1].as_bytes()), body);
    }
}

#[test]
fn a_deletion_is_watched_to_its_end() {
    let in_progress = deletion(&json!({ "state": "IN_PROGRESS", "rows": 1200, "attempts": 1 }));
    let gone = problem(404, "not-found", "There is nothing here.");
    let server = Server::answering_each(vec![
        (201, deletion(&json!({}))),
        (200, in_progress.clone()),
        (200, in_progress),
        (404, gone),
    ]);
    let said = Folder::new().call(&server, "delete sentry.organization 5 --now --watch").done();
    insta::assert_snapshot!(said, @r"
    sentry.organization 5: due 2026-12-20 09:00:00 UTC
    sentry.organization 5: in progress, 1,200 rows gone
    sentry.organization 5: gone
    ");
}

#[test]
fn a_deletion_that_somebody_takes_back_is_not_said_to_be_done() {
    let waiting = deletion(&json!({ "dateDue": "2126-12-20T09:00:00Z" }));
    let taken_back = problem(404, "not-found", "There is nothing here.");
    let server = Server::answering_each(vec![(201, waiting.clone()), (200, waiting), (404, taken_back)]);
    let said = Folder::new().call(&server, "delete sentry.organization 5 --watch").done();
    insta::assert_snapshot!(said, @r"
    sentry.organization 5: due 2126-12-20 09:00:00 UTC
    sentry.organization 5: nothing is scheduled any more
    ");
}

#[test]
fn a_deletion_that_is_given_up_ends_with_1_and_names_what_stands_in_the_way() {
    let given_up = deletion(&json!({
        "state": "GIVEN_UP", "attempts": 1, "error": "1 rows stand in the way, first sentry.monitor 7",
        "inTheWay": [{ "model": "sentry.monitor", "id": 7 }],
    }));
    let server = Server::answering_each(vec![(201, deletion(&json!({}))), (200, given_up)]);
    let run = Folder::new().call(&server, "delete sentry.organization 5 --now --watch");
    assert_eq!(run.code, 1);
    insta::assert_snapshot!(run.out, @r"
    sentry.organization 5: due 2026-12-20 09:00:00 UTC
    sentry.organization 5: given up after attempt 1, 0 rows gone
      because 1 rows stand in the way, first sentry.monitor 7
      in the way: sentry.monitor 7
    ");
}

#[test]
fn a_deletion_is_cancelled() {
    let server = Server::start(|_, exchange| exchange.answer_with(204, &[], b""));
    let said = Folder::new().call(&server, "delete sentry.organization 5 --cancel").done();
    assert_eq!(said, "sentry.organization 5: nothing is scheduled any more\n");
    assert_eq!(server.asked(), ["DELETE /api/0/deletions/sentry.organization/5/"]);
    let server = Server::answering(409, problem(409, "deletion-in-progress", "The deletion is in progress."));
    let run = Folder::new().call(&server, "--json delete sentry.organization 5 --cancel");
    assert_eq!((run.code, &read(run.err.as_bytes())["error"]["code"]), (2, &json!("deletion-in-progress")));
}

#[test]
fn deletions_are_listed() {
    let listed =
        json!({ "deletions": [deletion(&json!({})), deletion(&json!({ "id": 6 }))], "hasMore": true });
    let server = Server::answering(200, listed.clone());
    insta::assert_snapshot!(Folder::new().call(&server, "deletions").done(), @r"
    sentry.organization 5: due 2026-12-20 09:00:00 UTC
    sentry.organization 6: due 2026-12-20 09:00:00 UTC
    There are more.
    ");
    assert_eq!(read(Folder::new().call(&server, "--json deletions").done().as_bytes()), listed);
    let none = Server::answering(200, json!({ "deletions": [], "hasMore": false }));
    assert_eq!(Folder::new().call(&none, "deletions").done(), "No deletions.\n");
}

#[test]
fn keys_across_silos_are_a_table() {
    let key = |model: &str, field: &str, changes: Value| {
        let mut key = json!({
            "silo": "cell", "model": model, "field": field, "target": "sentry.user", "onDelete": "cascade",
            "rowsWatermark": 0, "tombstonesWatermark": 0, "pending": null, "lagMillis": null, "hasMore": false,
            "lastRun": null, "error": null,
        });
        for (field, value) in changes.as_object().unwrap() {
            key[field] = value.clone();
        }
        key
    };
    let behind = json!({
        "rowsWatermark": 12000, "tombstonesWatermark": 7, "pending": 17, "lagMillis": 90000, "hasMore": true,
        "lastRun": "2026-11-20T09:00:00Z", "error": "a silo could not be used",
    });
    let keys = json!({ "keys": [
        key("sentry.organizationmember", "user_id", behind),
        key("sentry.team", "idp_id", json!({})),
    ] });
    let server = Server::answering(200, keys.clone());
    insta::assert_snapshot!(Folder::new().call(&server, "cascade-status").done());
    let behind = Folder::new().call(&server, "cascade-status --behind").done();
    assert!(behind.contains("organizationmember") && !behind.contains("sentry.team"), "{behind}");
    assert_eq!(read(Folder::new().call(&server, "--json cascade-status").done().as_bytes()), keys);
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let server = Server::answering(500, json!({}));
    for line in [
        "delete sentry.organization",
        "delete sentry.organization five",
        "delete sentry.organization 0",
        "delete sentry.organization 5 --now --days 3",
        "delete sentry.organization 5 --cancel --now",
        "delete sentry.organization 5 --cancel --watch",
    ] {
        assert_eq!(Folder::new().call(&server, line).code, 2, "{line}");
    }
    assert!(server.asked().is_empty());
}
