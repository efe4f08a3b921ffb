//! The API's description: what it says, and that it says all there is.

use std::collections::BTreeSet;

use api::addresses;
use pipeline::api::http_status;
use pipeline::code::ErrorCode;
use serde_json::{Value, json};

use crate::stage::{EVERYONE, Stage, TestWorld, Who};

const PATH: &str = "/api/0/openapi.json";
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];

async fn document(stage: &Stage) -> Value {
    stage.ask(Who::Ada, "GET", PATH, Value::Null).await.body
}

/// Each call that is described: its method, its address without a slash at the end, and what is said of it.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let calls = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| {
            (method.to_uppercase(), path.trim_end_matches('/').to_owned(), operation)
        })
    });
    calls.collect()
}

#[tokio::test]
async fn the_document_reads_as_it_is() {
    let answer = Stage::new().ask(Who::Ada, "GET", PATH, Value::Null).await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/json"));
    let mut document = answer.body;
    // It changes with each release.
    document["info"]["version"] = json!("the crate's");
    insta::assert_snapshot!(format!("{document:#}"));
}

#[tokio::test]
async fn everyone_with_a_token_may_read_it() {
    let stage = Stage::new();
    for who in EVERYONE {
        let expected = if matches!(who, Who::Nobody) { 401 } else { 200 };
        for path in [PATH, &format!("{PATH}/")] {
            assert_eq!(stage.ask(who, "GET", path, Value::Null).await.status, expected, "{who:?}");
        }
    }
}

/// Every call asks first who it is that calls, so that nobody is answered with 401 where there is a call, with 405
/// where there is none at an address, and with 404 where there is no address.
#[tokio::test]
async fn what_is_described_is_what_there_is() {
    let stage = Stage::new();
    let document = document(&stage).await;
    let described: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method, path)).collect();
    let described_paths: BTreeSet<&str> = described.iter().map(|(_, path)| path.as_str()).collect();
    let routed_paths = addresses::<TestWorld>();
    let paths: BTreeSet<&str> =
        described_paths.into_iter().chain(routed_paths.iter().map(String::as_str)).collect();
    let mut routed = BTreeSet::new();
    for path in paths {
        for method in METHODS {
            match stage.ask(Who::Nobody, method, &path.replace(['{', '}'], ""), Value::Null).await.status {
                401 => _ = routed.insert((method.to_owned(), path.to_owned())),
                405 => {}
                status => panic!("{method} {path}: {status}"),
            }
        }
    }
    assert_eq!(described, routed);
}

#[tokio::test]
async fn every_code_that_a_call_is_refused_with_is_described() {
    let document = document(&Stage::new()).await;
    let mut described = BTreeSet::new();
    for response in responses(&document) {
        let problem = &response["content"]["application/problem+json"]["schema"]["allOf"][1];
        let codes = problem["properties"]["code"]["enum"].as_array();
        described.extend(codes.into_iter().flatten().map(|code| code.as_str().unwrap().to_owned()));
    }
    // Those of a call that is yet to come; those of addresses that are none, which the introduction describes.
    let undescribed = [
        ErrorCode::OrganizationNotActive,
        ErrorCode::SameCell,
        ErrorCode::ForbiddenSourceCell,
        ErrorCode::AlreadyBeingForked,
        ErrorCode::MethodNotAllowed,
    ];
    let answered = ErrorCode::ALL.iter().filter(|code| http_status(**code) != 500);
    let expected = answered.chain([&ErrorCode::Internal, &ErrorCode::KeyServiceUnreachable]);
    let expected = expected.filter(|code| !undescribed.contains(code)).map(ToString::to_string).collect();
    assert_eq!(described, expected);
}

/// The schemas of what calls take are told from those of what they give by their names, since the latter are always
/// whole.
#[tokio::test]
async fn what_calls_take_is_named_so() {
    let document = document(&Stage::new()).await;
    for (method, path, operation) in operations(&document) {
        let content = operation["requestBody"]["content"].as_object();
        for (kind, content) in content.into_iter().flatten() {
            let schema = &content["schema"];
            let reference = schema["$ref"].as_str().or(schema["oneOf"][0]["$ref"].as_str());
            assert!(
                reference.is_some_and(|name| name.ends_with("Request")),
                "{method} {path}, {kind}: {schema}"
            );
        }
    }
}

fn responses(document: &Value) -> Vec<&Value> {
    let own = operations(document).into_iter().flat_map(|(_, _, operation)| {
        operation["responses"].as_object().unwrap().values().collect::<Vec<_>>()
    });
    own.chain(document["components"]["responses"].as_object().unwrap().values()).collect()
}

/// The limits of fields are said in the description as numbers, and checked elsewhere.
#[tokio::test]
async fn the_limits_that_are_described_hold() {
    let stage = Stage::new();
    let document = document(&stage).await;
    let fields = &document["components"]["schemas"]["CreateRequest"]["properties"];
    for (field, limit, filling) in [
        ("owner", "maxLength", "a"),
        ("orgs", "maxLength", "a"),
        ("promo_code", "maxLength", "a"),
        ("fileName", "maxLength", "a"),
        ("fileSize", "maximum", ""),
    ] {
        let limit = fields[field][limit].as_u64().unwrap_or_else(|| panic!("{field} has no {limit}"));
        for (size, is_good) in [(limit, true), (limit + 1, false)] {
            let mut asked = crate::stage::direct("nobody", 10);
            let text = filling.repeat(usize::try_from(size).unwrap_or_default());
            asked[field] = if filling.is_empty() { json!(size) } else { json!(text) };
            let answer = stage.ask(Who::Staff, "POST", "/api/0/relocations/", asked).await;
            let code = answer.code().1;
            assert_eq!(
                !["invalid-field", "file-too-large"].contains(&code),
                is_good,
                "{field} {size}: {code}"
            );
        }
    }
}
