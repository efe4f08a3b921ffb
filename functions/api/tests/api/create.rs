//! POST relocations.

use pipeline::artifact;
use pipeline::commit::Dispatch;
use pipeline::ids::UserId;
use pipeline::memory::When;
use pipeline::relocation::Place;
use serde_json::{Value, json};

use crate::stage::{EVERYONE, Stage, Who, direct};

const PATH: &str = "/api/0/relocations/";

#[tokio::test]
async fn a_direct_upload_begins() {
    let stage = Stage::new();
    stage.api.store.give_option("relocation.daily-limit.medium", "1");
    let answer = stage.ask(Who::Ada, "POST", PATH, direct("ada", 20_000_000)).await;
    assert_eq!(answer.status, 201);
    insta::assert_snapshot!(format!("{:#}", answer.body));
}

#[tokio::test]
async fn a_file_may_come_with_the_request() {
    let stage = Stage::new();
    let form = |file: &str| {
        let field = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"e.tar\"\r\n\r\n{file}\r\n--b--\r\n"
        );
        field("owner", "ada") + &field("orgs", " acme , globex") + &file
    };
    let kind = "multipart/form-data; boundary=b";
    let answer = stage.send(Who::Ada, "POST", PATH, kind, form("the tarball")).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["wantOrgSlugs"], json!(["acme", "globex"]));
    assert!(answer.body.get("upload").is_none());
    let key = artifact::upload(answer.body["uuid"].as_str().unwrap().parse().unwrap());
    assert_eq!(stage.api.objects.content(Place::Uploads, &key).unwrap(), "the tarball");

    let too_large = stage.send(Who::Ada, "POST", PATH, kind, form(&"x".repeat(4 * 1024 * 1024 + 1))).await;
    assert_eq!(too_large.code(), (400, "file-too-large"));
    let empty = stage.send(Who::Ada, "POST", PATH, kind, form("")).await;
    assert_eq!(empty.code(), (400, "invalid-field"));
}

#[tokio::test]
async fn fields_are_checked_first_and_by_name() {
    let stage = Stage::new();
    stage.api.store.give_option("relocation.enabled", "false");
    for (change, named) in [
        (json!({ "owner": null }), "owner"),
        (json!({ "owner": "" }), "owner"),
        (json!({ "owner": "x".repeat(129) }), "owner"),
        (json!({ "orgs": null }), "orgs"),
        (json!({ "orgs": "x".repeat(10_001) }), "orgs"),
        (json!({ "promo_code": "x".repeat(41) }), "promo_code"),
        (json!({ "fileName": null }), "fileName"),
        (json!({ "fileName": "x".repeat(256) }), "fileName"),
        (json!({ "fileSize": null }), "file"),
        (json!({ "fileSize": 0 }), "fileSize"),
        (json!({ "owner": 5 }), "owner"),
        (json!({ "orgs": ["acme"] }), "orgs"),
        (json!({ "promo_code": true }), "promo_code"),
        (json!({ "fileName": {} }), "fileName"),
        (json!({ "fileSize": -1 }), "fileSize"),
        (json!({ "fileSize": 1.5 }), "fileSize"),
        (json!({ "fileSize": "10" }), "fileSize"),
    ] {
        let mut body = direct("ada", 10);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = stage.ask(Who::Ada, "POST", PATH, body).await;
        assert_eq!(answer.code(), (400, "invalid-field"), "{change}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("`{named}`")), "{change}: {detail}");
        assert_eq!(answer.body["field"], named);
    }
    let over = stage.ask(Who::Ada, "POST", PATH, direct("ada", 5 * 1024 * 1024 * 1024 + 1)).await;
    assert_eq!(over.code(), (400, "file-too-large"));
    for body in ["", "[]", "not JSON"] {
        let answer = stage.send(Who::Ada, "POST", PATH, "application/json", body.to_owned()).await;
        assert_eq!(answer.code(), (400, "invalid-field"), "{body}");
        assert_eq!(answer.content_type, "application/problem+json");
    }
}

#[tokio::test]
async fn the_feature_is_for_staff_until_it_is_on() {
    let stage = Stage::new();
    stage.api.store.give_option("relocation.enabled", "false");
    let expected =
        [(401, "unauthenticated"), (403, "feature-disabled"), (403, "feature-disabled"), (201, "")];
    for (who, expected) in EVERYONE.into_iter().zip(expected) {
        let answer = stage.ask(who, "POST", PATH, direct("ada", 10)).await;
        assert_eq!(answer.code(), expected, "{who:?}");
    }
}

#[tokio::test]
async fn each_further_check_has_its_place() {
    let stage = Stage::new();
    let not_oneself = stage
        .ask(Who::Bob, "POST", PATH, json!({"owner": "ada", "orgs": ",", "fileName": "f", "fileSize": 1}))
        .await;
    assert_eq!(not_oneself.code(), (400, "owner-not-self"));
    for orgs in ["", "acme,", "acme,,globex", "-acme", "acme-", "12345", "a_b", &"x".repeat(51)] {
        let body = json!({ "owner": "ada", "orgs": orgs, "fileName": "f", "fileSize": 1 });
        let answer = stage.ask(Who::Ada, "POST", PATH, body).await;
        assert_eq!(answer.code(), (400, "malformed-slug"), "{orgs}");
    }
    let namesake = stage.ask(Who::Namesake, "POST", PATH, direct("ada", 1)).await;
    assert_eq!(namesake.code(), (400, "owner-not-self"), "the name is hers, the account is not");
    let unknown = stage.ask(Who::Staff, "POST", PATH, direct("nobody", 1)).await;
    assert_eq!(unknown.code(), (400, "unknown-owner"));
    stage.created(Who::Ada, 10).await;
    let busy = stage.ask(Who::Staff, "POST", PATH, direct("ada", 1)).await;
    assert_eq!(busy.code(), (409, "owner-busy"));
}

#[tokio::test]
async fn a_slug_that_is_asked_for_twice_counts_once() {
    let stage = Stage::new();
    let body = json!({ "owner": "ada", "orgs": "globex,acme,globex", "fileName": "f", "fileSize": 1 });
    let answer = stage.ask(Who::Ada, "POST", PATH, body).await;
    assert_eq!(answer.body["wantOrgSlugs"], json!(["globex", "acme"]));
}

#[tokio::test]
async fn the_daily_limit_counts_each_size_by_itself_and_spares_staff() {
    let stage = Stage::new();
    for _ in 0..2 {
        let uuid = stage.created(Who::Ada, 10).await;
        stage.ask(Who::Ada, "DELETE", &format!("{PATH}{uuid}/upload/"), Value::Null).await;
    }
    let small = stage.ask(Who::Ada, "POST", PATH, direct("ada", 10)).await;
    assert_eq!(small.code(), (429, "daily-limit-reached"));
    // The medium limit was never set: 0 refuses everyone but staff.
    let medium = stage.ask(Who::Ada, "POST", PATH, direct("ada", 20_000_000)).await;
    assert_eq!(medium.code(), (429, "daily-limit-reached"));
    stage.created(Who::Staff, 10).await;
}

#[tokio::test]
async fn autopause_of_the_provenance_wins_and_nonsense_means_none() {
    for (general, own, expected) in [
        ("", "", Value::Null),
        ("IMPORTING", "", json!("IMPORTING")),
        ("IMPORTING", "validating", json!("VALIDATING")),
        ("IMPORTING", "nonsense", json!("IMPORTING")),
        ("nonsense", "", Value::Null),
    ] {
        let stage = Stage::new();
        stage.api.store.give_option("relocation.autopause", general);
        stage.api.store.give_option("relocation.autopause.self-hosted", own);
        let answer = stage.ask(Who::Ada, "POST", PATH, direct("ada", 10)).await;
        assert_eq!(answer.body["scheduledPauseAtStep"], expected, "{general} {own}");
    }
}

#[tokio::test]
async fn a_request_that_breaks_off_leaves_one_relocation_or_none() {
    for when in [When::Before, When::After] {
        for call in 1..=8 {
            let stage = Stage::new();
            stage.faults.fail_call(call, when);
            let broken = stage.ask(Who::Ada, "POST", PATH, direct("ada", 10)).await;
            stage.faults.reset();
            let again = stage.ask(Who::Ada, "POST", PATH, direct("ada", 10)).await;
            let outbox = stage.api.store.outbox();
            let expiries = outbox.iter().filter(|entry| entry.dispatch == Dispatch::ExpireUpload).count();
            match broken.code() {
                (201, _) => assert_eq!(again.code(), (409, "owner-busy")),
                (500, "internal") => assert!(again.status == 201 || again.code() == (409, "owner-busy")),
                other => panic!("{when:?} call {call}: {other:?}"),
            }
            assert_eq!(expiries, 1, "{when:?} call {call}: the one that is there expires without its file");
            assert!(stage.api.store.lock_of(UserId(7)).is_some());
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_stored_frees_its_owner() {
    let stage = Stage::new();
    let form = "--b\r\nContent-Disposition: form-data; name=\"owner\"\r\n\r\nada\r\n\
                --b\r\nContent-Disposition: form-data; name=\"orgs\"\r\n\r\nacme\r\n\
                --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"e\"\r\n\r\nx\r\n--b--\r\n";
    let kind = "multipart/form-data; boundary=b";
    // Staff, so that options and limits are not read: the autopause's two, the commit, the file.
    stage.faults.fail_call(4, When::Before);
    let broken = stage.send(Who::Staff, "POST", PATH, kind, form.to_owned()).await;
    assert_eq!(broken.code(), (500, "internal"));
    assert_eq!(stage.api.store.lock_of(UserId(7)), None);
}
