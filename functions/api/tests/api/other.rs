//! Reading a relocation, the public key, and what is not there.

use pipeline::port::PublicKey;
use serde_json::Value;

use crate::stage::{EVERYONE, Stage, Who};

#[tokio::test]
async fn a_relocation_reads_as_it_is() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    let answer = stage.ask(Who::Staff, "GET", &format!("/api/0/relocations/{uuid}/"), Value::Null).await;
    assert_eq!(answer.status, 200);
    insta::assert_snapshot!(format!("{:#}", answer.body));
}

#[tokio::test]
async fn permission_is_checked_before_existence() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    let (refused, unknown) = ((403, "forbidden"), (404, "not-found"));
    let expected = [(401, "unauthenticated"), refused, refused, unknown, unknown];
    for (who, expected) in EVERYONE.into_iter().zip(expected) {
        for unknown in ["5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "nonsense"] {
            let answer = stage.ask(who, "GET", &format!("/api/0/relocations/{unknown}/"), Value::Null).await;
            assert_eq!(answer.code(), expected, "{who:?} {unknown}");
        }
        let there = stage.ask(who, "GET", &format!("/api/0/relocations/{uuid}/"), Value::Null).await;
        assert_eq!(there.status == 200, matches!(who, Who::Staff | Who::Admin));
    }
}

/// The gateway decodes the path, and reading it as a URL would lead to another address, here to one that is there.
#[tokio::test]
async fn a_name_never_leads_to_another_address() {
    let stage = Stage::new();
    let there = "/api/0/relocation-options/relocation.enabled";
    assert_eq!(stage.ask(Who::Staff, "GET", there, Value::Null).await.status, 200);
    for elsewhere in [
        "/api/0/relocation-options/relocation.enabled#x",
        "/api/0/relocation-options\\relocation.enabled",
        "/api/0/relocation-options/x/../relocation.enabled",
        "/api/0/relocation-options/relocation.en\tabled",
        "/api/0/relocation-options/\u{202e}%FF\0",
        "/api/0/relocation-options/%FF",
    ] {
        let answer = stage.ask(Who::Staff, "GET", elsewhere, Value::Null).await;
        assert_eq!(answer.code(), (404, "not-found"), "{elsewhere:?}");
        assert_eq!(answer.content_type, "application/problem+json", "{elsewhere:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_a_problem_like_any_other() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    let body = format!("{{\"atStep\": \"{}\"}}", "x".repeat(5 * 1024 * 1024));
    for path in
        [&format!("/api/0/relocations/{uuid}/pause/"), "/api/0/relocation-options/relocation.enabled/"]
    {
        let answer = stage.send(Who::Admin, "PUT", path, "application/json", body.clone()).await;
        assert_eq!(answer.code(), (400, "file-too-large"), "{path}");
        assert_eq!(answer.content_type, "application/problem+json", "{path}");
    }
}

#[tokio::test]
async fn the_public_key_is_for_those_who_may_relocate() {
    let stage = Stage::new();
    let path = "/api/0/publickeys/relocations/";
    let pem = stage.api.key.public_key().await.unwrap();
    assert_eq!(stage.ask(Who::Ada, "GET", path, Value::Null).await.body["public_key"], pem);
    stage.api.store.give_option("relocation.enabled", "false");
    assert_eq!(stage.ask(Who::Ada, "GET", path, Value::Null).await.code(), (403, "feature-disabled"));
    assert_eq!(stage.ask(Who::Staff, "GET", path, Value::Null).await.status, 200);
}

#[tokio::test]
async fn the_trailing_slash_does_not_matter_and_what_is_not_there_says_so() {
    let stage = Stage::new();
    for path in ["/api/0/publickeys/relocations", "/api/0/publickeys/relocations/"] {
        assert_eq!(stage.ask(Who::Staff, "GET", path, Value::Null).await.status, 200);
        let put = stage.ask(Who::Staff, "PUT", path, Value::Null).await;
        assert_eq!(put.code(), (405, "method-not-allowed"));
        assert_eq!(put.content_type, "application/problem+json");
    }
    assert_eq!(stage.ask(Who::Staff, "GET", "/api/0/nothing/", Value::Null).await.code(), (404, "not-found"));
}
