//! Scheduled deletions: who schedules them, what becomes of the date and of the object, and what is refused.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use silo::{Row, Silo};

use crate::stage::{EVERYONE, Stage, Who};

const PATH: &str = "/api/0/deletions/";
const ONE: &str = "/api/0/deletions/sentry.organization/5/";

/// With an organisation.
fn stage() -> Stage {
    let stage = Stage::new();
    let organizations = stage.api.cell.catalog().find("sentry.organization").unwrap();
    let Value::Object(fields) = json!({ "slug": "acme", "name": "Acme", "status": 0 }) else {
        unreachable!()
    };
    stage.api.cell.load(organizations, Row::new(5, fields)).unwrap();
    stage
}

async fn status(stage: &Stage) -> Value {
    let organizations = stage.api.cell.catalog().find("sentry.organization").unwrap();
    let row = stage.api.cell.get(organizations, &[5]).await.unwrap().remove(0).unwrap();
    row.row.fields["status"].clone()
}

async fn schedule(stage: &Stage, days: Value) -> crate::stage::Answer {
    stage
        .ask(Who::Staff, "POST", PATH, json!({ "model": "sentry.organization", "id": 5, "days": days }))
        .await
}

#[tokio::test]
async fn deletions_are_for_staff() {
    let stage = stage();
    let refused = (403, "forbidden");
    let unauthenticated = (401, "unauthenticated");
    for (who, expected) in
        EVERYONE.into_iter().zip([Some(unauthenticated), Some(refused), Some(refused), None, None])
    {
        let asked = json!({ "model": "sentry.organization", "id": 5 });
        for (method, path, body, good) in [
            ("POST", PATH, asked, 201),
            ("GET", PATH, Value::Null, 200),
            ("GET", ONE, Value::Null, 200),
            ("DELETE", ONE, Value::Null, 204),
        ] {
            let answer = stage.ask(who, method, path, body).await;
            assert_eq!(answer.code(), expected.unwrap_or((good, "")), "{who:?} {method} {path}");
        }
    }
}

#[tokio::test]
async fn a_deletion_is_due_in_thirty_days_and_marks_its_object() {
    let stage = stage();
    let answer = schedule(&stage, Value::Null).await;
    assert_eq!(answer.status, 201);
    insta::assert_snapshot!(format!("{:#}", answer.body));
    assert_eq!(status(&stage).await, json!(1), "pending");
    assert!(stage.api.queues.sent().is_empty(), "nobody is called for what is not due");
    assert_eq!(stage.ask(Who::Staff, "GET", ONE, Value::Null).await.body["state"], "WAITING");
}

#[tokio::test]
async fn scheduling_again_moves_the_date() {
    let stage = stage();
    let first = schedule(&stage, json!(7)).await.body;
    stage.later(Duration::from_secs(60));
    let second = schedule(&stage, json!(1)).await;
    assert_eq!(second.status, 201);
    assert_eq!(second.body["dateAdded"], first["dateAdded"]);
    assert_eq!(second.body["dateDue"], "2026-02-04T04:06:06Z");
    let listed = stage.ask(Who::Staff, "GET", PATH, Value::Null).await.body;
    assert_eq!(listed, json!({ "deletions": [second.body], "hasMore": false }), "one for each object");
}

#[tokio::test]
async fn what_is_due_now_is_called_for_at_once() {
    let stage = stage();
    let answer = schedule(&stage, json!(0)).await;
    assert_eq!(answer.status, 201);
    let sent: Vec<String> = stage.api.queues.sent().into_iter().map(|sent| sent.body).collect();
    assert_eq!(sent, [r#"{"silo":"cell","model":"sentry.organization","object":5}"#]);
}

#[tokio::test]
async fn cancelling_takes_the_mark_off_and_cancelling_nothing_is_no_error() {
    let stage = stage();
    schedule(&stage, Value::Null).await;
    for _ in 0..2 {
        assert_eq!(stage.ask(Who::Staff, "DELETE", ONE, Value::Null).await.status, 204);
        assert_eq!(status(&stage).await, json!(0), "active");
        assert_eq!(stage.ask(Who::Staff, "GET", ONE, Value::Null).await.code(), (404, "not-found"));
    }
}

#[tokio::test]
async fn what_is_in_progress_is_not_cancelled() {
    use deletion::schedule::{Event, Object, apply};
    let stage = stage();
    schedule(&stage, json!(0)).await;
    let job = serde_json::from_str(&stage.api.queues.sent()[0].body).unwrap();
    let now = stage.api.clock.now();
    apply(&stage.api.schedules, &job, &Event::Called(Object::Goes), now).await.unwrap().unwrap();
    assert_eq!(stage.ask(Who::Staff, "DELETE", ONE, Value::Null).await.code(), (409, "deletion-in-progress"));
    let shown = stage.ask(Who::Staff, "GET", ONE, Value::Null).await.body;
    assert_eq!(
        (&shown["state"], &shown["inProgressSince"]),
        (&json!("IN_PROGRESS"), &json!("2026-02-03T04:05:06Z"))
    );
}

#[rstest]
#[case::no_model(json!({ "id": 5 }), (400, "invalid-field"), "model")]
#[case::no_id(json!({ "model": "sentry.organization" }), (400, "invalid-field"), "id")]
#[case::a_text(json!({ "model": "sentry.organization", "id": "5" }), (400, "invalid-field"), "id")]
#[case::below(json!({ "model": "sentry.organization", "id": 0 }), (400, "invalid-field"), "id")]
#[case::too_late(json!({ "model": "sentry.organization", "id": 5, "days": 3_651 }), (400, "invalid-field"), "days")]
#[case::too_early(json!({ "model": "sentry.organization", "id": 5, "days": -1 }), (400, "invalid-field"), "days")]
#[case::unknown_model(json!({ "model": "sentry.ghost", "id": 5 }), (400, "unknown-model"), "")]
#[case::unknown_object(json!({ "model": "sentry.organization", "id": 6 }), (404, "unknown-object"), "")]
#[case::no_object(json!([]), (400, "invalid-field"), "")]
#[tokio::test]
async fn what_cannot_be_deleted_is_refused(
    #[case] asked: Value,
    #[case] expected: (u16, &str),
    #[case] field: &str,
) {
    let stage = stage();
    let answer = stage.ask(Who::Staff, "POST", PATH, asked).await;
    assert_eq!(answer.code(), expected, "{answer:?}");
    assert_eq!(answer.body["field"].as_str().unwrap_or_default(), field);
    assert_eq!(stage.ask(Who::Staff, "GET", PATH, Value::Null).await.body["deletions"], json!([]));
}

#[rstest]
#[case("sentry.ghost/5", (400, "unknown-model"))]
#[case("sentry.organization/five", (404, "not-found"))]
#[case("sentry.organization/6", (404, "not-found"))]
#[tokio::test]
async fn an_address_names_a_row(#[case] object: &str, #[case] expected: (u16, &str)) {
    let answer = stage().ask(Who::Staff, "GET", &format!("{PATH}{object}/"), Value::Null).await;
    assert_eq!(answer.code(), expected);
}
