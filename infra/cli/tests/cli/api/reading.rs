//! What is read from the API, as people see it at 80 columns.

use rstest::rstest;
use serde_json::{Value, json};

use super::server::Server;
use super::{UUID, problem, record};
use crate::support::{Folder, json};

fn shown(answer: Value, line: &str) -> String {
    let said = Folder::new().call(&Server::answering(200, answer), &line.replace("UUID", UUID)).done();
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    said
}

#[test]
fn a_relocation() {
    let answer = record(&json!({
        "status": "FAILURE",
        "step": "IMPORTING",
        "failureReason": {
            "code": "import-rejected",
            "detail": "A row of the export cannot be imported. Correct the row that is named, export again and start a new relocation.",
        },
        "wantUsernames": (0..25).map(|n| format!("user-{n}")).collect::<Vec<_>>(),
        "latestTask": "importing",
        "latestTaskAttempts": 5,
        "latestNotified": "FAILED",
        "creator": null,
        "importedUserIds": [1, 2],
        "importedOrgIds": [3],
        "progress": {"task": "importing", "rowsDone": 1234, "rowsTotal": 56789, "models": {}, "updated": "2026-11-20T09:01:00Z"},
    }));
    insta::assert_snapshot!(shown(answer, "show UUID"));
}

#[test]
fn the_public_key() {
    let pem = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n";
    assert_eq!(shown(json!({"public_key": pem}), "public-key"), pem);
}

#[test]
fn artifacts() {
    let files = json!({"files": [
        {"path": "conf/cloudbuild.yaml", "bytes": 812},
        {"path": "in/raw-relocation-data.tar", "bytes": 3_221_225_472_u64},
        {"path": "out/import-report.json", "bytes": 65_536},
    ]});
    insta::assert_snapshot!(shown(files, "artifacts UUID"));
    assert_eq!(shown(json!({"files": []}), "artifacts UUID"), "No artifacts.\n");
}

#[test]
fn the_audit_log() {
    let ada = json!({"id": 2, "email": "ada@example.com", "username": "ada"});
    let line = |time: &str, action: &str, detail: Value, id: Value, user: &Value| json!({"time": time, "action": action, "detail": detail, "userId": id, "user": user});
    let lines = json!({"lines": [
        line("2026-11-20T09:00:00Z", "create", Value::Null, json!(2), &ada),
        line("2026-11-20T09:00:01.75Z", "pause", json!("IMPORTING"), json!(9), &Value::Null),
        line("2026-11-20T09:00:02Z", "fail", json!("import-rejected"), Value::Null, &Value::Null),
    ]});
    insta::assert_snapshot!(shown(lines, "audit UUID"));
}

#[test]
fn options() {
    let option = |name: &str, value: Value, default: &str| json!({"name": name, "value": value, "default": default, "description": "The step before which new relocations from self-hosted installs pause; empty for none, which is the default."});
    let all = json!({"options": [
        option("relocation.autopause", json!("IMPORTING"), ""),
        option("relocation.autopause.self-hosted", json!(""), ""),
        option("relocation.daily-limit.small", Value::Null, "0"),
        option("relocation.autopause.saas-to-saas", Value::Null, ""),
    ]});
    insta::assert_snapshot!(shown(all, "option list"));
    assert_eq!(shown(option("a", json!("7"), "0"), "option get a"), "7\n");
    assert_eq!(shown(option("a", Value::Null, "0"), "option get a"), "0\n");
}

#[test]
fn an_option_is_set() {
    let server = Server::start(|server, mut exchange| {
        let body = exchange.json();
        server.note(body.to_string());
        let answer = json!({"name": "a/b", "value": body["value"], "default": "", "description": ""});
        exchange.answer(200, &answer);
    });
    assert_eq!(Folder::new().call(&server, "option set a/b ä").done(), "ä\n");
    assert_eq!(server.asked(), ["PUT /api/0/relocation-options/a%2Fb/", r#"{"value":"ä"}"#]);
}

/// A list of three relocations, two to a page.
fn three() -> Server {
    Server::start(|_, exchange| {
        let page = |uuids: &[&str]| {
            uuids.iter().map(|uuid| record(&json!({"uuid": uuid, "owner": null}))).collect::<Value>()
        };
        if exchange.target.contains("cursor=") {
            return exchange.answer(200, &page(&["00000000-0000-0000-0000-000000000003"]));
        }
        let link =
            "</api/0/relocations/?cursor=1.x&per_page=2>; rel=\"next\"; results=\"true\"; cursor=\"1.x\"";
        let body = page(&["00000000-0000-0000-0000-000000000001", UUID]).to_string();
        exchange.answer_with(200, &[("Link", link)], body.as_bytes());
    })
}

#[test]
fn a_list_has_all_pages() {
    let server = three();
    let folder = Folder::new();
    insta::assert_snapshot!(folder.call(&server, "list").done());
    assert_eq!(
        server.asked(),
        ["GET /api/0/relocations/?per_page=100", "GET /api/0/relocations/?cursor=1.x&per_page=2"]
    );
    let all = json(folder.call(&server, "list --json").done().as_bytes());
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[1]["uuid"], UUID);
}

#[rstest]
#[case("--limit 0", 0, &[])]
#[case("--limit 1", 1, &["per_page=1"])]
#[case("--limit 2", 2, &["per_page=2"])]
#[case("--limit 3", 3, &["per_page=3", "cursor=1.x&per_page=2"])]
#[case("--limit 1 --status failure", 1, &["per_page=1&status=FAILURE"])]
fn a_list_has_no_more_than_is_asked_for(
    #[case] options: &str,
    #[case] length: usize,
    #[case] asked: &[&str],
) {
    let server = three();
    let list = json(Folder::new().call(&server, &format!("list --json {options}")).done().as_bytes());
    assert_eq!(list.as_array().unwrap().len(), length);
    let expected: Vec<_> = asked.iter().map(|query| format!("GET /api/0/relocations/?{query}")).collect();
    assert_eq!(server.asked(), expected);
}

#[test]
fn words_are_searched_for_as_they_are() {
    let server = Server::answering(200, json!([]));
    let endpoint = format!("{}/?tenant=1", server.endpoint());
    let line = ["list", "--query", "a&b c", "--endpoint", &endpoint, "--token", "x"];
    assert_eq!(Folder::new().run_with(line).done(), "No relocations.\n");
    assert_eq!(server.asked(), ["GET /api/0/relocations/?per_page=100&query=a%26b+c&tenant=1"]);
}

#[test]
fn the_token_goes_nowhere_else() {
    let elsewhere = Server::answering(200, json!([]));
    // Put behind the address of the API, it turns that into a user's name at another host.
    let link = elsewhere.endpoint().replace("http://", "@");
    let link = format!("<{link}/api/0/relocations/>; rel=\"next\"");
    let server = Server::start(move |_, exchange| exchange.answer_with(200, &[("Link", &link)], b"[]"));
    let run = Folder::new().call(&server, "list");
    assert_eq!(run.code, 2, "{}", run.out);
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
}

#[test]
fn a_customer_finds_their_own_in_the_list() {
    let server = Server::start(|_, exchange| {
        if exchange.target.contains('?') {
            exchange.answer(200, &json!([record(&json!({}))]));
        } else {
            exchange.answer(403, &problem(403, "forbidden", "You are not allowed to do this."));
        }
    });
    let said = Folder::new().call(&server, &format!("show {UUID}")).done();
    assert!(said.contains("waiting for its file"), "{said}");
    let list = format!("GET /api/0/relocations/?per_page=1&query={UUID}");
    assert_eq!(server.asked(), [format!("GET /api/0/relocations/{UUID}/"), list]);
    // Somebody else's is not in it, and the refusal is told.
    let run = Folder::new().call(&server, "show 00000000-0000-0000-0000-000000000001");
    assert_eq!(run.code, 2);
    assert!(run.err.contains("(forbidden)"), "{}", run.err);
}
