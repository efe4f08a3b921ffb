//! Artifacts: who may read them, what they look like, and that each reading is on record.

use pipeline::memory::When;
use pipeline::port::AuditLog;
use pipeline::relocation::Place;
use serde_json::{Value, json};

use crate::stage::{Answer, EVERYONE, Stage, Who};

impl Stage {
    async fn artifact(&self, who: Who, uuid: &str, path: &str) -> Answer {
        self.ask(who, "GET", &format!("/api/0/relocations/{uuid}/artifacts/{path}"), Value::Null).await
    }

    fn keep(&self, uuid: &str, path: &str, content: impl Into<Vec<u8>>) {
        self.api.objects.insert(Place::Artifacts, &format!("runs/{uuid}/{path}"), content.into());
    }
}

#[tokio::test]
async fn only_staff_with_the_permission_may_read_them() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    stage.keep(&uuid, "out/report.json", "{}");
    let refused = (403, "forbidden");
    let expected = [(401, "unauthenticated"), refused, refused, refused, (200, "")];
    for (who, expected) in EVERYONE.into_iter().zip(expected) {
        for path in ["", "out/report.json"] {
            assert_eq!(stage.artifact(who, &uuid, path).await.code(), expected, "{who:?} {path}");
        }
        let unknown = stage.artifact(who, "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "").await;
        let expected = if expected.0 == 200 { (404, "not-found") } else { expected };
        assert_eq!(unknown.code(), expected, "{who:?}");
    }
}

#[tokio::test]
async fn files_are_listed_with_their_sizes_one_level_deep() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    for path in ["out/b.json", "in/a.tar", "findings/z.json", "out/deeper/c.json", "top.json"] {
        stage.keep(&uuid, path, "12345");
    }
    stage.keep("5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "out/other.json", "");
    let files = stage.artifact(Who::Admin, &uuid, "").await.body;
    let file = |path: &str| json!({ "path": path, "bytes": 5 });
    assert_eq!(files, json!({ "files": [file("findings/z.json"), file("in/a.tar"), file("out/b.json")] }));
}

#[tokio::test]
async fn small_files_are_answered_opened() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    stage.keep(&uuid, "findings/some.json", "[\"ä\"]");
    stage.keep(&uuid, "in/raw-relocation-data.tar", stage.api.key.sealed(b"[1, 2]"));
    for (path, contents) in [("findings/some.json", "[\"ä\"]"), ("in/raw-relocation-data.tar", "[1, 2]")] {
        let answer = stage.artifact(Who::Admin, &uuid, path).await;
        assert_eq!((answer.status, &answer.body), (200, &json!({ "contents": contents })), "{path}");
    }
    let lines = stage.api.store.lines(uuid.parse().unwrap()).await.unwrap();
    let read: Vec<_> = lines.iter().filter(|line| line.action == "read-artifact").collect();
    let details: Vec<_> = read.iter().filter_map(|line| line.detail.as_deref()).collect();
    assert_eq!(details, ["findings/some.json", "in/raw-relocation-data.tar"]);
}

#[tokio::test]
async fn what_does_not_fit_or_does_not_open_is_handed_out_as_it_is() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    let large = vec![b'x'; 4 * 1024 * 1024 + 1];
    stage.keep(&uuid, "out/large.json", large.clone());
    // It fits by its size, but not as JSON.
    stage.keep(&uuid, "out/quotes.json", vec![b'"'; 2 * 1024 * 1024]);
    stage.keep(&uuid, "out/binary.json", vec![0xff, 0xfe]);
    stage.keep(&uuid, "in/large.tar", stage.api.key.sealed(&large));
    stage.keep(&uuid, "in/foreign.tar", stage.api.key.sealed_for_others(b"[]"));
    stage.keep(&uuid, "in/nonsense.tar", "nonsense");
    for (path, sealed, has_key) in [
        ("out/large.json", false, false),
        ("out/quotes.json", false, false),
        ("out/binary.json", false, false),
        ("in/large.tar", true, true),
        ("in/foreign.tar", true, false),
        ("in/nonsense.tar", true, false),
    ] {
        let answer = stage.artifact(Who::Admin, &uuid, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.body["url"], format!("memory:runs/{uuid}/{path}"));
        assert_eq!(
            (&answer.body["sealed"], answer.body["dataKey"].is_string()),
            (&json!(sealed), has_key),
            "{path}"
        );
        assert!(answer.body["size"].as_u64() > Some(0) && answer.body["expiresAt"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    stage.keep(&uuid, "out/report.json", "{}");
    for path in ["out/other.json", "secret/report.json", "out/a%2Freport.json", "OUT/report.json"] {
        assert_eq!(stage.artifact(Who::Admin, &uuid, path).await.code(), (404, "not-found"), "{path}");
    }
}

#[tokio::test]
async fn nothing_is_read_that_cannot_be_put_on_record() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    stage.keep(&uuid, "out/report.json", "{}");
    // The record, the object's head, the audit log.
    stage.faults.fail_call(3, When::Before);
    assert_eq!(stage.artifact(Who::Admin, &uuid, "out/report.json").await.code(), (500, "internal"));
}
