//! No secret, e-mail address or password ever appears whole in a finding.

use catalog::Catalog;
use proptest::prelude::*;
use serde_json::{Value, json};
use transfer::findings::write_json;

use crate::{catalog, findings, row, try_findings};

fn reason(field: &str, left: &str, right: &str) -> String {
    let sample = |value: &str| [row("app.sample", 1, json!({ field: value }))];
    findings(&sample(left), &sample(right)).remove(0).reason
}

#[test]
fn hashes_show_their_ends() {
    let reason = |left: &str, right: &str| reason("token", left, right);
    assert_eq!(
        reason("0123456789abcdef", "0123456789abcde"),
        r#"`token` is "012...def" on the left, "0...e" on the right"#
    );
    assert_eq!(reason("01234567", "0123456"), r#"`token` is "0...7" on the left, "..." on the right"#);
}

#[test]
fn addresses_show_their_first_letter_and_their_end() {
    let reason = |left: &str, right: &str| reason("email", left, right);
    assert_eq!(
        reason("ann@example.com", "bob@b.io"),
        r#"`email` is "a...@...le.com" on the left, "..." on the right"#
    );
    assert_eq!(reason("", "member"), r#"`email` is "..." on the left, "..." on the right"#);
}

#[test]
fn passwords_show_their_ends() {
    let reason = |left: &str, right: &str| {
        let user = |password: &str| [row("app.user", 1, json!({"username": "ann", "password": password}))];
        findings(&user(left), &user(right)).remove(0).reason
    };
    // 81 characters.
    let long = format!("pbkdf2_sha256$720000${}", "0123456789".repeat(6));
    assert_eq!(
        reason(&long, &long[..80]),
        r#"`password` is "pbkdf2_sha25...456789" on the left, "pbkdf2...5678" on the right"#
    );
    assert_eq!(
        reason(&long[..41], &long[..40]),
        r#"`password` is "pbkdf2...6789" on the left, "..." on the right"#
    );
}

#[test]
fn a_diff_shows_what_differs_and_hides_what_may_be_secret() {
    let team = |fields: Value| [row("app.team", 1, fields)];
    let left = json!({
        "name": "ask ann@example.com or see https://ann:pw@wiki.example.com/ask?key=1",
        "settings": {"login": {"token": "0123456789abcdef", "on": true}, "list": ["short", 12345, 12345678], "same": "kept-as-it-is-here"},
    });
    let right = json!({
        "name": "ask bob@example.com or see https://wiki.example.com",
        "settings": {"login": {"token": "012_different_def", "on": false}, "list": ["other", 12346, 12345698], "same": "kept-as-it-is-here"},
    });
    insta::assert_snapshot!(findings(&team(left), &team(right))[0].reason);
}

#[test]
fn texts_that_hold_json_are_shown_by_their_structure() {
    let option = |value: &str| {
        [row(
            "sentry.option",
            1,
            json!({"key": "mail.settings", "last_updated": "2024-01-01T00:00:00Z", "value": value}),
        )]
    };
    let left = option(r#"{"host": "mail.example.com", "password": "hunter2hunter2", "port": 25}"#);
    let right = option(r#"{"host": "mail.example.com", "password": "hunter3hunter3", "port": 26}"#);
    let found = try_findings(&Catalog::builtin(), &left, &right).unwrap();
    insta::assert_snapshot!(found[0].reason);
}

#[test]
fn long_differences_are_cut() {
    let team = |settings: Value| [row("app.team", 1, json!({"name": "red", "settings": settings}))];
    let numbers = |from: u32, count: u32| (from..from + count).collect::<Vec<_>>();
    let reason = findings(&team(json!(numbers(0, 90))), &team(json!(numbers(1000, 90)))).remove(0).reason;
    assert!(reason.lines().count() < 110 && reason.ends_with("more lines)"), "{reason}");
    let reason = findings(&team(json!(numbers(0, 900))), &team(json!(numbers(1, 9000)))).remove(0).reason;
    assert_eq!(reason, "`settings` differs, in too many lines to show");
    let many = |value: u32| {
        let fields: serde_json::Map<_, Value> =
            (0..90).map(|field| (format!("f{field:02}"), value.into())).collect();
        [row("app.team", 1, fields.into())]
    };
    let reason = findings(&many(1), &many(2)).remove(0).reason;
    assert!(reason.contains("`f19` and 70 more fields differ\n"), "{reason}");
    let long = |last: char| [row("app.team", 1, json!({"name": format!("{}{last}", "n".repeat(100_000))}))];
    let reason = findings(&long('a'), &long('b')).remove(0).reason;
    assert!(reason.len() < 1000 && reason.contains("(left)") && reason.contains("(right)"), "{reason}");
}

/// How a secret is put into a field.
type Wrap = fn(&str) -> Value;

/// Where a secret may stand in a row of the shipped catalogue: model, field, and how it gets there.
fn places() -> Vec<(&'static str, &'static str, Wrap)> {
    let plain: Wrap = |secret| secret.into();
    let address: Wrap = |secret| format!("{secret}@{secret}.example").into();
    let nested: Wrap = |secret| json!({"a": [{"b": secret}], "c": secret});
    let json_text: Wrap = |secret| json!({"a": [secret]}).to_string().into();
    let quoted: Wrap = |secret| json!(secret).to_string().into();
    let number: Wrap = |secret| {
        let digits = secret.bytes().map(|byte| u64::from(byte) % 9 + 1);
        digits.take(15).fold(0, |number, digit| number * 10 + digit).into()
    };
    let link: Wrap = |secret| format!("see https://u:{secret}@example.com/{secret}?k={secret}").into();
    vec![
        ("sentry.user", "password", plain),
        ("sentry.user", "email", address),
        ("sentry.user", "email", plain),
        ("sentry.user", "username", address),
        ("sentry.user", "name", address),
        ("sentry.user", "session_nonce", plain),
        ("sentry.user", "date_joined", plain),
        ("sentry.user", "last_active", plain),
        ("sentry.email", "email", address),
        ("sentry.useremail", "validation_hash", plain),
        ("sentry.organizationmember", "user_email", address),
        ("sentry.organizationmember", "token", plain),
        ("sentry.projectkey", "secret_key", plain),
        ("sentry.orgauthtoken", "token_hashed", plain),
        ("sentry.apitoken", "token", plain),
        ("sentry.apikey", "key", plain),
        ("sentry.apigrant", "code", plain),
        ("sentry.apiapplication", "client_secret", plain),
        ("sentry.apiapplication", "redirect_uris", link),
        ("sentry.authenticator", "config", json_text),
        ("sentry.authidentity", "data", nested),
        ("sentry.integration", "metadata", nested),
        ("sentry.servicehook", "url", link),
        ("sentry.option", "value", quoted),
        ("sentry.option", "value", json_text),
        ("sentry.projectoption", "value", plain),
        ("sentry.projectoption", "value", number),
        ("sentry.monitor", "guid", plain),
        ("sentry.querysubscription", "subscription_id", plain),
        ("sentry.team", "a_field_that_nobody_knows", plain),
    ]
}

proptest! {
    #[test]
    fn secrets_of_the_input_never_appear_in_findings(
        (left, right) in ("[a-zA-Z0-9]{12,60}", "[a-zA-Z0-9]{12,60}"),
        missing: bool,
    ) {
        prop_assume!(left != right);
        let catalog = Catalog::builtin();
        for (model, field, make) in places() {
            let left_rows = [row(model, 1, json!({ field: make(&left) }))];
            let right = if missing { Value::Null } else { make(&right) };
            let right_rows = [row(model, 1, json!({ field: right }))];
            let found = try_findings(&catalog, &left_rows, &right_rows).unwrap();
            let is_ignored = field == "validation_hash";
            let differs = left_rows[0]["fields"] != right_rows[0]["fields"];
            prop_assert_eq!(found.is_empty(), is_ignored || !differs, "{}.{}", model, field);
            let mut text = Vec::new();
            write_json(&found, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            prop_assert!(!text.contains(&left), "{left} of {model}.{field} is in {text}");
            for value in [&left_rows, &right_rows].map(|rows| &rows[0]["fields"][field]) {
                let whole = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                prop_assert!(value.is_null() || !text.contains(&whole), "{whole} of {model}.{field} is in {text}");
            }
        }
    }

    #[test]
    fn nothing_panics_on_any_value(left in any_value(), right in any_value()) {
        let catalog = catalog();
        for model in catalog.models() {
            for field in model.fields.keys() {
                let side = |value: &Value| [row(&model.name, 1, json!({ field.as_str(): value }))];
                let found = try_findings(&catalog, &side(&left), &side(&right)).unwrap();
                let reversed = try_findings(&catalog, &side(&right), &side(&left)).unwrap();
                let symmetric = model.comparators.iter().all(|(compared, _)| compared != field);
                prop_assert!(!symmetric || found.len() == reversed.len());
            }
        }
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[-@:/.a-z0-9]{0,60}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((".{0,5}", inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}
