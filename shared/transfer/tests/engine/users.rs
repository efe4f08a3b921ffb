//! Users and what belongs to them.

use catalog::ImportScope::{self, Config, Organization, User};
use serde_json::{Value, json};
use silo::{ImportFlags, ImportKind, Pk};
use transfer::import::{DropReason, ImportErrorKind};

use crate::support::{
    Instance, MERGE, NOW, another, dropped, organization, request, request_with, row, user, with,
};

const SCOPES: [ImportScope; 3] = [User, Organization, Config];

/// A user who is there before the import.
fn settled(instance: &Instance, pk: Pk, username: &str) -> Value {
    let fields =
        json!({ "username": username, "email": "old@example.com", "password": "kept", "is_staff": true });
    instance.put("sentry.user", pk, fields.clone());
    fields
}

fn username_of(instance: &Instance, pk: Pk) -> String {
    let rows = instance.rows("sentry.user");
    rows.iter().find(|row| row.pk == pk).unwrap().fields["username"].as_str().unwrap().to_owned()
}

/// The suffix that a name was given; panics if it was not.
fn suffix<'a>(base: &str, name: &'a str) -> &'a str {
    let suffix = name.strip_prefix(base).and_then(|rest| rest.strip_prefix('-')).unwrap();
    assert!(suffix.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
    suffix
}

#[test]
fn a_free_username_stays_whole() {
    for flags in [ImportFlags::default(), MERGE] {
        let instance = Instance::new();
        settled(&instance, 7, "bobby");
        let outcome = instance.run(&request_with(User, flags), [user(1, "Bob_by@x")]);
        assert_eq!(instance.mapped(&outcome, "sentry.user", 1), Some((8, ImportKind::Inserted)));
        assert_eq!(username_of(&instance, 8), "Bob_by@x");
        assert_eq!(outcome.report.renamed, []);
    }
}

#[test]
fn a_taken_username_gets_a_suffix_unless_it_is_merged() {
    for (held, flags) in [("bob", ImportFlags::default()), ("BOB", ImportFlags::default()), ("BOB", MERGE)] {
        let instance = Instance::new();
        let before = settled(&instance, 7, held);
        let outcome = instance.run(&request_with(User, flags), [user(1, "bob")]);
        let (pk, kind) = instance.mapped(&outcome, "sentry.user", 1).unwrap();
        assert_eq!(kind, ImportKind::Inserted);
        let name = username_of(&instance, pk);
        assert_eq!(suffix("bob", &name).len(), 2, "{held} {flags:?}");
        let [renamed] = outcome.report.renamed.as_slice() else { panic!("{:?}", outcome.report) };
        assert_eq!((renamed.pk, renamed.from.as_str(), renamed.to.as_str()), (pk, "bob", name.as_str()));
        assert_eq!(json!(instance.rows("sentry.user")[0].fields), before, "ours is untouched");
    }
}

#[test]
fn an_exactly_equal_username_is_merged_when_asked() {
    let instance = Instance::new();
    let before = settled(&instance, 7, "bob");
    let file = [
        user(1, "bob"),
        user(2, "eve"),
        row("sentry.userpermission", 1, json!({ "user": 1, "permission": "users.admin" })),
        row("sentry.userpermission", 2, json!({ "user": 2, "permission": "users.admin" })),
        row("sentry.email", 1, json!({ "email": "bob@example.com" })),
        row("sentry.useroption", 1, json!({ "user": 1, "key": "x", "value": "1" })),
        row("sentry.useroption", 2, json!({ "user": 2, "key": "x", "value": "1" })),
        row("sentry.useremail", 1, json!({ "user": 1, "email": "bob@example.com", "validation_hash": "h" })),
        row("sentry.useremail", 2, json!({ "user": 2, "email": "eve@example.com", "validation_hash": "h" })),
    ];
    let outcome = instance.run(&request_with(Config, MERGE), file);
    assert_eq!(instance.mapped(&outcome, "sentry.user", 1), Some((7, ImportKind::Existing)));
    let users = instance.rows("sentry.user");
    assert_eq!(users.len(), 2);
    assert_eq!(json!(users[0].fields), before, "a merged user is untouched");
    for model in ["sentry.userpermission", "sentry.useroption", "sentry.useremail"] {
        let reason = DropReason::OwnerMerged { key: "user".to_owned() };
        assert_eq!(dropped(&outcome, model), [(1, reason)], "{model}");
        let rows = instance.rows(model);
        assert_eq!(rows.len(), 1, "{model} of the other user only");
        assert_eq!(rows[0].fields["user"], users[1].pk);
    }
    let claims = instance.rows("sentry.lostpasswordhash");
    assert_eq!(claims.iter().map(|row| row.fields["user"].clone()).collect::<Vec<_>>(), [users[1].pk]);
    let report = outcome.report.models["sentry.user"];
    assert_eq!((report.in_file, report.inserted, report.existing), (2, 1, 1));
}

/// A name that was made up must not lead to whoever has it by chance.
#[test]
fn a_suffixed_username_is_never_merged() {
    let first = Instance::new();
    settled(&first, 1, "BOB");
    let made_up = {
        let outcome = first.run(&request_with(User, MERGE), [user(1, "bob")]);
        outcome.report.renamed[0].to.clone()
    };
    let instance = Instance::new();
    settled(&instance, 1, "BOB");
    settled(&instance, 2, &made_up);
    let outcome = instance.run(&request_with(User, MERGE), [user(1, "bob")]);
    let (pk, kind) = instance.mapped(&outcome, "sentry.user", 1).unwrap();
    assert_eq!((pk, kind), (3, ImportKind::Inserted));
    assert_eq!(suffix("bob", &username_of(&instance, 3)).len(), 3, "the next suffix was tried");
}

#[test]
fn suffixes_grow_until_none_is_left() {
    let instance = Instance::new();
    settled(&instance, 1, "bob");
    let mut lengths = Vec::new();
    for number in 1..=27 {
        let outcome = instance.run(&another(&request(User), number), [user(1, "bob")]);
        lengths.push(suffix("bob", &outcome.report.renamed[0].to).len());
    }
    let expected: Vec<usize> = [vec![2], vec![3; 5], vec![5; 20], vec![12]].concat();
    assert_eq!(lengths, expected);
    let error = instance.fail(&another(&request(User), 28), [user(1, "bob")]);
    assert_eq!(error.kind(), ImportErrorKind::IntegrityError);
    assert_eq!(
        error.to_string(),
        "IntegrityError at sentry.user row 1 (primary key 1): no free `username` was found"
    );
}

#[test]
fn a_long_username_is_cut_so_that_its_suffix_fits() {
    let long = "é".repeat(128);
    let instance = Instance::new();
    settled(&instance, 1, &long);
    let outcome = instance.run(&request(User), [user(1, &long)]);
    let name = &outcome.report.renamed[0].to;
    assert_eq!(name.chars().count(), 128);
    assert_eq!(suffix(&"é".repeat(125), name).len(), 2);
}

#[test]
fn equal_usernames_of_one_file_are_told_apart() {
    // More users than one batch holds, so that both ways of meeting are tried.
    for distance in [1, 30] {
        let others = (2..=distance).map(|pk| user(pk, &format!("u{pk}")));
        let file: Vec<Value> =
            [user(1, "bob")].into_iter().chain(others).chain([user(distance + 1, "Bob")]).collect();
        let instance = Instance::new();
        let outcome = instance.run(&request(User), file);
        let renamed = &outcome.report.renamed;
        assert_eq!(renamed.len(), 1, "{renamed:?}");
        assert_eq!(suffix("Bob", &renamed[0].to).len(), 2);
    }
}

#[test]
fn privileges_survive_only_where_the_instance_is_configured() {
    for scope in SCOPES {
        let instance = Instance::new();
        let privileges = json!({ "is_staff": true, "is_superuser": true, "is_managed": true });
        instance.run(&request(scope), [with(user(1, "root"), privileges)]);
        let fields = &instance.rows("sentry.user")[0].fields;
        for privilege in ["is_staff", "is_superuser", "is_managed"] {
            assert_eq!(fields[privilege], scope == Config, "{privilege} in {scope:?}");
        }
    }
}

#[test]
fn nobody_knows_the_password_of_an_imported_user() {
    for scope in SCOPES {
        let instance = Instance::new();
        let secrets = json!({
            "password": "md5$salt$digest", "is_unclaimed": false, "is_password_expired": true,
            "last_password_change": "2020-01-01T00:00:00.000Z",
        });
        instance.run(&request(scope), [with(user(1, "a"), secrets.clone()), with(user(2, "b"), secrets)]);
        let users = instance.rows("sentry.user");
        for user in &users {
            assert_eq!(user.fields["is_unclaimed"], true);
            assert_eq!(user.fields["is_password_expired"], false);
            assert_eq!(user.fields["last_password_change"], NOW);
            let password = user.fields["password"].as_str().unwrap();
            let parts: Vec<&str> = password.split('$').collect();
            let ["pbkdf2_sha256", "1", salt, digest] = parts.as_slice() else { panic!("{password}") };
            assert_eq!(salt.len(), 22);
            assert!(salt.chars().all(|c| c.is_ascii_alphanumeric()));
            assert_eq!(digest.len(), 44, "base64 of 32 bytes");
        }
        assert_ne!(users[0].fields["password"], users[1].fields["password"]);
        let claims = instance.rows("sentry.lostpasswordhash");
        assert_eq!(claims.len(), 2, "{scope:?}");
        for (claim, user) in claims.iter().zip(&users) {
            assert_eq!(claim.fields["user"], user.pk);
            assert_eq!(claim.fields["date_added"], NOW);
            assert_eq!(claim.fields["hash"].as_str().unwrap().len(), 32);
        }
        assert_ne!(claims[0].fields["hash"], claims[1].fields["hash"]);
    }
}

#[test]
fn invalid_users_are_refused() {
    let changes = [
        (json!({ "username": "" }), ImportErrorKind::ValidationError),
        (json!({ "username": null }), ImportErrorKind::ValidationError),
        (json!({ "username": ["SECRET"] }), ImportErrorKind::ValidationError),
        (json!({ "username": "SECRET".repeat(30) }), ImportErrorKind::ValidationError),
        (json!({ "name": "SECRET".repeat(34) }), ImportErrorKind::ValidationError),
        (json!({ "name": 5 }), ImportErrorKind::ValidationError),
        (json!({ "is_active": "SECRET" }), ImportErrorKind::ValidationError),
        (json!({ "is_active": null }), ImportErrorKind::ValidationError),
        (json!({ "is_staff": "SECRET" }), ImportErrorKind::DeserializationFailed),
        (json!({ "date_joined": "SECRET" }), ImportErrorKind::DeserializationFailed),
        (json!({ "avatar_type": "SECRET" }), ImportErrorKind::DeserializationFailed),
        (json!({ "avatar_type": 1.5 }), ImportErrorKind::DeserializationFailed),
    ];
    for (change, kind) in changes {
        let instance = Instance::new();
        let error = instance.fail(&request(Config), [user(5, "fine"), with(user(9, "b"), change.clone())]);
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{change}: {text}");
        assert!(text.contains("at sentry.user row 2 (primary key 9): "), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
        assert!(!error.retryable());
        assert_eq!(instance.rows("sentry.user"), [], "a batch is written whole or not at all");
    }
    let mut nameless = user(1, "a");
    nameless["fields"].as_object_mut().unwrap().remove("username");
    assert_eq!(Instance::new().fail(&request(User), [nameless]).kind(), ImportErrorKind::ValidationError);
}

#[test]
fn users_at_the_limits_are_taken() {
    for email in ["", "no address", &"long".repeat(100)] {
        let instance = Instance::new();
        let change = json!({ "username": "ü".repeat(128), "name": "ü".repeat(200), "email": email });
        instance.run(&request(Config), [with(user(1, ""), change)]);
        assert_eq!(instance.row("sentry.user", "email", email).pk, 1);
    }
}

#[test]
fn a_user_brings_its_addresses_along() {
    for email in ["", "bob@example.com"] {
        let instance = Instance::new();
        instance.run(&request(User), [with(user(1, "bob"), json!({ "email": email }))]);
        let pk = instance.rows("sentry.user")[0].pk;
        let [address] = instance.rows("sentry.useremail").try_into().unwrap();
        assert_eq!(address.fields["user"], pk);
        assert_eq!(address.fields["email"], email);
        assert_eq!(address.fields["is_verified"], false);
        assert_eq!(address.fields["date_hash_added"], NOW);
        assert_eq!(address.fields["validation_hash"].as_str().unwrap().len(), 32);
        let [known] = instance.rows("sentry.email").try_into().unwrap();
        assert_eq!(known.fields["email"], email);
    }
}

#[test]
fn addresses_of_the_file_take_over_what_was_made() {
    let instance = Instance::new();
    let address = |pk: Pk, user: Pk, email: &str| {
        let fields = json!({
            "user": user, "email": email, "is_verified": true, "validation_hash": "STALE",
            "date_hash_added": "2020-01-01T00:00:00.000Z",
        });
        row("sentry.useremail", pk, fields)
    };
    let file = [
        user(1, "bob"),
        row(
            "sentry.email",
            31,
            json!({ "email": "BOB@example.com", "date_added": "2020-01-01T00:00:00.000Z" }),
        ),
        row(
            "sentry.email",
            32,
            json!({ "email": "other@example.com", "date_added": "2020-01-01T00:00:00.000Z" }),
        ),
        address(21, 1, "bob@example.com"),
        address(22, 1, "other@example.com"),
        address(23, 1, "BOB@example.com"),
    ];
    let outcome = instance.run(&request(User), file);
    let rows = instance.rows("sentry.useremail");
    assert_eq!(rows.len(), 3, "one per user and address; case tells addresses apart");
    for row in &rows {
        assert_eq!(row.fields["is_verified"], false);
        assert_eq!(row.fields["date_hash_added"], NOW);
        assert_ne!(row.fields["validation_hash"], "STALE");
        assert_eq!(row.fields["validation_hash"].as_str().unwrap().len(), 32);
    }
    let made = rows.iter().find(|row| row.fields["email"] == "bob@example.com").unwrap();
    assert_eq!(instance.mapped(&outcome, "sentry.useremail", 21), Some((made.pk, ImportKind::Inserted)));
    assert_eq!(instance.mapped(&outcome, "sentry.useremail", 22).unwrap().1, ImportKind::Inserted);
    assert_eq!(outcome.report.models["sentry.useremail"].inserted, 3);

    let emails = instance.rows("sentry.email");
    assert_eq!(emails.len(), 2);
    assert_eq!(instance.mapped(&outcome, "sentry.email", 31).unwrap().1, ImportKind::Existing);
    let taken_over = instance.imported(&outcome, "sentry.email", 31);
    assert_eq!(
        (&taken_over.fields["email"], &taken_over.fields["date_added"]),
        (&json!("bob@example.com"), &json!(NOW))
    );
    assert_eq!(instance.mapped(&outcome, "sentry.email", 32).unwrap().1, ImportKind::Inserted);
}

#[test]
fn the_same_address_twice_is_one_row() {
    for distance in [1, 80] {
        let instance = Instance::new();
        let address = |pk: Pk, email: String| {
            row("sentry.useremail", pk, json!({ "user": 1, "email": email, "validation_hash": "h" }))
        };
        let between = (2..=distance).map(|pk| address(pk, format!("{pk}@x")));
        let file: Vec<Value> = [user(1, "bob"), address(1, "twice@x".to_owned())]
            .into_iter()
            .chain(between)
            .chain([address(distance + 1, "twice@x".to_owned())])
            .collect();
        let outcome = instance.run(&request(User), file);
        let (first, _) = instance.mapped(&outcome, "sentry.useremail", 1).unwrap();
        let (second, _) = instance.mapped(&outcome, "sentry.useremail", distance + 1).unwrap();
        assert_eq!(first, second);
        let expected = usize::try_from(distance).unwrap() + 1;
        assert_eq!(instance.rows("sentry.useremail").len(), expected, "and the one that was made");
    }
}

#[test]
fn an_email_that_is_there_is_kept_untouched() {
    let instance = Instance::new();
    let kept = json!({ "email": "BOB@Example.com", "date_added": "2001-01-01T00:00:00.000Z" });
    instance.put("sentry.email", 44, kept.clone());
    let file = [
        user(1, "bob"),
        row("sentry.email", 1, json!({ "email": "bob@example.COM" })),
        row("sentry.email", 2, json!({ "email": "new@example.com" })),
        row("sentry.email", 3, json!({ "email": "NEW@example.com" })),
    ];
    let outcome = instance.run(&request(User), file);
    assert_eq!(instance.mapped(&outcome, "sentry.email", 1), Some((44, ImportKind::Existing)));
    let (inserted, kind) = instance.mapped(&outcome, "sentry.email", 2).unwrap();
    assert_eq!(kind, ImportKind::Inserted);
    assert_eq!(instance.mapped(&outcome, "sentry.email", 3), Some((inserted, ImportKind::Existing)));
    let emails = instance.rows("sentry.email");
    assert_eq!(emails.len(), 2, "{emails:?}");
    assert_eq!(json!(emails[0].fields), kept);
}

#[test]
fn options_with_known_values_are_checked() {
    let check = |key: &str, value: Value| {
        let option = row("sentry.useroption", 1, json!({ "user": 1, "key": key, "value": value }));
        Instance::new().import(&crate::support::file([user(1, "bob"), option]), &request(User)).map(drop)
    };
    for (key, value) in [
        ("timezone", json!("\"Europe/Vienna\"")),
        ("timezone", json!("\"UTC\"")),
        ("language", json!("\"pt-br\"")),
        ("theme", json!("\"light\"")),
        ("theme", json!("\"dark\"")),
        ("theme", json!("\"system\"")),
        ("anything", json!("\"SECRET\"")),
        ("anything", json!(null)),
        ("anything", json!({ "not": "text" })),
    ] {
        check(key, value.clone()).unwrap_or_else(|error| panic!("{key} {value}: {error}"));
    }
    for (key, value) in [
        ("timezone", json!("\"Europe/SECRET\"")),
        ("timezone", json!("\"europe/vienna\"")),
        ("timezone", json!("UTC")),
        ("timezone", json!(null)),
        ("timezone", json!("\"\"")),
        ("language", json!("\"SECRET\"")),
        ("language", json!("5")),
        ("theme", json!("\"SECRET\"")),
        ("theme", json!("\"Dark\"")),
        ("theme", json!(["light"])),
    ] {
        let error = check(key, value.clone()).unwrap_err();
        assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{key} {value}");
        let text = error.to_string();
        assert!(
            text.contains("sentry.useroption row 1 (primary key 1)") && !text.contains("SECRET"),
            "{text}"
        );
    }
}

#[test]
fn a_second_global_option_is_dropped() {
    let option = |pk: Pk, key: &str, organization: Option<Pk>, value: &str| {
        let fields = json!({ "user": 1, "key": key, "organization_id": organization, "value": value });
        row("sentry.useroption", pk, fields)
    };
    let instance = Instance::new();
    let file = [
        organization(5, "acme"),
        user(1, "bob"),
        option(1, "k", None, "first"),
        option(2, "k", Some(5), "of acme"),
        option(3, "other", None, "other"),
        option(4, "k", None, "second"),
    ];
    let outcome = instance.run(&request(Organization), file.clone());
    let reason = DropReason::Taken { fields: "user+key".to_owned() };
    assert_eq!(dropped(&outcome, "sentry.useroption"), [(4, reason)]);
    let values: Vec<Value> =
        instance.rows("sentry.useroption").iter().map(|row| row.fields["value"].clone()).collect();
    assert_eq!(values, ["first", "of acme", "other"]);

    let twice = file.into_iter().chain([option(9, "k", Some(5), "again")]);
    let error = Instance::new().fail(&request(Organization), twice);
    assert_eq!(error.kind(), ImportErrorKind::IntegrityError, "{error}");
    assert!(error.to_string().contains("sentry.useroption row 5 (primary key 9)"), "{error}");
}

#[test]
fn options_for_what_is_not_imported_are_dropped() {
    let instance = Instance::new();
    let file = [
        organization(5, "acme"),
        user(1, "bob"),
        row("sentry.useroption", 1, json!({ "user": 1, "key": "k", "organization_id": 5, "value": "v" })),
    ];
    let outcome = instance.run(&request(User), file);
    let reason = DropReason::MissingTarget {
        key: "organization_id".to_owned(),
        model: "sentry.organization".to_owned(),
        source_pk: 5,
    };
    assert_eq!(dropped(&outcome, "sentry.useroption"), [(1, reason)]);
}

#[test]
fn what_only_a_global_import_takes_is_skipped() {
    for scope in SCOPES {
        let instance = Instance::new();
        let file = [
            user(1, "bob"),
            row("sentry.userip", 1, json!({ "user": 1, "ip_address": "not an address" })),
            row("sentry.authenticator", 1, json!({ "user": 1, "type": 1 })),
        ];
        let outcome = instance.run(&request(scope), file);
        for model in ["sentry.userip", "sentry.authenticator"] {
            assert_eq!(outcome.report.models[model].out_of_scope, 1);
            assert_eq!(instance.rows(model), []);
        }
    }
}

#[test]
fn privileged_users_keep_their_roles_in_config_scope() {
    let file = [
        user(1, "bob"),
        row("sentry.userpermission", 1, json!({ "user": 1, "permission": "users.admin" })),
        row("sentry.userrole", 1, json!({ "name": "helper", "permissions": "['a']" })),
        row("sentry.userroleuser", 1, json!({ "user": 1, "role": 1 })),
    ];
    for scope in SCOPES {
        let instance = Instance::new();
        instance.run(&request(scope), file.clone());
        let expected = usize::from(scope == Config);
        for model in ["sentry.userpermission", "sentry.userrole", "sentry.userroleuser"] {
            assert_eq!(instance.rows(model).len(), expected, "{model} in {scope:?}");
        }
    }
}
