//! What configures an instance: kept, or overwritten when asked.

use catalog::ImportScope::{Config, Global, Organization, User};
use serde_json::{Value, json};
use silo::{ImportFlags, ImportKind};

use crate::support::{Instance, OVERWRITE, request, request_with, row};

/// Models that collide on a natural key: ours, theirs with the same key, and theirs with another.
fn collisions() -> Vec<(&'static str, Value, Value, Value)> {
    let relay = |id: &str, key: &str| json!({ "relay_id": id, "public_key": key });
    let usage = |id: &str, version: &str, key: &str| {
        json!({
            "relay_id": id, "version": version, "public_key": key,
            "first_seen": "2020-01-01T00:00:00.000Z", "last_seen": "2020-01-01T00:00:00.000Z",
        })
    };
    let option = |key: &str, value: &str| json!({ "key": key, "value": value });
    let role = |name: &str, permissions: &str| json!({ "name": name, "permissions": permissions });
    vec![
        ("sentry.option", option("k", "ours"), option("k", "theirs"), option("K", "other")),
        ("sentry.controloption", option("k", "ours"), option("k", "theirs"), option("K", "other")),
        ("sentry.relay", relay("r", "ours"), relay("r", "theirs"), relay("s", "theirs")),
        ("sentry.relayusage", usage("r", "1", "ours"), usage("r", "1", "theirs"), usage("r", "2", "theirs")),
        ("sentry.userrole", role("r", "['ours']"), role("r", "['theirs']"), role("s", "['theirs']")),
    ]
}

#[test]
fn ours_is_kept_unless_theirs_is_to_overwrite_it() {
    for (flags, kind) in [(ImportFlags::default(), ImportKind::Existing), (OVERWRITE, ImportKind::Overwrite)]
    {
        for (model, ours, theirs, another) in collisions() {
            let instance = Instance::new();
            instance.put(model, 50, ours.clone());
            let file = [row(model, 3, theirs.clone()), row(model, 4, another.clone())];
            let outcome = instance.run(&request_with(Config, flags), file);
            assert_eq!(instance.mapped(&outcome, model, 3), Some((50, kind)), "{model}");
            assert_eq!(instance.mapped(&outcome, model, 4).unwrap().1, ImportKind::Inserted, "{model}");
            let rows = instance.rows(model);
            assert_eq!(rows.len(), 2);
            let expected = if kind == ImportKind::Existing { &ours } else { &theirs };
            for (field, value) in expected.as_object().unwrap() {
                assert_eq!(&rows[0].fields[field], value, "{model}.{field} under our primary key");
            }
            if kind == ImportKind::Existing {
                assert_eq!(json!(rows[0].fields), ours, "{model} is untouched");
            }
            let report = outcome.report.models[model];
            assert_eq!(
                (report.existing, report.overwritten),
                if kind == ImportKind::Existing { (1, 0) } else { (0, 1) }
            );
        }
    }
}

/// A file that says a thing twice counts as one that meets itself.
#[test]
fn the_same_key_twice_in_one_file() {
    for (flags, last_wins) in [(ImportFlags::default(), false), (OVERWRITE, true)] {
        for (model, first, second, _) in collisions() {
            let instance = Instance::new();
            let outcome = instance.run(
                &request_with(Config, flags),
                [row(model, 1, first.clone()), row(model, 2, second.clone())],
            );
            let [only] = instance.rows(model).try_into().unwrap();
            let expected = if last_wins { second } else { first };
            for (field, value) in expected.as_object().unwrap() {
                assert_eq!(&only.fields[field], value, "{model}.{field}");
            }
            assert_eq!(instance.mapped(&outcome, model, 1).unwrap(), (only.pk, ImportKind::Inserted));
            assert_eq!(instance.mapped(&outcome, model, 2).unwrap().0, only.pk);
        }
    }
}

#[test]
fn configuration_is_left_alone_in_other_scopes() {
    for scope in [User, Organization] {
        for (model, ours, theirs, _) in collisions() {
            let instance = Instance::new();
            instance.put(model, 50, ours.clone());
            let outcome = instance.run(&request_with(scope, OVERWRITE), [row(model, 3, theirs)]);
            assert_eq!(outcome.report.models[model].out_of_scope, 1);
            assert_eq!(json!(instance.rows(model)[0].fields), ours);
        }
    }
}

#[test]
fn a_role_that_is_there_is_given_to_imported_users() {
    let instance = Instance::new();
    instance.put("sentry.userrole", 50, json!({ "name": "helper", "permissions": "[]" }));
    let file = [
        crate::support::user(1, "bob"),
        row("sentry.userrole", 8, json!({ "name": "helper", "permissions": "['all']" })),
        row("sentry.userroleuser", 1, json!({ "user": 1, "role": 8 })),
    ];
    instance.run(&request(Config), file);
    assert_eq!(instance.rows("sentry.userroleuser")[0].fields["role"], 50);
}

#[test]
fn a_role_or_a_permission_alone_is_a_privilege() {
    let grants = [
        ("sentry.userroleuser", json!({ "user": 1, "role": 8 })),
        ("sentry.userpermission", json!({ "user": 1, "permission": "users.admin" })),
    ];
    for (model, fields) in grants {
        let instance = Instance::new();
        instance.put("sentry.user", 1, json!({ "username": "granted" }));
        instance.put("sentry.user", 2, json!({ "username": "other" }));
        instance.put("sentry.userrole", 8, json!({ "name": "helper" }));
        instance.put(model, 1, fields);
        let exported = instance.export(Config);
        let users: Vec<_> =
            exported.iter().filter(|row| row.model == "sentry.user").map(|row| row.pk).collect();
        assert_eq!(users, [1], "by {model}");
    }
}

#[test]
fn what_tells_instances_apart_stays_where_it_is() {
    let keys = [
        "sentry:install-id",
        "sentry:latest_version",
        "sentry:last_worker_ping",
        "sentry:last_worker_version",
        "mail.from",
    ];
    let instance = Instance::new();
    for (pk, key) in (1..).zip(keys) {
        for model in ["sentry.option", "sentry.controloption"] {
            instance.put(model, pk, json!({ "key": key, "value": 1 }));
        }
    }
    let keys_of = |rows: Vec<transfer::rows::FileRow>| {
        let keys = rows.into_iter().map(|row| row.fields["key"].as_str().unwrap().to_owned());
        keys.collect::<Vec<_>>()
    };
    assert_eq!(keys_of(instance.export(Config)), ["mail.from", "mail.from"]);
    assert_eq!(keys_of(instance.export(Global)).len(), 2 * keys.len());
}
