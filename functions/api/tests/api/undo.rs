//! Undoing and accepting: who may, what is asked of the worker, what is shown of it, and what is refused.

use std::time::Duration;

use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Dispatch};
use pipeline::kinds::{Status, Step};
use pipeline::relocation::{Place, Relocation};
use pipeline::transition::admin::abort;
use pipeline::transition::undo::end;
use pipeline::undo::{CameTo, UndoCall};
use rstest::rstest;
use serde_json::{Value, json};

use crate::stage::{Answer, EVERYONE, Stage, Who};

fn path(uuid: &str, call: &str) -> String {
    format!("/api/0/relocations/{uuid}/{call}/")
}

impl Stage {
    /// A relocation of `ada` that has succeeded.
    async fn succeeded(&self) -> String {
        let uuid = self.created(Who::Ada, 10).await;
        let record = self.relocation(&uuid).await;
        // The shortest way to an end, which then is another one.
        let mut commit = abort(&record, Actor::Pipeline, self.api.clock.now()).unwrap();
        let ended = commit.relocation;
        commit.relocation =
            Relocation { status: Status::Success, step: Step::Completed, failure_reason: None, ..ended };
        self.commit(commit).await;
        uuid
    }

    /// A relocation of `ada` that has failed.
    async fn aborted(&self) -> String {
        let uuid = self.created(Who::Ada, 10).await;
        let answer = self.ask(Who::Staff, "PUT", &path(&uuid, "abort"), Value::Null).await;
        assert_eq!(answer.status, 200);
        uuid
    }

    async fn undo(&self, who: Who, uuid: &str, body: Value) -> Answer {
        self.ask(who, "POST", &path(uuid, "undo"), body).await
    }

    async fn shown(&self, who: Who, uuid: &str) -> Answer {
        self.ask(who, "GET", &path(uuid, "undo"), Value::Null).await
    }

    async fn accept(&self, who: Who, uuid: &str) -> Answer {
        self.ask(who, "POST", &path(uuid, "accept"), Value::Null).await
    }

    /// Lets the worker say what undoing came to.
    async fn comes_to(&self, uuid: &str, came_to: CameTo) {
        let relocation = self.relocation(uuid).await;
        let undo = relocation.undo.as_ref().unwrap().number;
        let call = UndoCall { uuid: relocation.id, undo };
        self.commit(end(&relocation, call, came_to, self.api.clock.now()).unwrap()).await;
    }

    /// Puts what the worker leaves among the artifacts.
    fn leaves(&self, uuid: &str, number: u32, record: &Value) {
        let key = artifact::undo_report(uuid.parse().unwrap(), number);
        self.api.objects.insert(Place::Artifacts, &key, record.to_string());
    }

    /// Which undoings of a relocation the worker is called for.
    fn calls(&self, uuid: &str) -> Vec<u32> {
        let entries = self.api.store.outbox().into_iter();
        let calls = entries.filter_map(|entry| match entry.dispatch {
            Dispatch::Undo(call) if call.uuid.to_string() == uuid => Some(call.undo),
            _ => None,
        });
        calls.collect()
    }
}

fn record() -> Value {
    json!({
        "progress": {
            "undoing": false, "rowsDone": 40, "rowsTotal": 100, "updated": "2026-02-03T04:05:07Z",
        },
        "report": {
            "total": {
                "deleted": 3, "restored": 1, "changedSince": 0, "cascaded": 0, "nulled": 0, "alreadyGone": 0,
            },
            "models": {
                "sentry.user": {
                    "deleted": 3, "restored": 1, "changedSince": 0, "cascaded": 0, "nulled": 0, "alreadyGone": 0,
                },
            },
        },
        "obstacles": {
            "count": 1,
            "first": [{
                "kind": "dependent",
                "model": "sentry.team",
                "id": 77,
                "detail": "sentry.team 77 depends on sentry.organization 3 by `organization`",
            }],
        },
        "state": { "phase": "looking" },
    })
}

#[tokio::test]
async fn staff_may_and_the_owner_and_nobody_else() {
    let expected = [Some((401, "unauthenticated")), None, Some((403, "forbidden")), None, None];
    for (who, expected) in EVERYONE.into_iter().zip(expected) {
        let stage = Stage::new();
        let uuid = stage.succeeded().await;
        let answer = stage.undo(who, &uuid, json!({ "dryRun": true })).await;
        assert_eq!(answer.code(), expected.unwrap_or((202, "")), "{who:?} asks");
        assert_eq!(stage.calls(&uuid).len(), usize::from(expected.is_none()), "{who:?}");
        let answer = stage.shown(who, &uuid).await;
        assert_eq!(answer.code(), expected.unwrap_or((200, "")), "{who:?} looks");
    }
}

#[tokio::test]
async fn what_is_not_there_is_known_to_staff_alone() {
    let stage = Stage::new();
    let expected = [(401, "unauthenticated"), (403, "forbidden"), (403, "forbidden"), (404, "not-found")];
    for (who, expected) in EVERYONE.into_iter().zip(expected) {
        for id in ["5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "nonsense"] {
            for (method, call) in [("POST", "undo"), ("GET", "undo"), ("POST", "accept")] {
                let answer = stage.ask(who, method, &path(id, call), Value::Null).await;
                assert_eq!(answer.code(), expected, "{who:?} {method} {call} {id}");
            }
        }
    }
    let never_asked = stage.succeeded().await;
    assert_eq!(stage.shown(Who::Ada, &never_asked).await.code(), (404, "not-found"));
}

#[tokio::test]
async fn it_reads_as_it_is() {
    let stage = Stage::new();
    let uuid = stage.succeeded().await;
    let asked = stage.undo(Who::Staff, &uuid, json!({ "cascade": true })).await;
    assert_eq!(asked.status, 202);
    assert_eq!((&asked.body["progress"], &asked.body["report"]), (&Value::Null, &Value::Null));
    stage.leaves(&uuid, 1, &record());
    stage.later(Duration::from_secs(9));
    stage.comes_to(&uuid, CameTo::Obstructed(ErrorCode::UndoObstructed.into())).await;
    let mut shown = stage.shown(Who::Ada, &uuid).await.body;
    shown["uuid"] = "the relocation".into();
    insta::assert_snapshot!(format!("{shown:#}"));
    let relocation = stage.ask(Who::Staff, "GET", &format!("/api/0/relocations/{uuid}/"), Value::Null).await;
    assert_eq!(relocation.body["undo"], shown["undo"]);
    assert_eq!(relocation.body["dateEnded"], "2026-02-03T04:05:06Z");
}

#[tokio::test]
async fn the_latest_one_is_shown() {
    let stage = Stage::new();
    let uuid = stage.succeeded().await;
    stage.undo(Who::Ada, &uuid, json!({ "dryRun": true })).await;
    stage.leaves(&uuid, 1, &record());
    stage.comes_to(&uuid, CameTo::Done).await;
    let again = stage.undo(Who::Ada, &uuid, Value::Null).await;
    assert_eq!((again.status, &again.body["undo"]["number"]), (202, &json!(2)));
    let shown = stage.shown(Who::Ada, &uuid).await.body;
    assert_eq!(
        (&shown["undo"]["number"], &shown["report"]),
        (&json!(2), &Value::Null),
        "not the first one's"
    );
    assert_eq!(stage.calls(&uuid), [1, 2]);
}

#[rstest]
#[case::no_json("{")]
#[case::no_object("[]")]
#[case::a_misspelt_field(r#"{"dryrun": true}"#)]
#[case::one_of_another_type(r#"{"dryRun": "yes"}"#)]
#[case::a_number(r#"{"cascade": 1}"#)]
#[tokio::test]
async fn what_is_misspelt_undoes_nothing(#[case] body: &str) {
    let stage = Stage::new();
    let uuid = stage.succeeded().await;
    let answer =
        stage.send(Who::Staff, "POST", &path(&uuid, "undo"), "application/json", body.to_owned()).await;
    assert_eq!(answer.code(), (400, "invalid-field"), "{body}");
    assert_eq!(stage.relocation(&uuid).await.undo, None);
}

#[rstest]
#[case::nothing(Value::Null)]
#[case::an_empty_object(json!({}))]
#[case::nulls(json!({ "dryRun": null, "cascade": null }))]
#[case::both_false(json!({ "dryRun": false, "cascade": false }))]
#[tokio::test]
async fn what_is_not_given_is_not_asked_for(#[case] body: Value) {
    let stage = Stage::new();
    let uuid = stage.aborted().await;
    let answer = stage.undo(Who::Ada, &uuid, body).await;
    assert_eq!(answer.status, 202);
    let undo = &answer.body["undo"];
    assert_eq!((&undo["dryRun"], &undo["cascade"]), (&json!(false), &json!(false)));
    assert_eq!((&undo["userId"], &undo["status"]), (&json!(7), &json!("IN_PROGRESS")));
}

#[tokio::test]
async fn only_staff_may_let_go_what_others_built() {
    let stage = Stage::new();
    let uuid = stage.succeeded().await;
    for dry_run in [false, true] {
        let body = json!({ "cascade": true, "dryRun": dry_run });
        assert_eq!(stage.undo(Who::Ada, &uuid, body.clone()).await.code(), (403, "forbidden"));
    }
    assert_eq!(stage.relocation(&uuid).await.undo, None);
    assert_eq!(stage.undo(Who::Staff, &uuid, json!({ "cascade": true })).await.status, 202);
}

#[tokio::test]
async fn the_owner_may_until_they_accept_and_staff_still() {
    let stage = Stage::new();
    let uuid = stage.succeeded().await;
    for (who, expected) in EVERYONE.into_iter().zip([
        (401, "unauthenticated"),
        (200, ""),
        (403, "forbidden"),
        (403, "forbidden"),
        (403, "forbidden"),
    ]) {
        assert_eq!(stage.accept(who, &uuid).await.code(), expected, "{who:?}");
    }
    stage.later(Duration::from_secs(60));
    let again = stage.accept(Who::Ada, &uuid).await;
    assert_eq!((again.status, &again.body["dateAccepted"]), (200, &json!("2026-02-03T04:05:06Z")));
    assert_eq!(stage.undo(Who::Ada, &uuid, Value::Null).await.code(), (403, "already-accepted"));
    assert_eq!(stage.undo(Who::Staff, &uuid, Value::Null).await.status, 202);
    let audit = stage.ask(Who::Staff, "GET", &path(&uuid, "audit"), Value::Null).await.body;
    let actions: Vec<_> = audit["lines"].as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    assert!(actions.contains(&&json!("accept")) && actions.contains(&&json!("undo")), "{audit}");
}

#[tokio::test]
async fn what_failed_or_is_being_undone_cannot_be_accepted() {
    let stage = Stage::new();
    let aborted = stage.aborted().await;
    assert_eq!(stage.accept(Who::Ada, &aborted).await.code(), (400, "not-acceptable"));
    let undone = stage.succeeded().await;
    stage.undo(Who::Ada, &undone, Value::Null).await;
    assert_eq!(stage.accept(Who::Ada, &undone).await.code(), (400, "not-acceptable"));
}

#[tokio::test]
async fn what_the_record_does_not_allow_is_refused() {
    let stage = Stage::new();
    let going_on = stage.created(Who::Ada, 10).await;
    assert_eq!(stage.undo(Who::Ada, &going_on, Value::Null).await.code(), (400, "not-undoable"));
    stage.ask(Who::Staff, "PUT", &path(&going_on, "abort"), Value::Null).await;
    assert_eq!(stage.undo(Who::Ada, &going_on, Value::Null).await.status, 202);
    assert_eq!(stage.undo(Who::Ada, &going_on, Value::Null).await.code(), (409, "undo-in-progress"));
    stage.comes_to(&going_on, CameTo::Done).await;
    assert_eq!(stage.undo(Who::Ada, &going_on, Value::Null).await.code(), (409, "already-undone"));
}

#[tokio::test]
async fn the_window_is_an_option() {
    const DAY: Duration = Duration::from_hours(24);
    let stage = Stage::new();
    let uuid = stage.aborted().await;
    let dry = json!({ "dryRun": true });
    stage.later(14 * DAY + Duration::from_secs(1));
    for who in [Who::Ada, Who::Staff] {
        assert_eq!(stage.undo(who, &uuid, dry.clone()).await.code(), (409, "undo-window-over"), "{who:?}");
    }
    stage.api.store.give_option("relocation.undo-window-days", "15");
    assert_eq!(stage.undo(Who::Ada, &uuid, dry).await.status, 202);
}

#[tokio::test]
async fn what_is_under_way_for_an_hour_is_called_for_again() {
    let stage = Stage::new();
    let uuid = stage.aborted().await;
    stage.undo(Who::Ada, &uuid, Value::Null).await;
    stage.later(Duration::from_mins(61));
    let again = stage.undo(Who::Staff, &uuid, Value::Null).await;
    assert_eq!((again.status, &again.body["undo"]["number"]), (202, &json!(1)));
    assert_eq!(stage.calls(&uuid), [1, 1]);
}

#[tokio::test]
async fn what_is_being_undone_is_neither_recovered_nor_retried() {
    let stage = Stage::new();
    let uuid = stage.aborted().await;
    stage.undo(Who::Ada, &uuid, json!({ "dryRun": true })).await;
    let recovered = stage.ask(Who::Staff, "PUT", &path(&uuid, "recover"), Value::Null).await;
    assert_eq!(recovered.code(), (400, "not-recoverable"));
    let relocation = stage.relocation(&uuid).await;
    stage.api.objects.insert(Place::Uploads, &artifact::upload(relocation.id), "0123456789");
    let retried = stage.ask(Who::Staff, "POST", &path(&uuid, "retry"), Value::Null).await;
    assert_eq!(retried.code(), (409, "undo-in-progress"));
    stage.comes_to(&uuid, CameTo::Done).await;
    let retried = stage.ask(Who::Staff, "POST", &path(&uuid, "retry"), Value::Null).await;
    assert_eq!(retried.status, 201);
}

/// Of two who ask at once, one is told that the other did.
#[tokio::test]
async fn two_at_once_are_one() {
    let stage = Stage::new();
    let uuid = stage.aborted().await;
    let ask = || stage.undo(Who::Ada, &uuid, Value::Null);
    let (one, other) = futures::join!(ask(), ask());
    let mut codes = [one.code(), other.code()];
    codes.sort_unstable();
    assert_eq!(codes, [(202, ""), (409, "undo-in-progress")]);
    assert_eq!(stage.calls(&uuid), [1]);
}
