//! Imports in Global scope: a copy of a whole instance, into empty tables (SPEC §7).

use catalog::ImportScope::{Config, Global, Organization};
use futures::executor::block_on;
use serde_json::{Value, json};
use silo::{Filter, ImportKind, Pk, Silo, UniqueKey, Write, without_numbers};
use transfer::import::{DropReason, ImportError, ImportErrorKind, ImportRequest};

use crate::exactly_once::{assert_replicated, assert_whole, chunks, race, race_over};
use crate::registrations::assert_agreed;
use crate::support::flaky::{Moment, Wire};
use crate::support::full::{file_rows, hostile};
use crate::support::rounds::rows;
use crate::support::{
    Instance, MERGE, another, dropped, file, organization, project, request, request_with, row, team, user,
    with,
};

/// An import that empties the instance first.
fn clearing() -> ImportRequest {
    ImportRequest { clear: true, ..request(Global) }
}

#[test]
fn projects_keep_their_primary_keys_and_others_get_new_ones() {
    let instance = Instance::new();
    let far = 4_554_274_226_176_001;
    let rows =
        [organization(900, "acme"), user(70, "bob"), project(far, 900, "web"), project(12, 900, "api")];
    let outcome = instance.run(&request(Global), rows);
    assert_eq!(instance.mapped(&outcome, "sentry.project", far), Some((far, ImportKind::Inserted)));
    assert_eq!(instance.mapped(&outcome, "sentry.project", 12), Some((12, ImportKind::Inserted)));
    assert_eq!(instance.mapped(&outcome, "sentry.organization", 900), Some((1, ImportKind::Inserted)));
    assert_eq!(instance.mapped(&outcome, "sentry.user", 70), Some((1, ImportKind::Inserted)));
    let keys = instance.rows("sentry.projectkey");
    assert_eq!(keys.iter().map(|key| key.key("project")).collect::<Vec<_>>(), [Some(far), Some(12)]);

    // Whoever comes later comes behind them, also before they are written.
    let next = block_on(instance.cell.reserve(instance.catalog.find("sentry.project").unwrap(), 1)).unwrap();
    assert_eq!(next, far + 1);
    let later = [organization(1, "later"), project(12, 1, "web")];
    let later_import = ImportRequest { key: [8; 32], ..another(&request(Organization), 2) };
    let outcome = instance.run(&later_import, later);
    assert_eq!(instance.mapped(&outcome, "sentry.project", 12), Some((far + 2, ImportKind::Inserted)));
}

#[test]
fn what_is_reserved_while_it_runs_lies_behind_kept_primary_keys() {
    let request = request(Global);
    let file = file([organization(1, "acme"), project(50, 1, "web")]);
    let wire = Wire::default();
    Instance::new().import_over(&wire, &file, &request).unwrap();
    // The last cut that leaves the project unwritten: all before it is done.
    let cut_at = |call| {
        let instance = Instance::new();
        instance.import_over(&Wire::cut(call, Moment::Before), &file, &request).unwrap_err();
        instance
    };
    let is_unwritten = |instance: &Instance| instance.rows("sentry.project").is_empty();
    let instance = (1..=wire.calls()).rev().map(cut_at).find(is_unwritten).unwrap();
    let project = instance.catalog.find("sentry.project").unwrap();
    assert!(block_on(instance.cell.reserve(project, 10)).unwrap() > 50);
    let plan = block_on(instance.cell.plan(request.import)).unwrap().unwrap();
    assert_eq!(plan.ranges["sentry.project"].start, 50, "no row of it can have a lower one");
    instance.import(&file, &request).unwrap();
    assert_eq!(instance.rows("sentry.project")[0].pk, 50);
}

#[test]
fn a_primary_key_that_cannot_be_kept_is_named() {
    for pk in [0, -1, Pk::MIN, Pk::MAX, Pk::MAX / 2 + 1] {
        let rows = [organization(1, "acme"), project(2, 1, "web"), project(pk, 1, "api")];
        let instance = hostile();
        let before = instance.state();
        let error = instance.fail(&clearing(), rows.clone());
        assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{error}");
        assert!(error.to_string().contains("at sentry.project row 2"), "{error}");
        assert_eq!(instance.state(), before, "nothing was cleared for it");
        Instance::new().fail(&request(Global), rows);
        // Nor was any primary key set aside.
        instance.run(&request(Organization), [organization(1, "acme"), project(2, 1, "web")]);
    }
    let instance = Instance::new();
    instance.run(&request(Global), [organization(1, "acme"), project(Pk::MAX / 2, 1, "web")]);
    let later = ImportRequest { key: [8; 32], ..another(&request(Organization), 2) };
    instance.run(&later, [organization(1, "later"), project(2, 1, "web")]);
    assert_eq!(instance.rows("sentry.project")[1].pk, Pk::MAX / 2 + 1);
    Instance::new().run(&request(Organization), [organization(1, "acme"), project(-1, 1, "api")]);
}

/// Everything of a user and a token that imports of other scopes change.
#[test]
fn users_stay_who_they_are() {
    let date = "2020-01-01T00:00:00.000Z";
    let account = json!({
        "is_staff": true, "is_superuser": true, "is_managed": true, "is_unclaimed": false, "password": "theirs",
        "is_password_expired": true, "last_password_change": date,
    });
    let address = json!({
        "user": 5, "email": "bob@example.com", "is_verified": true, "validation_hash": "THEIRS", "date_hash_added": date,
    });
    let token = json!({ "user": 5, "application": 4, "token": "t" });
    let rows = [
        row("sentry.option", 1, json!({ "key": "sentry:install-id", "value": "theirs" })),
        with(user(5, "bob"), account.clone()),
        row(
            "sentry.userip",
            1,
            json!({ "user": 5, "ip_address": "127.0.0.2", "country_code": "PL", "region_code": "14", "first_seen": date, "last_seen": date }),
        ),
        row("sentry.savedsearch", 1, json!({ "name": "All", "query": "", "is_global": true })),
        row("sentry.apiapplication", 4, json!({ "client_id": "c", "client_secret": "s", "name": "n" })),
        row("sentry.useremail", 1, address.clone()),
        row("sentry.apitoken", 1, token),
    ];
    let instance = Instance::new();
    let outcome = instance.run(&request(Global), rows);
    let [bob] = instance.rows("sentry.user").try_into().unwrap();
    for (field, value) in account.as_object().unwrap() {
        assert_eq!(&bob.fields[field], value, "user.{field}");
    }
    let [mail] = instance.rows("sentry.useremail").try_into().unwrap();
    for field in ["is_verified", "validation_hash", "date_hash_added"] {
        assert_eq!(mail.fields[field], address[field], "useremail.{field}");
    }
    let [ip] = instance.rows("sentry.userip").try_into().unwrap();
    assert_eq!((&ip.fields["first_seen"], &ip.fields["last_seen"]), (&json!(date), &json!(date)));
    let codes = (&ip.fields["country_code"], &ip.fields["region_code"]);
    assert_eq!(codes, (&Value::Null, &Value::Null), "where an address is has to be found out anew");
    assert_eq!(instance.rows("sentry.lostpasswordhash"), [], "nobody has to claim anything");
    for model in ["sentry.option", "sentry.savedsearch", "sentry.apiapplication", "sentry.apitoken"] {
        assert_eq!(outcome.report.models[model].inserted, 1, "{model}");
    }
}

#[test]
fn an_address_from_which_nobody_can_come_is_refused() {
    for address in ["", "256.0.0.1", "localhost", "::g"] {
        let seen = row("sentry.userip", 3, json!({ "user": 5, "ip_address": address }));
        let error = Instance::new().fail(&request(Global), [user(5, "bob"), seen]);
        assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{address}: {error}");
        assert!(error.to_string().contains("at sentry.userip row 1 (primary key 3)"), "{error}");
    }
    let seen = row("sentry.userip", 3, json!({ "user": 5, "ip_address": "2001:db8::1" }));
    Instance::new().run(&request(Global), [user(5, "bob"), seen]);
}

/// A file that has a user twice, with a flag that makes one of both: the second brings nothing along.
#[test]
fn what_belongs_to_a_merged_user_is_dropped() {
    let of = |model: &str, pk: Pk, user: Pk, more: Value| with(row(model, pk, json!({ "user": user })), more);
    let belongings = |user: Pk| {
        [
            of("sentry.userip", user, user, json!({ "ip_address": format!("10.0.0.{user}") })),
            of("sentry.userpermission", user, user, json!({ "permission": "users.admin" })),
            of("sentry.useroption", user, user, json!({ "key": "k", "value": "1" })),
            of(
                "sentry.useremail",
                user,
                user,
                json!({ "email": format!("{user}@x"), "validation_hash": "h" }),
            ),
        ]
    };
    let mut rows = vec![user(1, "bob"), user(2, "bob")];
    rows.extend(belongings(1).into_iter().zip(belongings(2)).flat_map(|(first, second)| [first, second]));
    let instance = Instance::new();
    let outcome = instance.run(&request_with(Global, MERGE), rows);
    assert_eq!(instance.rows("sentry.user").len(), 1);
    for model in ["sentry.userip", "sentry.userpermission", "sentry.useroption", "sentry.useremail"] {
        assert_eq!(
            dropped(&outcome, model),
            [(2, DropReason::OwnerMerged { key: "user".to_owned() })],
            "{model}"
        );
    }
}

#[test]
fn targets_of_alerts_follow_their_users_and_teams() {
    let query = json!({ "dataset": "events", "query": "", "aggregate": "count()", "time_window": 60, "resolution": 60 });
    let action = |pk: Pk, target_type: u8, target: &str| {
        let fields = json!({
            "alert_rule_trigger": 1, "type": 0, "target_type": target_type, "target_identifier": target,
        });
        row("sentry.alertruletriggeraction", pk, fields)
    };
    let rows = [
        organization(5, "acme"),
        team(30, 5, "devs"),
        user(40, "bob"),
        row("sentry.snubaquery", 1, query),
        row("sentry.alertrule", 1, json!({ "organization": 5, "snuba_query": 1, "name": "a" })),
        row(
            "sentry.alertruletrigger",
            1,
            json!({ "alert_rule": 1, "label": "critical", "alert_threshold": 1 }),
        ),
        action(1, 0, "40"),
        action(2, 1, "40"),
        action(3, 2, "30"),
        action(4, 1, "30"),
        action(5, 2, "40"),
    ];
    let instance = Instance::new();
    instance.run(&request(Global), rows);
    let actions = instance.rows("sentry.alertruletriggeraction");
    let targets: Vec<&Value> = actions.iter().map(|action| &action.fields["target_identifier"]).collect();
    assert_eq!(targets, [&json!("40"), &json!("1"), &json!("1"), &Value::Null, &Value::Null]);
}

#[test]
fn who_was_unclaimed_stays_so_with_a_new_password() {
    let instance = Instance::new();
    let unclaimed = json!({ "is_unclaimed": true, "password": "theirs", "is_password_expired": true });
    instance.run(&request(Global), [with(user(5, "bob"), unclaimed)]);
    let [bob] = instance.rows("sentry.user").try_into().unwrap();
    assert_eq!(bob.fields["is_unclaimed"], true);
    assert!(bob.fields["password"].as_str().unwrap().starts_with("pbkdf2_sha256$1$"));
    assert_eq!(bob.fields["is_password_expired"], false);
    assert_eq!(instance.rows("sentry.lostpasswordhash"), [], "a claim hash is made outside of Global");
}

/// Rows keep their order, also those that take the place of what is made with others: a copy compares as equal.
#[test]
fn what_is_made_with_rows_leaves_the_file_in_its_order() {
    let key = |pk: Pk, project: Pk| {
        let (public, secret) = (format!("{pk:032x}"), format!("{:032x}", pk + 100));
        let fields = json!({
            "project": project, "label": format!("k{pk}"), "public_key": public, "secret_key": secret, "roles": "1",
            "use_case": "user", "data": {}, "status": 0,
        });
        row("sentry.projectkey", pk, fields)
    };
    let option = |pk: Pk, project: Pk, key: &str| {
        row("sentry.projectoption", pk, json!({ "project": project, "key": key, "value": pk }))
    };
    let address = |pk: Pk, user: Pk, email: &str| {
        row("sentry.useremail", pk, json!({ "user": user, "email": email, "validation_hash": "h" }))
    };
    let given = [
        organization(1, "acme"),
        user(4, "ann"),
        user(5, "bob"),
        project(7, 1, "web"),
        project(6, 1, "api"),
        address(1, 5, "other@example.com"),
        address(2, 5, "bob@example.com"),
        address(3, 4, "ann@example.com"),
        option(1, 6, "a"),
        option(2, 7, "a"),
        option(3, 7, "sentry:option-epoch"),
        option(4, 6, "sentry:option-epoch"),
        option(5, 6, "z"),
        key(1, 6),
        key(2, 7),
        key(3, 6),
        key(4, 7),
    ];
    let instance = Instance::new();
    let outcome = instance.run(&request(Global), given.clone());
    for model in ["sentry.projectkey", "sentry.projectoption", "sentry.useremail"] {
        let sources = given.iter().filter(|row| row["model"] == model).map(|row| row["pk"].as_i64().unwrap());
        let pks: Vec<Pk> =
            sources.map(|source| instance.mapped(&outcome, model, source).unwrap().0).collect();
        let there: Vec<Pk> = instance.rows(model).iter().map(|row| row.pk).collect();
        assert_eq!(pks, there, "{model}: in the order of the file, and nothing else");
    }

    // Without a row that takes it over, what is made stays, behind all others.
    let alone = Instance::new();
    alone
        .run(&request(Global), given.into_iter().filter(|row| row["fields"]["key"] != "sentry:option-epoch"));
    let options = alone.rows("sentry.projectoption");
    assert_eq!(options.len(), 3 + 2);
    assert!(options[3..].iter().all(|option| option.fields["value"] == 12), "{options:?}");
}

#[test]
fn an_instance_with_rows_is_refused() {
    let cases = [
        ("sentry.option", json!({ "key": "k", "value": 1 })),
        ("sentry.user", json!({ "username": "bob" })),
        ("sentry.apitoken", json!({ "user": 1, "token": "t", "application": 3 })),
        ("sentry.incidentactivity", json!({ "incident": 1, "type": 1 })),
        // What comes into being with rows that relocate, or holds their names.
        ("sentry.lostpasswordhash", json!({ "user": 1, "hash": "h" })),
        ("sentry.organizationslugreservation", json!({ "organization_id": 1, "slug": "acme" })),
    ];
    for (model, fields) in cases {
        let instance = Instance::new();
        instance.put(model, 7, fields);
        let before = instance.state();
        let error = instance.fail(&request(Global), [organization(1, "acme")]);
        assert!(matches!(&error, ImportError::NotEmpty { model: named } if named == model), "{error:?}");
        assert_eq!(error.kind(), ImportErrorKind::IntegrityError);
        assert!(!error.retryable());
        assert!(error.to_string().contains(model), "{error}");
        assert_eq!(instance.state(), before);
    }
    // What does not relocate is in nobody's way.
    let instance = Instance::new();
    instance.put("sentry.auditlogentry", 7, json!({ "organization_id": 1 }));
    instance.run(&request(Global), [organization(1, "acme")]);
    assert_eq!(instance.rows("sentry.auditlogentry").len(), 1);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let file = || [organization(1, "acme")];
    let filtered =
        ImportRequest { filter: Filter::OrganizationSlugs(vec!["acme".to_owned()]), ..request(Global) };
    let elsewhere = ImportRequest { clear: true, ..request(Config) };
    for request in [filtered, elsewhere] {
        let instance = hostile();
        let before = instance.state();
        let error = instance.fail(&request, file());
        assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{error}");
        assert_eq!(instance.state(), before);
    }
}

#[test]
fn a_file_that_is_no_export_clears_nothing() {
    for bad in [
        r#"[{"model":"sentry.user","pk":1,"fields":{}}"#,
        r#"[{"model":"sentry.projectkey","pk":1,"fields":7}]"#,
    ] {
        let instance = hostile();
        let before = instance.state();
        let error = instance.import(bad.as_bytes(), &clearing()).unwrap_err();
        assert_eq!(error.kind(), ImportErrorKind::DeserializationFailed, "{error}");
        assert_eq!(instance.state(), before);
    }
}

/// Rows of the file, in whose tables there is more than one page, and rows outside of what relocates.
fn crowded() -> Instance {
    let instance = hostile();
    for pk in 100..350 {
        instance.put("sentry.organization", pk, json!({ "name": "x", "slug": format!("x-{pk}") }));
        let member = json!({ "organization": pk, "user_id": 12, "email": format!("{pk}@x"), "token": format!("t{pk}") });
        instance.put("sentry.organizationmember", pk, member);
    }
    instance
}

fn without_pks(instance: &Instance) -> impl PartialEq + std::fmt::Debug + use<> {
    without_numbers(&instance.catalog, &instance.state())
}

#[test]
fn clearing_leaves_what_an_import_into_nothing_makes() {
    let file = file(file_rows());
    let nothing = Instance::new();
    let expected = nothing.import(&file, &request(Global)).unwrap();
    let instance = crowded();
    let wire = Wire::default();
    let outcome = instance.import_over(&wire, &file, &clearing()).unwrap();
    assert_eq!(outcome.report.models, expected.report.models);
    assert_eq!(outcome.report.dropped, expected.report.dropped);
    assert_eq!(without_pks(&instance), without_pks(&nothing));
    assert_whole(&instance);

    let deleted: usize =
        wire.written().iter().flat_map(|written| &written.writes).filter(|write| write.deletes()).count();
    assert_eq!(deleted, 500 + 8, "each row once");
    for transaction in wire.written() {
        let items = |write: &Write| {
            let model = instance.catalog.model(write.model());
            1 + UniqueKey::of(model, &write.row().fields).len()
        };
        assert!(transaction.writes.iter().map(items).sum::<usize>() < 100);
    }
    let small =
        || wire.written().into_iter().filter(|written| written.writes.iter().any(Write::deletes)).count();
    assert!(small() < 500 / 10, "many at once: {} transactions", small());
}

#[test]
fn rows_outside_follow_their_keys_or_stay() {
    let instance = Instance::new();
    instance.put("sentry.organization", 1, json!({ "name": "x", "slug": "x" }));
    instance.put("sentry.user", 2, json!({ "username": "bob" }));
    instance.put("sentry.activity", 3, json!({ "project": 9, "user_id": 2 }));
    instance.put("sentry.exporteddata", 4, json!({ "organization": 1, "user_id": 2 }));
    instance.put("sentry.grouphistory", 5, json!({ "organization": null, "project": null, "user_id": 2 }));
    instance.put(
        "sentry.promptsactivity",
        6,
        json!({ "organization_id": 1, "project_id": 9, "user_id": null }),
    );
    instance.run(&clearing(), [organization(5, "acme")]);
    assert_eq!(instance.rows("sentry.activity"), [], "its project goes, and it with it");
    assert_eq!(instance.rows("sentry.exporteddata"), []);
    assert_eq!(
        json!(instance.rows("sentry.grouphistory")[0].fields)["user_id"],
        Value::Null,
        "its key alone goes"
    );
    let kept = json!({ "organization_id": 1, "project_id": 9, "user_id": null });
    assert_eq!(
        json!(instance.rows("sentry.promptsactivity")[0].fields),
        kept,
        "a plain reference is left alone"
    );
}

#[test]
fn an_import_that_was_killed_at_any_call_ends_as_if_it_had_not_been() {
    let file = file(file_rows());
    let undisturbed = hostile();
    let wire = Wire::default();
    let expected = undisturbed.import_over(&wire, &file, &clearing()).unwrap();
    for moment in [Moment::Before, Moment::After] {
        for call in 1..=wire.calls() {
            let instance = hostile();
            let error = instance.import_over(&Wire::cut(call, moment), &file, &clearing()).unwrap_err();
            assert!(error.retryable(), "call {call} {moment:?}: {error}");
            let planned = block_on(instance.cell.plan(clearing().import)).unwrap().is_some();
            let second = Wire::default();
            let resumed = instance.import_over(&second, &file, &clearing()).unwrap();
            if planned {
                assert_eq!(instance.state(), undisturbed.state(), "call {call} {moment:?}");
                assert_eq!(resumed.report, expected.report, "call {call} {moment:?}");
                assert_eq!(chunks(&instance.cell, &clearing()), chunks(&undisturbed.cell, &clearing()));
                let deletes = |written: &silo::Transaction| written.writes.iter().any(Write::deletes);
                assert!(!second.written().iter().any(deletes), "what it wrote is not cleared again");
            } else {
                assert_eq!(without_pks(&instance), without_pks(&undisturbed), "call {call} {moment:?}");
            }
            assert_replicated(&instance, &clearing());
            assert_agreed(&instance.cell, &instance.control, &clearing());
        }
    }
}

/// Also without being told to clear: its own rows are in nobody's way.
#[test]
fn a_resumed_import_may_find_its_own_rows() {
    let file = file(file_rows());
    let undisturbed = Instance::new();
    let wire = Wire::default();
    undisturbed.import_over(&wire, &file, &request(Global)).unwrap();
    for call in (1..=wire.calls()).step_by(5) {
        let instance = Instance::new();
        instance.import_over(&Wire::cut(call, Moment::After), &file, &request(Global)).unwrap_err();
        instance.import(&file, &request(Global)).unwrap();
        assert_eq!(without_pks(&instance), without_pks(&undisturbed), "call {call}");
    }
    // Another import's rows are.
    let error = undisturbed.import(&file, &another(&request(Global), 2)).unwrap_err();
    assert!(matches!(error, ImportError::NotEmpty { .. }), "{error}");
}

#[test]
fn two_runs_of_one_import_clear_nothing_that_either_wrote() {
    let file = file(file_rows());
    let undisturbed = hostile();
    undisturbed.import(&file, &clearing()).unwrap();
    for seed in 0..40 {
        let instance = hostile();
        race(&instance, &file, [&clearing(), &clearing()], seed);
        assert_eq!(without_pks(&instance), without_pks(&undisturbed), "seed {seed}");
        assert_eq!(chunks(&instance.cell, &clearing()).len(), chunks(&undisturbed.cell, &clearing()).len());
        assert_agreed(&instance.cell, &instance.control, &clearing());
    }
}

/// Projects keep their primary keys: a run that was held up may have read the project that another one has replaced by
/// now by one with the same primary key.
#[test]
fn a_run_that_is_held_up_anywhere_clears_nothing_that_a_faster_one_wrote() {
    let copied = || {
        let instance = Instance::new();
        instance.import(&file(file_rows()), &another(&request(Global), 2)).unwrap();
        instance
    };
    let renamed = file_rows().into_iter().map(|row| match row["pk"].as_i64() {
        Some(701) if row["model"] == "sentry.project" => with(row, json!({ "slug": "renamed" })),
        _ => row,
    });
    let renamed = file(renamed);
    let undisturbed = copied();
    let wire = Wire::default();
    undisturbed.import_over(&wire, &renamed, &clearing()).unwrap();
    for call in 1..=wire.calls() {
        let instance = copied();
        let wires = [Wire::held_up_at(call), Wire::default()];
        race_over(&instance, &renamed, [&clearing(), &clearing()], wires);
        assert_eq!(without_pks(&instance), without_pks(&undisturbed), "call {call}");
        assert_agreed(&instance.cell, &instance.control, &clearing());
    }
}

#[test]
fn a_copy_of_our_own_rows_has_no_finding() {
    let first = Instance::new();
    first.import(&file(file_rows()), &request(Global)).unwrap();
    let exported = first.export_file(Global);
    let copy = Instance::new();
    copy.import(&exported, &ImportRequest { key: [8; 32], ..another(&request(Global), 2) }).unwrap();
    assert_eq!(copy.compare(&rows(&exported), &copy.export(Global)), []);
}
