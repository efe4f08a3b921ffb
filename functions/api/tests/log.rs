//! What is logged of a request: one line, which says what was asked for, and which run it is about.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use api::{Refusal, logged};
use axum::body::Body;
use axum::http::Request;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use axum::{Router, extract::Path};
use pipeline::code::ErrorCode;
use pipeline::commit::Commit;
use pipeline::transition::lifecycle::upload_completed;
use serde_json::Value;
use testkit::{Log, Setup, Stage};
use tower::ServiceExt;

/// One call that reads and one that commits, logged as the API's are. The line, and a commit whose run it may begin.
async fn ask(method: &str, path: impl Fn(&Stage) -> String) -> (Value, Stage) {
    let stage = Stage::awaiting_upload(Setup::default()).await;
    let relocation = stage.relocation().await;
    let commit: Commit = upload_completed(&relocation, relocation.date_added).unwrap();
    let router = Router::new()
        .route("/relocations", post(async move || runtime::metrics::committed(&commit)))
        .route("/relocations/{uuid}", get(async |_: Path<String>| Refusal::from(ErrorCode::NotUploading)))
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .layer(from_fn(logged));
    let log = Log::new();
    let request = Request::builder().method(method).uri(path(&stage)).body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap();
    let lines = log.lines();
    let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
    (line.clone(), stage)
}

#[tokio::test]
async fn a_request_that_begins_a_run_says_which() {
    let (line, stage) = ask("POST", |_| "/relocations?secret=1".to_owned()).await;
    assert_eq!(line["relocation"], stage.id.to_string());
    assert_eq!(line["trace"], format!("{}-1", stage.id));
    assert_eq!((&line["task"], &line["method"]), (&"api".into(), &"POST".into()));
    assert_eq!((&line["route"], &line["status"]), (&"/relocations".into(), &200.into()));
    assert!(!line.to_string().contains("secret"), "{line}");
}

#[tokio::test]
async fn a_request_that_is_refused_says_why_and_about_what() {
    let (line, stage) = ask("GET", |stage| format!("/relocations/{}", stage.id)).await;
    assert_eq!(line["relocation"], stage.id.to_string());
    assert_eq!((&line["status"], &line["code"]), (&409.into(), &"not-uploading".into()));
    assert_eq!(line["route"], "/relocations/{uuid}");
    assert_eq!(line.get("trace"), None, "it changed nothing");
}

/// An address that leads nowhere may hold anything.
#[tokio::test]
async fn an_unknown_address_is_not_repeated() {
    let (line, _) = ask("GET", |_| "/ada@example.com".to_owned()).await;
    assert_eq!(line["code"], "not-found");
    assert!(!line.to_string().contains("ada"), "{line}");
}
