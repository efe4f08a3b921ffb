//! `sanitize`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Folder, json as parsed};

/// An export with the configuration of an instance, and two look-alikes of it by different seeds.
fn look_alikes() -> Folder {
    let folder = Folder::new();
    folder.run("generate in.json --orgs 3 --instance --usernames ada").done();
    folder.run("sanitize in.json one.json --seed 1").done();
    folder.run("sanitize in.json two.json --seed 2").done();
    folder
}

#[test]
fn a_look_alike_imports_like_the_original() {
    let folder = look_alikes();
    for scope in ["users", "organizations", "config"] {
        let imported = |name: &str| {
            let report = parsed(folder.run(&format!("import {scope} {name} --json")).done().as_bytes());
            assert_eq!(report["unknown_fields"], Value::Object(serde_json::Map::new()));
            assert_eq!(report["renamed"], Value::Array(Vec::new()));
            (report["models"].clone(), report["dropped"].clone())
        };
        assert_eq!(imported("one.json"), imported("in.json"), "{scope}");
    }
}

#[test]
fn nobody_is_left_in_a_look_alike() {
    let folder = look_alikes();
    let new = String::from_utf8(folder.read("one.json")).unwrap();
    let mut telling = BTreeSet::new();
    for row in folder.json("in.json").as_array().unwrap() {
        for (name, value) in row["fields"].as_object().unwrap() {
            let endings =
                ["name", "email", "slug", "token", "secret_key", "public_key", "_address", "uuid", "guid"];
            if let (true, Some(text)) = (endings.iter().any(|ending| name.ends_with(ending)), value.as_str())
            {
                telling.insert(text.to_owned());
            }
        }
    }
    assert!(telling.contains("ada") && telling.iter().any(|text| text.contains('@')));
    // Names are quoted or stand within other texts, where they are words; shorter ones stand in any text.
    for text in telling.iter().filter(|text| text.len() > 4 || text.as_str() == "ada") {
        let is_bound = |at: usize, text: &str| {
            let (before, behind) = (new[..at].chars().next_back(), new[at + text.len()..].chars().next());
            [before, behind].iter().flatten().all(|character| !character.is_alphanumeric())
        };
        let found = new.match_indices(text.as_str()).find(|(at, text)| is_bound(*at, text));
        assert!(found.is_none(), "{text} is still there");
    }
}

#[test]
fn seeds_decide_and_without_one_nobody_does() {
    let folder = look_alikes();
    folder.run("sanitize in.json again.json --seed 1").done();
    assert_eq!(folder.read("again.json"), folder.read("one.json"));
    assert_ne!(folder.read("two.json"), folder.read("one.json"));
    folder.run("sanitize in.json random.json").done();
    folder.run("sanitize in.json another.json").done();
    assert_ne!(folder.read("random.json"), folder.read("another.json"));
}

#[test]
fn sealed_exports_and_pipes_are_read_too() {
    let folder = Folder::new().with_keys();
    folder.run("generate in.json --orgs 1").done();
    folder.run("encrypt in.json in.tar --public-key public.pem").done();
    folder.run("sanitize in.json plain.json --seed 5 --days-offset -30").done();
    folder.run("sanitize in.tar sealed.json --seed 5 --days-offset -30 --private-key private.pem").done();
    assert_eq!(folder.read("sealed.json"), folder.read("plain.json"));
    let piped = folder.pipe(&folder.read("in.json"), "sanitize - - --seed 5 --days-offset -30");
    assert_eq!((piped.code, piped.out.as_bytes()), (0, &folder.read("plain.json")[..]));
    assert!(piped.err.ends_with(" models to standard output.\n"), "{}", piped.err);
}

#[test]
fn what_is_left_out_is_named() {
    let folder = Folder::new();
    folder.write(
        "in.json",
        r#"[
            {"model": "sentry.organization", "pk": 1, "fields": {"name": "Acme", "slug": "acme", "owner": "Ann"}},
            {"model": "sentry.lostpasswordhash", "pk": 1, "fields": {"user": 1, "hash": "x"}},
            {"model": "vendor.gadget", "pk": 1, "fields": {"owner": "Ann"}},
            {"model": "sentry.actor", "pk": 1, "fields": {}}
        ]"#,
    );
    insta::assert_snapshot!(folder.run("sanitize in.json out.json --seed 1").done(), @r"
    Wrote 1 rows of 1 models to out.json.

    Models that never relocate, left out:
            1  sentry.lostpasswordhash

    Unknown models, left out:
            1  vendor.gadget

    Unknown fields, left out:
            1  sentry.organization.owner
    ");
    let told = parsed(folder.run("sanitize in.json out.json --seed 1 --json").done().as_bytes());
    let expected = json!({
        "path": "out.json", "rows": 1, "models": { "sentry.organization": 1 },
        "excluded_models": { "sentry.lostpasswordhash": 1 }, "unknown_models": { "vendor.gadget": 1 },
        "unknown_fields": { "sentry.organization.owner": 1 }, "unmoved_dates": 0,
    });
    assert_eq!(told, expected);
    assert!(!String::from_utf8(folder.read("out.json")).unwrap().contains("Ann"));
}

#[test]
fn dates_without_room_to_move_are_counted() {
    let folder = Folder::new();
    let user = |pk: u32, joined: &str| {
        format!(
            r#"{{"model": "sentry.user", "pk": {pk}, "fields": {{"username": "u{pk}", "date_joined": "{joined}"}}}}"#
        )
    };
    let dates = ["2024-01-01T00:00:00.001Z", "2024-01-01T00:00:00.002Z", "9999-12-31T23:59:59.999Z"];
    let users = (1..).zip(dates).map(|(pk, date)| user(pk, date)).collect::<Vec<_>>();
    folder.write("in.json", format!("[{}]", users.join(",")));
    let said = folder.run("sanitize in.json out.json").done();
    assert!(said.ends_with("Dates that did not move: 3. See --help.\n"), "{said}");
    let moved = folder.run("sanitize in.json out.json --days-offset 1").done();
    assert!(moved.ends_with("Dates that did not move: 1. See --help.\n"), "never stays never: {moved}");
}

#[test]
fn an_export_that_cannot_be_sanitised_leaves_nothing_behind() {
    let folder = Folder::new();
    folder.write("in.json", r#"[{"model": "sentry.team", "pk": 7, "fields": {"name": ["Ann"]}}]"#);
    let run = folder.run("sanitize in.json out.json");
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    insta::assert_snapshot!(run.err, @r"
    error: in.json cannot be sanitised
      because sentry.team row 1 (primary key 7): `name` is not text
    ");
    let told = folder.run("--json sanitize in.json out.json");
    assert_eq!(parsed(told.err.as_bytes())["error"]["code"], "invalid-value");
    folder.write("cut.json", "[{");
    let cut = folder.run("--json sanitize cut.json out.json");
    assert_eq!(
        (cut.code, &parsed(cut.err.as_bytes())["error"]["code"]),
        (2, &Value::from("unreadable-export"))
    );
    assert_eq!(folder.files(), ["cut.json", "in.json"]);
}
