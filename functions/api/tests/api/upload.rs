//! …/{uuid}/upload/.

use pipeline::memory::When;
use pipeline::port::{CommitRelocations, ReadRelocations};
use pipeline::transition::lifecycle::upload_completed;
use serde_json::{Value, json};

use crate::stage::{Stage, Who};

fn path(uuid: &str) -> String {
    format!("/api/0/relocations/{uuid}/upload/")
}

/// The parts of a file of 20 MB, which has two.
fn parts(etags: &[(u32, &str)]) -> Value {
    let parts = etags.iter().map(|(number, etag)| json!({ "partNumber": number, "etag": etag }));
    json!({ "parts": parts.collect::<Vec<_>>() })
}

#[tokio::test]
async fn an_upload_goes_on_where_it_stopped() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Staff, 20_000_000).await;
    let before = stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.body;
    assert_eq!(before["missing"].as_array().unwrap().len(), 2);
    stage.api.uploads.upload_part(before["uploadId"].as_str().unwrap(), 1, vec![1; 16 * 1024 * 1024]);
    let after = stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.body;
    assert_eq!(after["parts"].as_array().unwrap().len(), 1);
    assert_eq!(after["missing"][0]["partNumber"], 2);
    assert_eq!(after["missing"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_complete_upload_is_taken_and_a_part_less_is_not() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Staff, 20_000_000).await;
    let upload = stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.body;
    let id = upload["uploadId"].as_str().unwrap();
    stage.api.uploads.upload_part(id, 1, vec![1; 16 * 1024 * 1024]);
    stage.api.uploads.upload_part(id, 2, vec![2; 20_000_000 - 16 * 1024 * 1024]);
    let there = stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.body;
    let etag = |part: usize| there["parts"][part]["etag"].as_str().unwrap();
    let complete = format!("{}complete/", path(&uuid));
    for body in [parts(&[(1, etag(0))]), parts(&[]), parts(&[(1, etag(0)), (2, "another")])] {
        let answer = stage.ask(Who::Ada, "POST", &complete, body).await;
        assert_eq!(answer.code(), (400, "parts-missing"));
    }
    let answer = stage.ask(Who::Ada, "POST", &complete, json!({ "parts": "all" })).await;
    assert_eq!(answer.code(), (400, "invalid-field"));
    let all = parts(&[(2, etag(1)), (1, etag(0))]);
    let answer = stage.ask(Who::Ada, "POST", &complete, all.clone()).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("IN_PROGRESS")));

    // The answer was lost, so it is asked for again: before the file's arrival is known, and after.
    let again = stage.ask(Who::Ada, "POST", &complete, all.clone()).await;
    assert_eq!((again.status, &again.body), (200, &answer.body));
    let relocation = stage.api.store.relocation(uuid.parse().unwrap()).await.unwrap().unwrap();
    let arrival = upload_completed(&relocation, relocation.date_added).unwrap();
    stage.api.store.commit(arrival).await.unwrap();
    assert_eq!(stage.ask(Who::Ada, "POST", &complete, all).await.status, 200);
    assert_eq!(stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.code(), (409, "not-uploading"));
}

#[tokio::test]
async fn a_file_of_another_size_is_refused() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Staff, 10).await;
    let upload = stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.body;
    stage.api.uploads.upload_part(upload["uploadId"].as_str().unwrap(), 1, vec![1; 11]);
    let complete = async |etag: &str| {
        let body = parts(&[(1, etag)]);
        stage.ask(Who::Ada, "POST", &format!("{}complete/", path(&uuid)), body).await
    };
    for _ in 0..2 {
        assert_eq!(complete("any").await.code(), (409, "size-differs"));
    }
    // The part that differs is asked for again.
    let there = stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.body;
    assert_eq!((&there["parts"], &there["missing"][0]["partNumber"]), (&json!([]), &json!(1)));
    stage.api.uploads.upload_part(upload["uploadId"].as_str().unwrap(), 1, vec![1; 10]);
    let there = stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.body;
    assert_eq!(complete(there["parts"][0]["etag"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn giving_up_frees_the_owner() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    let answer = stage.ask(Who::Ada, "DELETE", &path(&uuid), Value::Null).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("FAILURE")));
    assert_eq!(answer.body["failureReason"]["code"], "upload-abandoned");
    for method in ["GET", "DELETE"] {
        let again = stage.ask(Who::Ada, method, &path(&uuid), Value::Null).await;
        assert_eq!(again.code(), (409, "not-uploading"), "{method}");
    }
    stage.created(Who::Ada, 10).await;
}

#[tokio::test]
async fn an_upload_is_its_owners_and_staffs() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    let unknown = "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90";
    for (who, own, other) in [
        (Who::Nobody, (401, "unauthenticated"), (401, "unauthenticated")),
        (Who::Ada, (200, ""), (403, "forbidden")),
        (Who::Bob, (403, "forbidden"), (403, "forbidden")),
        (Who::Staff, (200, ""), (404, "not-found")),
    ] {
        assert_eq!(stage.ask(who, "GET", &path(&uuid), Value::Null).await.code(), own, "{who:?}");
        assert_eq!(stage.ask(who, "GET", &path(unknown), Value::Null).await.code(), other, "{who:?}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_no_missing_right() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    stage.faults.fail_call(1, When::Before);
    assert_eq!(stage.ask(Who::Ada, "GET", &path(&uuid), Value::Null).await.code(), (500, "internal"));
}
