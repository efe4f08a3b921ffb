//! Tokens and keys that two installs must not share.

use catalog::ImportScope::{Config, Organization};
use serde_json::{Value, json};
use silo::{ImportKind, Pk};

use crate::support::{Instance, NOW, another, member, organization, project, request, row, user, with};

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn api_token(pk: Pk, fields: Value) -> Value {
    let token = json!({ "user": 1, "token": "sntryu_theirs", "token_type": "sntryu_", "hashed_token": "stale", "token_last_characters": "xxxx" });
    with(row("sentry.apitoken", pk, token), fields)
}

const IN_30_DAYS: &str = "2026-02-01T03:04:05.678Z";

#[test]
fn a_free_api_token_is_kept_and_what_follows_from_it_recomputed() {
    let instance = Instance::new();
    let expiry = "2020-01-01T00:00:00.000Z";
    let change = json!({ "refresh_token": "again", "hashed_refresh_token": null, "expires_at": expiry });
    let outcome = instance.run(
        &request(Config),
        [user(1, "bob"), api_token(1, change), api_token(2, json!({ "token": "bare" }))],
    );
    let kept = instance.imported(&outcome, "sentry.apitoken", 1).fields;
    assert_eq!(kept["token"], "sntryu_theirs");
    assert_eq!(kept["hashed_token"], sha256("sntryu_theirs"));
    assert_eq!(kept["token_last_characters"], "eirs");
    assert_eq!(kept["refresh_token"], "again");
    assert_eq!(kept["hashed_refresh_token"], sha256("again"));
    assert_eq!(kept["expires_at"], expiry);
    let bare = instance.imported(&outcome, "sentry.apitoken", 2).fields;
    for field in ["refresh_token", "hashed_refresh_token", "expires_at"] {
        assert_eq!(bare[field], Value::Null, "{field}");
    }
}

#[test]
fn a_taken_api_token_is_made_anew() {
    let ours = [
        json!({ "user": 9, "token": "sntryu_theirs" }),
        json!({ "user": 9, "token": "other", "refresh_token": "again" }),
        json!({ "user": 9, "token": "other", "hashed_token": sha256("sntryu_theirs") }),
        json!({ "user": 9, "token": "other", "hashed_refresh_token": sha256("again") }),
    ];
    for ours in ours {
        let instance = Instance::new();
        instance.put("sentry.apitoken", 70, ours.clone());
        let change = json!({ "refresh_token": "again", "expires_at": "2020-01-01T00:00:00.000Z" });
        let outcome = instance.run(&request(Config), [user(1, "bob"), api_token(1, change)]);
        let made = instance.imported(&outcome, "sentry.apitoken", 1).fields;
        let token = made["token"].as_str().unwrap();
        let refresh = made["refresh_token"].as_str().unwrap();
        for text in [token, refresh] {
            let hex = text.strip_prefix("sntryu_").unwrap();
            assert!(hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()), "{text}");
        }
        assert_ne!(token, refresh);
        assert_eq!(made["hashed_token"], sha256(token));
        assert_eq!(made["hashed_refresh_token"], sha256(refresh));
        assert_eq!(made["token_last_characters"], token[token.len() - 4..]);
        assert_eq!(made["expires_at"], IN_30_DAYS);
        let kept = instance.rows("sentry.apitoken").into_iter().find(|row| row.pk == 70).unwrap();
        assert_eq!(json!(kept.fields), ours, "ours is untouched");
    }
}

#[test]
fn a_taken_token_without_expiry_and_refresh_token_gets_none() {
    let instance = Instance::new();
    let outcome = instance.run(
        &request(Config),
        [user(1, "bob"), api_token(1, json!({})), api_token(2, json!({ "token_type": null }))],
    );
    assert_eq!(instance.imported(&outcome, "sentry.apitoken", 1).fields["token"], "sntryu_theirs");
    let second = instance.imported(&outcome, "sentry.apitoken", 2).fields;
    assert_eq!(second["token"].as_str().unwrap().len(), 64, "no type, no prefix");
    for field in ["refresh_token", "hashed_refresh_token", "expires_at"] {
        assert_eq!(second[field], Value::Null, "{field}");
    }
}

#[test]
fn tokens_of_applications_are_global() {
    let instance = Instance::new();
    let file = [
        user(1, "bob"),
        row("sentry.apiapplication", 4, json!({ "client_id": "c", "client_secret": "s", "name": "n" })),
        api_token(1, json!({ "application": 4 })),
        api_token(2, json!({})),
        row("sentry.apiauthorization", 1, json!({ "application": 4, "user": 1 })),
        row("sentry.apiauthorization", 2, json!({ "user": 1 })),
    ];
    let outcome = instance.run(&request(Config), file.clone());
    for model in ["sentry.apitoken", "sentry.apiauthorization"] {
        let report = outcome.report.models[model];
        assert_eq!((report.out_of_scope, report.inserted), (1, 1), "{model}");
        assert_eq!(instance.mapped(&outcome, model, 1), None);
    }
    let outcome = Instance::new().run(&request(Organization), file);
    assert_eq!(outcome.report.models["sentry.apitoken"].out_of_scope, 2);
}

fn org_token(pk: Pk, organization: Pk, change: Value) -> Value {
    let fields = json!({ "organization_id": organization, "name": "ci", "token_hashed": "theirs", "token_last_characters": "abcd" });
    with(row("sentry.orgauthtoken", pk, fields), change)
}

#[test]
fn a_free_organisation_token_is_kept() {
    let instance = Instance::new();
    instance.run(&request(Organization), [organization(5, "acme"), org_token(1, 5, json!({}))]);
    let [token] = instance.rows("sentry.orgauthtoken").try_into().unwrap();
    assert_eq!(
        (&token.fields["token_hashed"], &token.fields["token_last_characters"]),
        (&json!("theirs"), &json!("abcd"))
    );
    assert_eq!(token.fields["organization_id"], instance.rows("sentry.organization")[0].pk);
}

#[test]
fn a_missing_or_taken_organisation_token_is_made_anew() {
    let mut missing = org_token(1, 5, json!({}));
    missing["fields"].as_object_mut().unwrap().remove("token_hashed");
    let empty = org_token(1, 5, json!({ "token_hashed": "" }));
    let taken = org_token(1, 5, json!({}));
    for token in [missing, empty, taken] {
        let instance = Instance::new();
        instance.put(
            "sentry.orgauthtoken",
            70,
            json!({ "organization_id": 1, "name": "ours", "token_hashed": "theirs" }),
        );
        let outcome = instance.run(&request(Organization), [organization(5, "acme"), token]);
        let made = instance.imported(&outcome, "sentry.orgauthtoken", 1).fields;
        let hash = made["token_hashed"].as_str().unwrap();
        assert!(hash.len() == 64 && hash.chars().all(|c| c.is_ascii_hexdigit()), "{hash}");
        let last = made["token_last_characters"].as_str().unwrap();
        assert!(last.len() == 4 && last != "abcd", "its last four follow");
    }
}

/// The last characters of a token made for one slug; they follow from a token that names the slug.
#[test]
fn a_new_organisation_token_names_the_slug_that_the_organisation_got() {
    let made = |slug: &str| {
        let instance = Instance::new();
        instance.put("sentry.organization", 1, json!({ "name": "x", "slug": slug }));
        let file = [organization(5, slug), org_token(1, 5, json!({ "token_hashed": "" }))];
        let outcome = instance.run(&request(Organization), file);
        let renamed = outcome.report.renamed[0].to.clone();
        (renamed, instance.rows("sentry.orgauthtoken")[0].fields["token_hashed"].clone())
    };
    let unrenamed = {
        let instance = Instance::new();
        instance.run(
            &request(Organization),
            [organization(5, "acme"), org_token(1, 5, json!({ "token_hashed": "" }))],
        );
        instance.rows("sentry.orgauthtoken")[0].fields["token_hashed"].clone()
    };
    let (renamed, token) = made("acme");
    assert_ne!(renamed, "acme");
    assert_ne!(token, unrenamed, "the token depends on the slug");
}

#[test]
fn organisation_tokens_come_last() {
    let file = [
        user(1, "bob"),
        organization(5, "acme"),
        org_token(1, 5, json!({ "created_by": 1, "project_last_used_id": 6 })),
        // Below its token in the file, as exports of the application have it above.
        project(6, 5, "web"),
        member(1, 5, 1),
    ];
    let instance = Instance::new();
    let wire = crate::support::flaky::Wire::default();
    instance.import_over(&wire, &crate::support::file(file), &request(Organization)).unwrap();
    let last = wire.written().into_iter().filter_map(|transaction| transaction.chunk).next_back().unwrap();
    assert_eq!(last.model, "sentry.orgauthtoken");
    let [token] = instance.rows("sentry.orgauthtoken").try_into().unwrap();
    assert_eq!(token.fields["created_by"], instance.rows("sentry.user")[0].pk);
    assert_eq!(token.fields["project_last_used_id"], instance.rows("sentry.project")[0].pk);
}

fn key(pk: Pk, project: Pk, public: Value, secret: Value) -> Value {
    row(
        "sentry.projectkey",
        pk,
        json!({ "project": project, "label": format!("key {pk}"), "public_key": public, "secret_key": secret }),
    )
}

fn is_hex32(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.len() == 32 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')))
}

#[test]
fn a_project_gets_a_key_and_an_option_of_its_own() {
    let instance = Instance::new();
    instance.run(&request(Organization), [organization(1, "acme"), project(6, 1, "web")]);
    let pk = instance.rows("sentry.project")[0].pk;
    let [key] = instance.rows("sentry.projectkey").try_into().unwrap();
    assert_eq!((&key.fields["project"], &key.fields["label"]), (&json!(pk), &json!("Default")));
    assert!(is_hex32(&key.fields["public_key"]) && is_hex32(&key.fields["secret_key"]));
    let [option] = instance.rows("sentry.projectoption").try_into().unwrap();
    assert_eq!(
        (&option.fields["project"], &option.fields["key"]),
        (&json!(pk), &json!("sentry:option-epoch"))
    );
}

#[test]
fn the_first_key_of_a_project_replaces_the_one_it_was_made_with() {
    // With as many keys that they come in several batches.
    for keys in [2, 60] {
        let instance = Instance::new();
        let projects = [organization(1, "acme"), project(6, 1, "web"), project(7, 1, "api")];
        let others = (1..=keys)
            .map(|pk| key(pk, 6, json!(format!("{pk:032x}")), json!(format!("{:032x}", pk + 1000))));
        let file: Vec<Value> = projects.into_iter().chain(others).collect();
        let outcome = instance.run(&request(Organization), file);
        let rows = instance.rows("sentry.projectkey");
        assert_eq!(rows.len(), usize::try_from(keys).unwrap() + 1, "one of the other project");
        let web = instance.imported(&outcome, "sentry.project", 6).pk;
        let of_web: Vec<_> = rows.iter().filter(|row| row.fields["project"] == web).collect();
        assert!(of_web.iter().all(|row| row.fields["label"] != "Default"), "the automatic key is replaced");
        let first = instance.imported(&outcome, "sentry.projectkey", 1);
        assert_eq!(first.fields["public_key"], format!("{:032x}", 1));
        assert!(
            first.pk > instance.imported(&outcome, "sentry.projectkey", 2).pk,
            "it took the pk of the automatic key"
        );
        assert_eq!(instance.mapped(&outcome, "sentry.projectkey", 1).unwrap().1, ImportKind::Inserted);
    }
}

#[test]
fn missing_and_taken_keys_are_made_anew() {
    let instance = Instance::new();
    let ours = json!({ "project": 1, "public_key": "a".repeat(32), "secret_key": "b".repeat(32) });
    instance.put("sentry.projectkey", 70, ours.clone());
    let free = json!("c".repeat(32));
    let file = [
        organization(1, "acme"),
        project(6, 1, "web"),
        key(1, 6, json!(null), json!("")),
        key(2, 6, json!("a".repeat(32)), json!("b".repeat(32))),
        // Public and secret keys are apart: ours of one is free for theirs of the other.
        key(3, 6, json!("b".repeat(32)), json!("a".repeat(32))),
        key(4, 6, free.clone(), json!("d".repeat(32))),
        key(5, 6, free.clone(), json!("d".repeat(32))),
    ];
    let outcome = instance.run(&request(Organization), file);
    let fields = |pk: Pk| instance.imported(&outcome, "sentry.projectkey", pk).fields;
    for pk in [1, 2, 5] {
        assert!(is_hex32(&fields(pk)["public_key"]) && is_hex32(&fields(pk)["secret_key"]), "{pk}");
    }
    assert_eq!(fields(3)["public_key"], "b".repeat(32));
    assert_eq!(fields(3)["secret_key"], "a".repeat(32));
    assert_eq!(fields(4)["public_key"], free);
    assert_ne!(fields(5)["public_key"], free);
    assert_ne!(fields(2)["public_key"], "a".repeat(32));
    let kept = instance.rows("sentry.projectkey").into_iter().find(|row| row.pk == 70).unwrap();
    assert_eq!(json!(kept.fields), ours);
}

/// A transaction cannot take a value away from one row and give it to another.
#[test]
fn a_key_that_is_given_up_in_the_same_batch_counts_as_taken() {
    let projects = || vec![organization(1, "acme"), project(6, 1, "web")];
    let automatic = {
        let instance = Instance::new();
        instance.run(&request(Organization), projects());
        instance.rows("sentry.projectkey")[0].fields["public_key"].clone()
    };
    let instance = Instance::new();
    let keys = [key(1, 6, json!("a".repeat(32)), json!(null)), key(2, 6, automatic.clone(), json!(null))];
    let outcome = instance.run(&request(Organization), projects().into_iter().chain(keys));
    let second = instance.imported(&outcome, "sentry.projectkey", 2).fields;
    assert!(is_hex32(&second["public_key"]));
    assert_ne!(second["public_key"], automatic);
}

#[test]
fn no_two_keys_are_made_alike() {
    let instance = Instance::new();
    let file = [
        organization(1, "acme"),
        project(6, 1, "web"),
        project(7, 1, "api"),
        key(1, 6, json!(null), json!(null)),
        key(2, 6, json!(null), json!(null)),
    ];
    instance.run(&request(Organization), file);
    let rows = instance.rows("sentry.projectkey");
    let keys = rows.iter().flat_map(|row| [&row.fields["public_key"], &row.fields["secret_key"]]);
    let different: std::collections::HashSet<String> = keys.map(Value::to_string).collect();
    assert_eq!(different.len(), 2 * rows.len());
}

#[test]
fn options_of_the_file_take_over_automatic_ones() {
    let instance = Instance::new();
    let option = |pk: Pk, key: &str, value: Value| {
        row("sentry.projectoption", pk, json!({ "project": 6, "key": key, "value": value }))
    };
    let file = [
        organization(1, "acme"),
        project(6, 1, "web"),
        option(1, "sentry:option-epoch", json!(3)),
        option(2, "other", json!("\"x\"")),
    ];
    let outcome = instance.run(&request(Organization), file);
    let rows = instance.rows("sentry.projectoption");
    assert_eq!(rows.len(), 2, "one per project and key");
    let epoch = instance.imported(&outcome, "sentry.projectoption", 1);
    assert_eq!(epoch.fields["value"], 3);
    assert_eq!(instance.mapped(&outcome, "sentry.projectoption", 1).unwrap().1, ImportKind::Inserted);
}

#[test]
fn invitation_tokens_that_are_taken_are_forgotten() {
    let invitation = |pk: Pk, token: &str| {
        let fields =
            json!({ "user_id": null, "email": format!("{pk}@x"), "token": token, "token_expires_at": NOW });
        with(member(pk, 5, 0), fields)
    };
    let instance = Instance::new();
    instance.put(
        "sentry.organizationmember",
        70,
        json!({ "organization": 1, "user_id": 1, "token": "taken" }),
    );
    let file =
        [organization(5, "acme"), invitation(1, "taken"), invitation(2, "free"), invitation(3, "free")];
    let outcome = instance.run(&request(Organization), file.clone());
    let fields = |pk: Pk| instance.imported(&outcome, "sentry.organizationmember", pk).fields;
    assert_eq!((&fields(1)["token"], &fields(1)["token_expires_at"]), (&Value::Null, &Value::Null));
    assert_eq!((&fields(2)["token"], &fields(2)["token_expires_at"]), (&json!("free"), &json!(NOW)));
    assert_eq!((&fields(3)["token"], &fields(3)["token_expires_at"]), (&Value::Null, &Value::Null));

    let again = instance.run(&another(&request(Organization), 2), file);
    assert_eq!(instance.imported(&again, "sentry.organizationmember", 2).fields["token"], Value::Null);
}
