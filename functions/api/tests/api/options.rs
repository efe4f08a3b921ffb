//! Options: who sees them, who sets them, and to what.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::stage::{EVERYONE, Stage, Who};

const PATH: &str = "/api/0/relocation-options/";

#[tokio::test]
async fn options_are_for_staff_and_setting_them_needs_the_permission() {
    let stage = Stage::new();
    let refused = (403, "forbidden");
    let unauthenticated = (401, "unauthenticated");
    let sees = [unauthenticated, refused, refused, (200, ""), (200, "")];
    let sets = [unauthenticated, refused, refused, refused, (200, "")];
    let one = format!("{PATH}relocation.enabled/");
    for ((who, sees), sets) in EVERYONE.into_iter().zip(sees).zip(sets) {
        assert_eq!(stage.ask(who, "GET", PATH, Value::Null).await.code(), sees, "{who:?}");
        assert_eq!(stage.ask(who, "GET", &one, Value::Null).await.code(), sees, "{who:?}");
        let set = stage.ask(who, "PUT", &one, json!({ "value": "false" })).await;
        assert_eq!(set.code(), sets, "{who:?}");
    }
    let answer = stage.ask(Who::Ada, "GET", "/api/0/publickeys/relocations/", Value::Null).await;
    assert_eq!(answer.code(), (403, "feature-disabled"), "what was set holds");
    insta::assert_snapshot!(format!("{:#}", stage.ask(Who::Staff, "GET", PATH, Value::Null).await.body));
}

#[rstest]
#[case("relocation.enabled", json!("true"), 200)]
#[case("relocation.enabled", json!("yes"), 400)]
#[case("relocation.enabled", json!(true), 400)]
#[case("relocation.autopause", json!(" importing "), 200)]
#[case("relocation.autopause", json!(""), 200)]
#[case("relocation.autopause.self-hosted", json!("UPLOADING"), 400)]
#[case("relocation.daily-limit.large", json!("12"), 200)]
#[case("relocation.daily-limit.large", json!("many"), 400)]
#[case("relocation.unknown", json!("true"), 404)]
#[tokio::test]
async fn an_option_takes_what_it_is_for(#[case] name: &str, #[case] value: Value, #[case] status: u16) {
    let stage = Stage::new();
    let path = format!("{PATH}{name}/");
    let answer = stage.ask(Who::Admin, "PUT", &path, json!({ "value": value })).await;
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.body["field"].as_str(), (status == 400).then_some("value"));
    if status == 200 {
        assert_eq!(answer.body["value"], value.as_str().unwrap().trim());
        assert_eq!(stage.ask(Who::Staff, "GET", &path, Value::Null).await.body, answer.body);
    }
}

#[tokio::test]
async fn an_option_is_remembered_for_a_moment_unless_it_is_set_here() {
    let stage = Stage::remembering_options(Duration::from_secs(5));
    let key = async |expected: u16| {
        let answer = stage.ask(Who::Ada, "GET", "/api/0/publickeys/relocations/", Value::Null).await;
        assert_eq!(answer.status, expected);
    };
    key(200).await;
    // As another process of the API would set it.
    stage.api.store.give_option("relocation.enabled", "false");
    stage.later(Duration::from_millis(4_999));
    key(200).await;
    stage.later(Duration::from_millis(1));
    key(403).await;
    let set =
        stage.ask(Who::Admin, "PUT", &format!("{PATH}relocation.enabled/"), json!({ "value": "true" })).await;
    assert_eq!(set.status, 200);
    key(200).await;
}
