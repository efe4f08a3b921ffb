//! Organisations, their members, and what they own.

use catalog::ImportScope::Organization;
use serde_json::{Value, json};
use silo::Pk;
use transfer::import::{DropReason, ImportErrorKind};

use crate::support::{
    HIDE, Instance, NOW, dropped, member, organization, project, request, request_with, row, team, user, with,
};

fn slug_after(existing: Option<&str>, slug: &str) -> (String, Vec<(String, String)>) {
    let instance = Instance::new();
    if let Some(existing) = existing {
        instance.put("sentry.organization", 70, json!({ "name": "ours", "slug": existing }));
    }
    let outcome = instance.run(&request(Organization), [organization(5, slug)]);
    let imported = instance.imported(&outcome, "sentry.organization", 5);
    assert_eq!(imported.fields["name"], slug, "a name is no slug");
    let renamed = outcome.report.renamed.iter().map(|renamed| (renamed.from.clone(), renamed.to.clone()));
    (imported.fields["slug"].as_str().unwrap().to_owned(), renamed.collect())
}

#[test]
fn slugs_that_may_stay_stay() {
    for slug in ["acme", "a", "1a", "a--b", "admins", "0-0", &"x".repeat(50)] {
        assert_eq!(slug_after(Some("other"), slug), (slug.to_owned(), vec![]));
    }
}

#[test]
fn slugs_are_normalised_and_that_is_reported() {
    for (slug, expected) in [("Acme", "acme"), ("ac_me", "ac-me"), ("A_1", "a-1")] {
        let change = (slug.to_owned(), expected.to_owned());
        assert_eq!(slug_after(None, slug), (expected.to_owned(), vec![change]));
    }
}

#[test]
fn slugs_that_may_not_stay_get_a_suffix() {
    let cases = [
        (Some("acme"), "acme", "acme"),
        (Some("ACME"), "acme", "acme"),
        (Some("ac-me"), "Ac_Me", "ac-me"),
        (None, "admin", "admin"),
        (None, "Api", "api"),
        (None, "auth", "auth"),
        (None, "login", "login"),
        (None, "project_avatar", "project-avatar"),
        (None, "123", "123"),
        (None, "0", "0"),
    ];
    for (existing, slug, base) in cases {
        let (found, renamed) = slug_after(existing, slug);
        let suffix = found.strip_prefix(&format!("{base}-")).unwrap();
        assert_eq!(suffix.len(), 2, "{slug}: {found}");
        assert_eq!(renamed, [(slug.to_owned(), found)]);
    }
}

#[test]
fn a_long_slug_is_cut_so_that_its_suffix_fits() {
    let slug = "x".repeat(50);
    let (found, _) = slug_after(Some(&slug), &slug);
    assert_eq!(found.len(), 50);
    assert!(found.starts_with(&format!("{}-", "x".repeat(47))), "{found}");
}

#[test]
fn malformed_and_missing_slugs_are_refused() {
    let slugs = [
        json!(""),
        json!("-a"),
        json!("a-"),
        json!("_a"),
        json!("SECRET!"),
        json!("a b"),
        json!("a.b"),
        json!("é"),
        json!("x".repeat(51)),
        json!(null),
        json!("-"),
        json!("a\u{0}"),
        json!("İ"),
    ];
    for slug in slugs {
        let bad = with(organization(8, "x"), json!({ "slug": slug }));
        let error = Instance::new().fail(&request(Organization), [organization(5, "fine"), bad]);
        assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{slug}: {error}");
        let text = error.to_string();
        assert!(text.contains("at sentry.organization row 2 (primary key 8): `slug`"), "{text}");
        assert!(!text.contains("SECRET"), "{text}");
    }
    for field in ["name", "slug"] {
        let mut organization = organization(5, "x");
        organization["fields"].as_object_mut().unwrap().remove(field);
        let error = Instance::new().fail(&request(Organization), [organization]);
        assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{error}");
        assert!(error.to_string().ends_with(&format!("`{field}` is missing")), "{error}");
    }
}

#[test]
fn hidden_organisations_await_approval() {
    for status in [0, 1, 2] {
        let file = || [with(organization(5, "acme"), json!({ "status": status }))];
        let instance = Instance::new();
        instance.run(&request(Organization), file());
        assert_eq!(instance.rows("sentry.organization")[0].fields["status"], status);
        let instance = Instance::new();
        instance.run(&request_with(Organization, HIDE), file());
        assert_eq!(instance.rows("sentry.organization")[0].fields["status"], 3);
    }
}

#[test]
fn an_inviter_who_is_not_imported_is_forgotten() {
    let invited = |pk, inviter: Pk| with(member(pk, 5, pk), json!({ "inviter_id": inviter }));
    let instance = Instance::new();
    let file = [organization(5, "acme"), user(1, "a"), user(2, "b"), invited(1, 2), invited(2, 99)];
    let outcome = instance.run(&request(Organization), file);
    let b = instance.imported(&outcome, "sentry.user", 2).pk;
    assert_eq!(instance.imported(&outcome, "sentry.organizationmember", 1).fields["inviter_id"], b);
    assert_eq!(instance.imported(&outcome, "sentry.organizationmember", 2).fields["inviter_id"], Value::Null);
}

#[test]
fn a_member_is_either_a_user_or_an_address() {
    for (user_id, email) in [(json!(1), json!("a@x")), (json!(null), json!(null))] {
        let bad = with(member(3, 5, 1), json!({ "user_id": user_id, "email": email }));
        let error =
            Instance::new().fail(&request(Organization), [organization(5, "acme"), user(1, "a"), bad]);
        assert_eq!(error.kind(), ImportErrorKind::ValidationError);
        assert!(error.to_string().contains("sentry.organizationmember row 1 (primary key 3)"), "{error}");
    }
    let instance = Instance::new();
    let invitation = with(member(3, 5, 1), json!({ "user_id": null, "email": "a@x" }));
    instance.run(&request(Organization), [organization(5, "acme"), invitation]);
    assert_eq!(instance.rows("sentry.organizationmember")[0].fields["email"], "a@x");
}

#[test]
fn a_member_whose_user_is_not_imported_is_dropped_rather_than_wrong() {
    let instance = Instance::new();
    let outcome = instance.run(&request(Organization), [organization(5, "acme"), member(3, 5, 99)]);
    let reason = DropReason::MissingTarget {
        key: "user_id".to_owned(),
        model: "sentry.user".to_owned(),
        source_pk: 99,
    };
    assert_eq!(dropped(&outcome, "sentry.organizationmember"), [(3, reason)]);
}

#[test]
fn teams_projects_and_monitors_need_a_name_and_a_slug() {
    let monitor = row(
        "sentry.monitor",
        1,
        json!({ "organization_id": 5, "project_id": 6, "guid": "7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37", "name": "m", "slug": "m" }),
    );
    for (model, good) in [("team", team(1, 5, "t")), ("project", project(9, 5, "p")), ("monitor", monitor)] {
        let around = [organization(5, "acme"), project(6, 5, "web")];
        Instance::new().run(&request(Organization), around.clone().into_iter().chain([good.clone()]));
        for field in ["name", "slug"] {
            let mut missing = good.clone();
            missing["fields"].as_object_mut().unwrap().remove(field);
            let null = with(good.clone(), json!({ field: null }));
            let mut bad = vec![missing, null];
            if field == "slug" {
                bad.push(with(good.clone(), json!({ "slug": "" })));
            }
            for bad in bad {
                let file = around.clone().into_iter().chain([bad]);
                let error = Instance::new().fail(&request(Organization), file);
                assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{model}: {error}");
                assert!(error.to_string().contains(&format!("at sentry.{model} row")), "{error}");
            }
        }
    }
}

#[test]
fn monitors_get_new_guids_and_their_teams_follow() {
    let monitor = |pk: Pk, owner: Value| {
        let guid = format!("7fc72b8e-3f87-43c9-9e6d-{pk:012}");
        let fields = json!({
            "organization_id": 5, "project_id": 6, "guid": guid, "name": "", "slug": format!("m{pk}"),
            "owner_team_id": owner, "config": { "team": 3 },
        });
        row("sentry.monitor", pk, fields)
    };
    let instance = Instance::new();
    instance.put("sentry.team", 40, json!({ "organization": 1, "name": "x", "slug": "x" }));
    let file = [
        organization(5, "acme"),
        team(3, 5, "devs"),
        project(6, 5, "web"),
        monitor(1, json!(3)),
        monitor(2, json!(99)),
        monitor(3, json!(null)),
    ];
    let outcome = instance.run(&request(Organization), file);
    let fields = |pk: Pk| instance.imported(&outcome, "sentry.monitor", pk).fields;
    assert_eq!(fields(1)["owner_team_id"], 41);
    assert_eq!(fields(2)["owner_team_id"], Value::Null, "not imported");
    assert_eq!(fields(3)["owner_team_id"], Value::Null);
    assert_eq!(fields(1)["config"], json!({ "team": 3 }), "ids inside JSON stay");
    for pk in [1, 2, 3] {
        let guid = fields(pk)["guid"].as_str().unwrap().to_owned();
        assert_ne!(guid, format!("7fc72b8e-3f87-43c9-9e6d-{pk:012}"));
        assert_eq!(uuid::Uuid::try_parse(&guid).unwrap().get_version_num(), 4);
    }
}

/// An alert with all that hangs on it.
fn alert() -> Vec<Value> {
    let date = "2024-01-01T00:00:00.000Z";
    vec![
        organization(5, "acme"),
        user(1, "bob"),
        team(3, 5, "devs"),
        project(6, 5, "web"),
        member(1, 5, 1),
        row(
            "sentry.snubaquery",
            1,
            json!({ "dataset": "events", "query": "", "aggregate": "count()", "time_window": 60, "resolution": 60 }),
        ),
        row(
            "sentry.querysubscription",
            1,
            json!({
                "project": 6, "snuba_query": 1, "type": "incidents", "status": 1, "subscription_id": "0/old",
                "query_extra": "extra", "date_added": date, "date_updated": date,
            }),
        ),
        row(
            "sentry.querysubscription",
            2,
            json!({ "project": 6, "snuba_query": 1, "type": "x", "subscription_id": null }),
        ),
        row("sentry.alertrule", 1, json!({ "organization": 5, "snuba_query": 1, "name": "a" })),
        row("sentry.snubaqueryeventtype", 1, json!({ "snuba_query": 1, "type": 0 })),
        row(
            "sentry.incident",
            1,
            json!({
                "organization": 5, "alert_rule": 1, "identifier": 1, "type": 2, "title": "t", "date_started": date,
                "date_detected": date, "detection_uuid": "7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37",
            }),
        ),
        row("sentry.timeseriessnapshot", 1, json!({ "start": date, "end": date, "period": 1 })),
        row(
            "sentry.incidentsnapshot",
            1,
            json!({ "incident": 1, "event_stats_snapshot": 1, "unique_users": 1, "total_events": 1 }),
        ),
        row(
            "sentry.incidentactivity",
            1,
            json!({ "incident": 1, "type": 1, "notification_uuid": "7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37" }),
        ),
        row("sentry.incidentactivity", 2, json!({ "incident": 1, "type": 1, "notification_uuid": null })),
    ]
}

#[test]
fn subscriptions_are_made_anew() {
    let instance = Instance::new();
    let outcome = instance.run(&request(Organization), alert());
    let date = "2024-01-01T00:00:00.000Z";
    let first = instance.imported(&outcome, "sentry.querysubscription", 1).fields;
    assert_eq!(
        (&first["status"], &first["type"], &first["query_extra"]),
        (&json!(0), &json!("incidents"), &json!("extra"))
    );
    assert_eq!((&first["date_added"], &first["date_updated"]), (&json!(date), &json!(NOW)));
    assert_eq!(first["snuba_query"], instance.rows("sentry.snubaquery")[0].pk);
    let second = instance.imported(&outcome, "sentry.querysubscription", 2).fields;
    assert_ne!(first["subscription_id"], second["subscription_id"]);
    for fields in [&first, &second] {
        let id = fields["subscription_id"].as_str().unwrap();
        let (queue, hex) = id.split_once('/').unwrap();
        assert!(queue.parse::<u8>().is_ok() && hex.len() == 32, "{id}");
        assert!(hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{id}");
    }
}

#[test]
fn incidents_get_new_uuids_where_they_had_one() {
    let instance = Instance::new();
    let outcome = instance.run(&request(Organization), alert());
    let detection = &instance.rows("sentry.incident")[0].fields["detection_uuid"];
    let notification = &instance.imported(&outcome, "sentry.incidentactivity", 1).fields["notification_uuid"];
    for uuid in [detection, notification] {
        assert_ne!(uuid, "7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37");
        assert_eq!(uuid::Uuid::try_parse(uuid.as_str().unwrap()).unwrap().get_version_num(), 4);
    }
    assert_ne!(detection, notification);
    assert_eq!(
        instance.imported(&outcome, "sentry.incidentactivity", 2).fields["notification_uuid"],
        Value::Null
    );
}

#[test]
fn drops_cascade_and_each_says_why() {
    let instance = Instance::new();
    let without_query = alert().into_iter().filter(|row| row["model"] != "sentry.snubaquery");
    let outcome = instance.run(&request(Organization), without_query);
    let missing = |key: &str, model: &str| DropReason::MissingTarget {
        key: key.to_owned(),
        model: model.to_owned(),
        source_pk: 1,
    };
    let expected = [
        ("sentry.querysubscription", vec![1, 2], missing("snuba_query", "sentry.snubaquery")),
        ("sentry.alertrule", vec![1], missing("snuba_query", "sentry.snubaquery")),
        ("sentry.snubaqueryeventtype", vec![1], missing("snuba_query", "sentry.snubaquery")),
        ("sentry.incident", vec![1], missing("alert_rule", "sentry.alertrule")),
        ("sentry.incidentsnapshot", vec![1], missing("incident", "sentry.incident")),
        ("sentry.incidentactivity", vec![1, 2], missing("incident", "sentry.incident")),
    ];
    for (model, pks, reason) in expected {
        assert_eq!(dropped(&outcome, model), pks.iter().map(|pk| (*pk, reason.clone())).collect::<Vec<_>>());
        assert_eq!(outcome.report.models[model].dropped, pks.len() as u64);
        assert_eq!(instance.rows(model), []);
    }
    assert_eq!(outcome.report.dropped.len(), 8, "nothing else: {:?}", outcome.report.dropped);
}

#[test]
fn a_key_that_leads_out_of_the_catalogue_drops_its_row() {
    let activated = alert().into_iter().map(|row| match row["model"].as_str() {
        Some("sentry.incident") => with(row, json!({ "activation": 12 })),
        _ => row,
    });
    let outcome = Instance::new().run(&request(Organization), activated);
    let reason = DropReason::MissingTarget {
        key: "activation".to_owned(),
        model: "sentry.alertruleactivations".to_owned(),
        source_pk: 12,
    };
    assert_eq!(dropped(&outcome, "sentry.incident"), [(1, reason)]);
}

#[test]
fn notification_actions_are_global_with_an_integration_or_an_app() {
    let action = |pk: Pk, change: Value| {
        let fields = json!({ "organization": 5, "type": 5, "target_type": 0, "trigger_type": 0 });
        with(row("sentry.notificationaction", pk, fields), change)
    };
    let link = |pk: Pk| row("sentry.notificationactionproject", pk, json!({ "project": 6, "action": pk }));
    let instance = Instance::new();
    let file = [
        organization(5, "acme"),
        project(6, 5, "web"),
        action(1, json!({})),
        action(2, json!({ "integration_id": 4 })),
        action(3, json!({ "sentry_app_id": 4 })),
        link(1),
        link(2),
        link(3),
    ];
    let outcome = instance.run(&request(Organization), file);
    let report = outcome.report.models["sentry.notificationaction"];
    assert_eq!((report.inserted, report.out_of_scope, report.dropped), (1, 2, 0));
    assert_eq!(instance.rows("sentry.notificationactionproject").len(), 1);
    let links = dropped(&outcome, "sentry.notificationactionproject");
    assert_eq!(links.iter().map(|(pk, _)| *pk).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn targets_of_notifications_follow_their_users_and_teams() {
    let action = |pk: Pk, target_type: i64, target: Value| {
        let fields = json!({
            "organization": 5, "type": 5, "trigger_type": 0, "target_type": target_type, "target_identifier": target,
        });
        row("sentry.notificationaction", pk, fields)
    };
    let instance = Instance::new();
    instance.put("sentry.user", 40, json!({ "username": "x" }));
    instance.put("sentry.team", 80, json!({ "organization": 1, "name": "x", "slug": "x" }));
    let file = [
        organization(5, "acme"),
        team(3, 5, "devs"),
        user(1, "bob"),
        action(1, 1, json!("1")),
        action(2, 2, json!("3")),
        action(3, 0, json!("3")),
        action(4, 1, json!("99")),
        action(5, 2, json!("1")),
        action(6, 1, json!("#channel")),
        action(7, 1, json!(null)),
    ];
    let outcome = instance.run(&request(Organization), file);
    let targets: Vec<Value> = (1..=7)
        .map(|pk| {
            instance.imported(&outcome, "sentry.notificationaction", pk).fields["target_identifier"].clone()
        })
        .collect();
    let null = Value::Null;
    assert_eq!(
        targets,
        [json!("41"), json!("81"), json!("3"), null.clone(), null.clone(), null.clone(), null]
    );
}

#[test]
fn global_searches_stay_behind() {
    let search = |pk: Pk, change: Value| {
        with(row("sentry.savedsearch", pk, json!({ "name": "s", "query": "q" })), change)
    };
    let instance = Instance::new();
    let file = [
        organization(5, "acme"),
        search(1, json!({ "is_global": true })),
        search(2, json!({ "is_global": false, "organization": 5 })),
        search(3, json!({ "is_global": null, "organization": 5 })),
    ];
    let outcome = instance.run(&request(Organization), file);
    assert_eq!(dropped(&outcome, "sentry.savedsearch"), [(1, DropReason::GlobalOnly)]);
    assert_eq!(instance.rows("sentry.savedsearch").len(), 2, "names bind global searches only");
}

#[test]
fn partial_unique_sets_bind_what_they_say() {
    let base = || {
        vec![
            organization(5, "acme"),
            user(1, "bob"),
            user(2, "eve"),
            project(6, 5, "web"),
            row("sentry.rule", 1, json!({ "project": 6, "label": "r", "data": "{}" })),
        ]
    };
    let snooze = |pk: Pk, user: Value| row("sentry.rulesnooze", pk, json!({ "rule": 1, "user_id": user }));
    let pinned = |pk: Pk, visibility: &str| {
        let fields = json!({
            "name": "s", "query": "q", "organization": 5, "owner_id": 1, "type": 0, "visibility": visibility,
        });
        row("sentry.savedsearch", pk, fields)
    };
    let view = |pk: Pk, position: i64| {
        let fields =
            json!({ "organization": 5, "user_id": 1, "position": position, "name": "v", "query": "" });
        row("sentry.groupsearchview", pk, fields)
    };
    let fine = [
        vec![snooze(1, json!(1)), snooze(2, json!(2)), snooze(3, json!(null))],
        vec![pinned(1, "organization"), pinned(2, "organization"), pinned(3, "owner_pinned")],
        vec![view(1, 1), view(2, 0)],
    ];
    for rows in fine {
        let file: Vec<Value> = in_order(base().into_iter().chain(rows).collect());
        Instance::new().run(&request(Organization), file);
    }
    let twice = [
        vec![snooze(1, json!(null)), snooze(2, json!(null))],
        vec![snooze(1, json!(1)), snooze(2, json!(1))],
        vec![pinned(1, "owner_pinned"), pinned(2, "owner_pinned")],
        vec![view(1, 1), view(2, 1)],
    ];
    for rows in twice {
        let file: Vec<Value> = in_order(base().into_iter().chain(rows).collect());
        let error = Instance::new().fail(&request(Organization), file);
        assert_eq!(error.kind(), ImportErrorKind::IntegrityError, "{error}");
        assert!(error.to_string().contains("row 2 (primary key 2): another row has the same"), "{error}");
    }
}

/// The rows in the order of the catalogue, as a file has them.
fn in_order(mut rows: Vec<Value>) -> Vec<Value> {
    let catalog = catalog::Catalog::builtin();
    rows.sort_by_key(|row| catalog.find(row["model"].as_str().unwrap()).unwrap().id);
    rows
}

#[test]
fn numbers_keep_their_digits() {
    let instance = Instance::new();
    let option = r#"[
        {"model":"sentry.organization","pk":4554274226110464,"fields":{"name":"a","slug":"a"}},
        {"model":"sentry.organizationoption","pk":1,"fields":
            {"organization":4554274226110464,"key":"k","value":[100.0,123456789012345678901234567890,0.10]}}
    ]"#;
    instance.import(option.as_bytes(), &request(Organization)).unwrap();
    let value = instance.rows("sentry.organizationoption")[0].fields["value"].to_string();
    assert_eq!(value, "[100.0,123456789012345678901234567890,0.10]");
}
