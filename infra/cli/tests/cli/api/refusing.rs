//! What people and machines are told when the API refuses something, or is not there.

use serde_json::json;

use super::server::Server;
use super::{UUID, problem};
use crate::support::{Folder, json};

fn told(server: &Server, line: &str) -> String {
    let run = Folder::new().call(server, line);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(!run.err.contains("secret"), "{}", run.err);
    run.err
}

#[test]
fn a_refusal_says_what_the_api_says() {
    let detail = "Only a relocation in progress or paused can be paused. This one has ended.";
    let server = Server::answering(400, problem(400, "not-pausable", detail));
    insta::assert_snapshot!(told(&server, &format!("pause {UUID}")));
    let said = told(&server, &format!("pause {UUID} --json"));
    insta::assert_snapshot!(said);
}

#[test]
fn a_code_that_is_newer_than_this_program_is_told() {
    let server = Server::answering(409, problem(409, "quite-new", "It is new."));
    let error = json(told(&server, &format!("abort {UUID} --json")).as_bytes());
    assert_eq!(error["error"]["code"], "quite-new");
}

#[test]
fn an_owner_who_is_busy_is_shown_the_way() {
    let server = Server::answering(409, problem(409, "owner-busy", "The owner has another relocation."));
    insta::assert_snapshot!(told(&server, &format!("retry {UUID}")));
}

#[test]
fn the_gateway_has_its_own_words() {
    let server = Server::answering(401, json!({"message": "Unauthorized"}));
    insta::assert_snapshot!(told(&server, "list"));
    let server = Server::start(|_, exchange| exchange.answer_with(503, &[], b"<html>busy</html>"));
    insta::assert_snapshot!(told(&server, "public-key"));
}

#[test]
fn nobody_is_there() {
    let server = Server::start(|_, exchange| drop(exchange));
    let said = told(&server, "option list");
    assert!(said.starts_with("error: listing options got no answer\n  because "), "{said}");
    assert!(said.contains("\n  try: check --endpoint"), "{said}");
}

#[test]
fn an_answer_that_is_none_of_the_apis_is_refused() {
    let server = Server::answering(200, json!({"hello": "world"}));
    let said = told(&server, &format!("show {UUID}"));
    assert!(
        said.starts_with("error: asking for the relocation was answered with something unexpected\n"),
        "{said}"
    );
}
