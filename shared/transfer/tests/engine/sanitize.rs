//! Sanitising (SPEC §13): what goes in, what comes out, and that it imports like the original.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ImportScope::{Config, Organization, User};
use catalog::{Catalog, FieldKind, Model, Sanitize};
use jiff::Timestamp;
use outside::reference_bytes;
use rstest::rstest;
use serde_json::{Value, json};
use transfer::import::ModelReport;
use transfer::rows::RowReader;
use transfer::sanitize::{SanitizeError, SanitizeReport, SanitizeRequest, Survey, sanitize};

use crate::support::full::file_rows;
use crate::support::{Instance, file, organization, request, row, team, user, with};

fn run_with(file: &[u8], key: u8, days: i64) -> Result<(Vec<u8>, SanitizeReport), SanitizeError> {
    let catalog = Catalog::builtin();
    let survey = Survey::take(&catalog, RowReader::new(file))?;
    let request = SanitizeRequest { key: [key; 32], days_offset: days };
    sanitize(&catalog, &survey, &request, RowReader::new(file), Vec::new())
}

fn sanitized(file: &[u8]) -> Vec<Value> {
    serde_json::from_slice(&run_with(file, 1, 0).unwrap().0).unwrap()
}

fn fields(rows: impl IntoIterator<Item = Value>) -> Vec<Value> {
    sanitized(&file(rows)).into_iter().map(|row| row["fields"].clone()).collect()
}

fn text<'a>(fields: &'a Value, field: &str) -> &'a str {
    fields[field].as_str().unwrap()
}

#[test]
fn before_and_after() {
    let token = "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";
    let rows = [
        row(
            "sentry.integration",
            1,
            json!({
                "provider": "github", "external_id": "github:acme", "name": "Acme on GitHub",
                "metadata": { "domain": "acme.example" }, "date_added": null,
            }),
        ),
        row("sentry.organization", 1, json!({ "name": "Acme Rockets", "slug": "acme-rockets", "status": 0 })),
        row(
            "sentry.user",
            7,
            json!({
                "username": "ann.lee@acme.example", "email": "Ann.Lee@acme.example", "name": "Ann Lee",
                "password": "", "is_staff": true, "session_nonce": null, "avatar_url": "https://acme.example/a.png",
                "date_joined": "2024-07-01T10:56:53.721Z", "last_active": "2024-07-02T10:56:53Z", "mood": "Ann",
            }),
        ),
        row("sentry.userip", 1, json!({ "user": 7, "ip_address": "203.0.113.9" })),
        row("sentry.userip", 2, json!({ "user": 7, "ip_address": "2001:db8::a1" })),
        row(
            "sentry.recentsearch",
            1,
            json!({ "organization": 1, "user_id": 7, "query": "is:unresolved assigned:ann.lee@acme.example" }),
        ),
        row("sentry.useremail", 3, json!({ "user": 7, "email": "ann.lee@acme.example" })),
        row(
            "sentry.sentryapp",
            1,
            json!({ "uuid": "9ee313fa-f15e-4da4-be97-6e87406b23b3", "events": "['issue']", "schema": { "a": [1] } }),
        ),
        row(
            "sentry.apitoken",
            1,
            json!({
                "user": 7, "token": token, "token_type": "sntryu_", "token_last_characters": "8e5c",
                "hashed_token": "1061aa02507ad277aadba86f813aab1c26052b4062639f730fcab10717709893",
                "refresh_token": null, "hashed_refresh_token": null,
            }),
        ),
        row("sentry.lostpasswordhash", 1, json!({ "user": 7, "hash": "x" })),
        row("sentry.actor", 1, json!({})),
        row("vendor.gadget", 1, json!({ "owner": "Ann Lee" })),
    ];
    let (output, report) = run_with(&file(rows), 1, 365).unwrap();
    insta::assert_snapshot!(String::from_utf8(output).unwrap());
    insta::assert_json_snapshot!(report);
}

#[test]
fn equal_texts_become_equal_in_every_model_and_field() {
    let rows = [
        with(organization(1, "acme"), json!({ "name": "ACME" })),
        with(user(1, "ann@acme.example"), json!({ "email": "ann@acme.example" })),
        row("sentry.email", 1, json!({ "email": "ann@acme.example" })),
        row("sentry.useremail", 1, json!({ "user": 1, "email": "ANN@acme.example" })),
        row("sentry.organizationmember", 1, json!({ "organization": 1, "user_email": "ann@acme.example" })),
        row(
            "sentry.repository",
            1,
            json!({ "name": "acme/web", "url": "https://git.acme.example:8443/acme/web" }),
        ),
        row("sentry.dashboard", 1, json!({ "title": "For acme" })),
    ];
    let new = fields(rows);
    let address = text(&new[1], "username");
    assert_ne!(address, "ann@acme.example");
    for (row, field) in [(1, "email"), (2, "email"), (4, "user_email")] {
        assert_eq!(text(&new[row], field), address);
    }
    assert_eq!(text(&new[3], "email").to_lowercase(), address, "case does not matter");
    let (local, domain) = address.split_once('@').unwrap();
    assert!(text(&new[3], "email").starts_with(&local.to_uppercase()));
    let slug = text(&new[0], "slug");
    assert_eq!(text(&new[0], "name"), slug.to_uppercase());
    assert!(domain.starts_with(&format!("{slug}.")), "the organisation's domain: {domain}");
    let repository = text(&new[5], "name");
    assert!(repository.starts_with(&format!("{slug}/")));
    let url = text(&new[5], "url");
    assert!(url.starts_with("https://") && url.ends_with(&format!(".{domain}:8443/{repository}")), "{url}");
    assert!(text(&new[6], "title").ends_with(&format!(" {slug}")));
}

#[test]
fn tokens_have_matching_hashes() {
    use sha2::{Digest, Sha256};
    let hash = |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let token = |pk, token: &str, refresh: Value| {
        let fields = json!({
            "user": 1, "token": token, "hashed_token": hash(token), "token_last_characters": &token[60..],
            "refresh_token": refresh, "hashed_refresh_token": refresh.as_str().map(hash), "token_type": "sntryu_",
        });
        row("sentry.apitoken", pk, fields)
    };
    let digits = hash("anything");
    let new =
        fields([token(1, &digits, json!(hash("other"))), token(2, &format!("sntryu_{digits}"), json!(null))]);
    for fields in &new {
        let token = text(fields, "token");
        assert_eq!(text(fields, "hashed_token"), hash(token));
        assert!(token.ends_with(text(fields, "token_last_characters")));
    }
    assert_eq!(text(&new[0], "hashed_refresh_token"), hash(text(&new[0], "refresh_token")));
    assert_eq!(text(&new[0], "token_last_characters").len(), 4);
    assert_eq!((&new[1]["refresh_token"], &new[1]["hashed_refresh_token"]), (&Value::Null, &Value::Null));
    assert!(
        text(&new[1], "token").starts_with(text(&new[1], "token_type")),
        "the type is what tokens begin with"
    );
}

#[rstest]
#[case::a_name("sentry.team", json!({ "name": 12 }), "`name` is not text")]
#[case::a_slug("sentry.team", json!({ "slug": ["SECRET"] }), "`slug` is not text")]
#[case::a_declared_text("sentry.apikey", json!({ "key": true }), "`key` is not text")]
#[case::a_secret("sentry.projectkey", json!({ "secret_key": {} }), "`secret_key` is not text")]
#[case::a_date("sentry.team", json!({ "date_added": "SECRET" }), "`date_added` is not a date and time")]
#[case::another_date("sentry.team", json!({ "date_added": 5 }), "`date_added` is not a date and time")]
#[case::an_address("sentry.userip", json!({ "ip_address": "SECRET" }), "`ip_address` is not an IP address")]
#[case::a_uuid("sentry.monitor", json!({ "guid": "SECRET" }), "`guid` is not a UUID")]
#[case::a_urn(
    "sentry.monitor", json!({ "guid": "urn:uuid:9ee313fa-f15e-4da4-be97-6e87406b23b3" }), "`guid` is not a UUID"
)]
#[case::json("sentry.authidentity", json!({ "data": 3 }), "`data` is not text, a list or an object")]
#[case::emptied_text("sentry.apiapplication", json!({ "redirect_uris": [] }), "`redirect_uris` is not text")]
#[case::a_hash("sentry.apitoken", json!({ "token": "a", "hashed_token": 3 }), "`hashed_token` is not text")]
#[case::a_search("sentry.recentsearch", json!({ "query": 3 }), "`query` is not text")]
#[case::text_for_a_number("sentry.team", json!({ "status": "SECRET" }), "`status` is not a whole number within 64 bits")]
#[case::text_for_a_key("sentry.team", json!({ "organization": "SECRET" }), "`organization` is not a whole number")]
#[case::text_for_a_flag("sentry.user", json!({ "is_staff": "SECRET" }), "`is_staff` is not true or false")]
fn a_wrong_type_is_an_error_that_says_where(
    #[case] model: &str,
    #[case] fields: Value,
    #[case] expected: &str,
) {
    let file = file([row(model, 41, json!({})), row("sentry.option", 1, json!({})), row(model, 42, fields)]);
    let error = run_with(&file, 1, 0).unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(said.starts_with(&format!("{model} row 2 (primary key 42): {expected}")), "{said}");
    assert!(!said.contains("SECRET"), "{said}");
    assert!(!error.retryable());
    assert!(matches!(error, SanitizeError::Value { .. }));
}

#[test]
fn what_else_goes_wrong_is_told_apart() {
    let dated = |date: &str| file([with(team(1, 1, "a"), json!({ "date_added": date }))]);
    let far = run_with(&dated("2024-01-01T00:00:00.000Z"), 1, 10_000_000).unwrap_err();
    assert_eq!(
        far.to_string(),
        "sentry.team row 1 (primary key 1): so many days further, `date_added` is no date any more"
    );
    assert!(matches!(run_with(b"[{", 1, 0), Err(SanitizeError::Read(_))));
    let catalog = Catalog::builtin();
    let survey = Survey::take(&catalog, RowReader::new(&*dated("2024-01-01T00:00:00.000Z"))).unwrap();
    let other = dated("2025-01-01T00:00:00.000Z");
    let request = SanitizeRequest { key: [1; 32], days_offset: 0 };
    let changed = sanitize(&catalog, &survey, &request, RowReader::new(&*other), Vec::new()).unwrap_err();
    assert!(matches!(changed, SanitizeError::Changed { .. }) && changed.retryable());
}

#[test]
fn nothing_and_emptiness_stay() {
    let row = row(
        "sentry.user",
        1,
        json!({ "username": "", "name": null, "email": "", "password": "", "date_joined": "", "last_login": null }),
    );
    assert_eq!(sanitized(&file([row.clone()])), [row]);
}

/// The texts of an export that must not be found in its look-alike: those that name or prove who somebody is.
fn telling(rows: &[Value]) -> BTreeSet<String> {
    let catalog = Catalog::builtin();
    let mut telling = BTreeSet::new();
    for row in rows {
        let Some(model) = catalog.find(row["model"].as_str().unwrap()) else { continue };
        for (name, value) in row["fields"].as_object().unwrap() {
            // What a provider or a component is called is the product's, and stands in identifiers of it.
            let is_of_product = ["provider", "type"].contains(&name.as_str());
            if let (true, Some(text)) = (is_telling(model, name) && !is_of_product, value.as_str()) {
                telling.insert(text.to_owned());
            }
        }
    }
    telling.retain(|text| text.chars().any(char::is_alphanumeric));
    telling
}

fn is_telling(model: &Model, name: &str) -> bool {
    let is_formed =
        model.field(name).is_some_and(|field| matches!(field.kind, FieldKind::Ip | FieldKind::Uuid));
    let endings = ["name", "slug", "email", "token", "secret", "password", "uuid", "guid", "url", "uri"];
    let is_named = endings.iter().any(|ending| name.ends_with(ending));
    let is_declared = matches!(
        model.sanitize.get(name),
        Some(Sanitize::Name | Sanitize::Text | Sanitize::Sha256Of(_) | Sanitize::EndOf(_))
    );
    is_formed || is_named || is_declared
}

/// Fields whose values are words of the product, which a person may have for a name.
const VOCABULARY: [&str; 4] = ["role", "default_role", "status", "visibility"];

fn check_look_alike(file: &[u8]) {
    let rows: Vec<Value> = serde_json::from_slice(file).unwrap();
    let (output, report) = run_with(file, 1, 0).unwrap();
    let new: Vec<Value> = serde_json::from_slice(&output).unwrap();
    check_structure(&rows, &new, &report);

    let said: Vec<String> = new
        .iter()
        .flat_map(|row| row["fields"].as_object().unwrap())
        .filter(|(name, _)| !VOCABULARY.contains(&name.as_str()))
        .map(|(_, value)| value.to_string())
        .collect();
    let said = said.join("\n");
    for text in telling(&rows) {
        // Shorter ones are parts of any text.
        if text.chars().count() > 3 {
            assert!(!said.contains(&text), "{text} is still there");
        }
    }

    for scope in [User, Organization, Config] {
        let kinds = |file: &[u8]| {
            let report = Instance::new().import(file, &request(scope)).unwrap().report;
            let dropped: Vec<_> =
                report.dropped.iter().map(|row| (row.model.clone(), row.source_pk)).collect();
            (report.models, report.renamed.len(), dropped)
        };
        let (models, renamed, dropped): (BTreeMap<String, ModelReport>, _, _) = kinds(file);
        assert!(models.values().map(|model| model.inserted).sum::<u64>() > 0);
        assert_eq!(kinds(&output), (models, renamed, dropped), "{scope:?}");
    }
}

/// Models, primary keys, keys, numbers, nulls, and which fields there are: all as it was.
fn check_structure(rows: &[Value], new: &[Value], report: &SanitizeReport) {
    let catalog = Catalog::builtin();
    let relocates = |row: &&Value| catalog.find(row["model"].as_str().unwrap()).is_some_and(Model::relocates);
    let rows: Vec<&Value> = rows.iter().filter(relocates).collect();
    assert_eq!((rows.len(), rows.len() as u64), (new.len(), report.rows));
    for (row, new) in rows.iter().zip(new) {
        assert_eq!((&row["model"], &row["pk"]), (&new["model"], &new["pk"]));
        let model = catalog.find(row["model"].as_str().unwrap()).unwrap();
        let fields = row["fields"].as_object().unwrap();
        let new = new["fields"].as_object().unwrap();
        let known = fields.keys().filter(|name| model.field(name).is_some());
        assert!(known.eq(new.keys()), "{}", model.name);
        for (name, new) in new {
            let old = &fields[name];
            match (model.field(name).unwrap().kind, old) {
                (FieldKind::Date, Value::String(_)) => {}
                (_, Value::String(old)) if !old.is_empty() => {
                    let emptied = model.sanitize.get(name) == Some(&Sanitize::Empty);
                    let is_as_long = old.chars().count() == new.as_str().unwrap().chars().count();
                    assert!(emptied || is_as_long, "{}.{name}", model.name);
                }
                (FieldKind::Json | FieldKind::Any, Value::Object(_) | Value::Array(_)) => {
                    assert_eq!(old.is_object(), new.is_object());
                }
                _ => assert_eq!(new, old, "{}.{name}", model.name),
            }
        }
    }
}

#[rstest]
fn look_alikes_of_real_exports_import_like_them(
    #[values(
        "release-24.7.0",
        "fresh-install",
        "user-with-maximum-privileges",
        "user-with-roles-no-superadmin"
    )]
    name: &str,
) {
    let Some(file) = reference_bytes(&format!("exports/{name}.json")) else { return };
    check_look_alike(&file);
}

#[test]
fn so_does_one_of_a_file_with_every_difficulty() {
    check_look_alike(&file(file_rows()));
}

#[test]
fn every_date_of_a_real_export_keeps_its_place_among_all() {
    let Some(file) = reference_bytes("exports/release-24.7.0.json") else { return };
    let catalog = Catalog::builtin();
    let dates = |file: &[u8]| {
        let rows: Vec<Value> = serde_json::from_slice(file).unwrap();
        let mut dates: Vec<Timestamp> = Vec::new();
        for row in &rows {
            let model = catalog.find(row["model"].as_str().unwrap()).unwrap();
            let dated = row["fields"].as_object().unwrap().iter();
            let dated = dated
                .filter(|(name, _)| model.field(name).is_some_and(|field| field.kind == FieldKind::Date));
            dates.extend(
                dated.filter_map(|(_, date)| date.as_str()).map(|date| date.parse::<Timestamp>().unwrap()),
            );
        }
        dates
    };
    let before = dates(&file);
    let after = dates(&run_with(&file, 1, 0).unwrap().0);
    let later = dates(&run_with(&file, 1, -100).unwrap().0);
    assert!(before.len() > 100);
    for (one, (new_one, later_one)) in before.iter().zip(after.iter().zip(&later)) {
        assert_eq!(new_one.as_millisecond() - later_one.as_millisecond(), 100 * 86_400_000);
        for (other, new_other) in before.iter().zip(&after) {
            assert_eq!(one.cmp(other), new_one.cmp(new_other));
        }
    }
    assert_ne!(before, after);
}

#[test]
fn the_key_decides() {
    let file = file(file_rows());
    let output = |key| run_with(&file, key, 0).unwrap().0;
    assert_eq!(output(1), output(1));
    assert_ne!(output(1), output(2));
}
