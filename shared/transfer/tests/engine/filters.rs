//! What a filter leaves out (SPEC §7 and §8).

use std::collections::BTreeMap;

use catalog::Catalog;
use catalog::ImportScope::{Config, Organization, User};
use serde_json::{Value, json};
use silo::{Filter, Pk};
use transfer::import::{ImportOutcome, ImportRequest};

use crate::support::{Instance, member, organization, project, request, row, team, user, with};

fn slugs(slugs: &[&str]) -> ImportRequest {
    let filter = Filter::OrganizationSlugs(slugs.iter().map(|slug| (*slug).to_owned()).collect());
    ImportRequest { filter, ..request(Organization) }
}

fn usernames(usernames: &[&str]) -> Filter {
    Filter::Usernames(usernames.iter().map(|username| (*username).to_owned()).collect())
}

/// Two organisations that have everything, each with a user of its own, one they share, and one of neither.
fn two_organizations() -> Vec<Value> {
    let date = "2024-01-01T00:00:00.000Z";
    let mut rows = vec![user(1, "ann"), user(2, "bob"), user(3, "both"), user(4, "nobody")];
    let organizations = [(10, "red", 1), (20, "blue", 2)];
    for (base, slug, owner) in organizations {
        let query = json!({ "dataset": "events", "query": "", "aggregate": "count()", "time_window": 60, "resolution": 60 });
        rows.extend([
            organization(base, slug),
            team(base, base, "devs"),
            project(base, base, "web"),
            member(base, base, owner),
            member(base + 1, base, 3),
            with(member(base + 2, base, 0), json!({ "user_id": null, "email": "invited@x" })),
            row("sentry.environment", base, json!({ "organization_id": base, "name": "prod" })),
            // One query that knows its environment, and one that knows nobody.
            with(row("sentry.snubaquery", base, query.clone()), json!({ "environment": base })),
            row("sentry.snubaquery", base + 1, query),
            row("sentry.querysubscription", base, json!({ "project": base, "snuba_query": base, "type": "x" })),
            row("sentry.snubaqueryeventtype", base, json!({ "snuba_query": base, "type": 0 })),
            row("sentry.snubaqueryeventtype", base + 1, json!({ "snuba_query": base + 1, "type": 0 })),
            row("sentry.alertrule", base, json!({ "organization": base, "snuba_query": base + 1, "name": "a" })),
            row(
                "sentry.incident",
                base,
                json!({
                    "organization": base, "alert_rule": base, "identifier": 1, "type": 2, "title": "t",
                    "date_started": date, "date_detected": date,
                }),
            ),
            row("sentry.timeseriessnapshot", base, json!({ "start": date, "end": date, "period": 1 })),
            row(
                "sentry.incidentsnapshot",
                base,
                json!({ "incident": base, "event_stats_snapshot": base, "unique_users": 1, "total_events": 1 }),
            ),
        ]);
    }
    for (pk, name) in [(1, "ann"), (2, "bob"), (3, "both"), (4, "nobody")] {
        rows.extend([
            row("sentry.email", pk, json!({ "email": format!("{}@EXAMPLE.com", name.to_uppercase()) })),
            row(
                "sentry.useremail",
                pk,
                json!({ "user": pk, "email": format!("{name}@example.com"), "validation_hash": "h" }),
            ),
            row(
                "sentry.useremail",
                pk + 10,
                json!({ "user": pk, "email": format!("{name}@work"), "validation_hash": "h" }),
            ),
            row("sentry.email", pk + 10, json!({ "email": format!("{name}@work") })),
            row("sentry.useroption", pk, json!({ "user": pk, "key": "k", "value": "v" })),
        ]);
    }
    rows.push(row("sentry.email", 99, json!({ "email": "of-nobody@x" })));
    let catalog = Catalog::builtin();
    rows.sort_by_key(|row| catalog.find(row["model"].as_str().unwrap()).unwrap().id);
    rows
}

/// The primary keys in the file of what was imported, by model.
fn taken(outcome: &ImportOutcome) -> BTreeMap<String, Vec<Pk>> {
    let catalog = Catalog::builtin();
    let mut taken = BTreeMap::new();
    for model in catalog.models() {
        let mut pks: Vec<Pk> = outcome.pk_map.rows(model.id).map(|(source, ..)| source).collect();
        pks.sort_unstable();
        if !pks.is_empty() {
            taken.insert(model.name.clone(), pks);
        }
    }
    taken
}

fn expected(users: &[Pk], organizations: &[Pk]) -> BTreeMap<String, Vec<Pk>> {
    let of = |offsets: &[Pk]| -> Vec<Pk> {
        organizations.iter().flat_map(|base| offsets.iter().map(move |offset| base + offset)).collect()
    };
    let addresses: Vec<Pk> = users.iter().copied().chain(users.iter().map(|pk| pk + 10)).collect();
    let models: [(&str, Vec<Pk>); 16] = [
        ("sentry.user", users.to_vec()),
        ("sentry.useremail", addresses.clone()),
        ("sentry.email", addresses),
        ("sentry.useroption", users.to_vec()),
        ("sentry.organization", of(&[0])),
        ("sentry.team", of(&[0])),
        ("sentry.project", of(&[0])),
        ("sentry.organizationmember", of(&[0, 1, 2])),
        ("sentry.environment", of(&[0])),
        ("sentry.snubaquery", of(&[0, 1])),
        ("sentry.querysubscription", of(&[0])),
        ("sentry.snubaqueryeventtype", of(&[0, 1])),
        ("sentry.alertrule", of(&[0])),
        ("sentry.incident", of(&[0])),
        ("sentry.timeseriessnapshot", of(&[0])),
        ("sentry.incidentsnapshot", of(&[0])),
    ];
    models
        .into_iter()
        .filter(|(_, pks)| !pks.is_empty())
        .map(|(model, pks)| (model.to_owned(), pks))
        .collect()
}

#[test]
fn an_organisation_comes_with_its_members_and_all_it_owns_and_nothing_else() {
    let cases: [(&[&str], &[Pk], &[Pk]); 5] = [
        (&["red"], &[1, 3], &[10]),
        (&["blue"], &[2, 3], &[20]),
        (&["red", "blue"], &[1, 2, 3], &[10, 20]),
        (&["RED", "no-such"], &[], &[]),
        (&[], &[], &[]),
    ];
    for (wanted, users, organizations) in cases {
        let instance = Instance::new();
        let outcome = instance.run(&slugs(wanted), two_organizations());
        assert_eq!(taken(&outcome), expected(users, organizations), "{wanted:?}");
        assert_eq!(outcome.report.dropped, [], "{wanted:?}: what is filtered is not dropped");
        let report = outcome.report.models.values();
        assert!(
            report.clone().all(|model| model.in_file == model.inserted + model.existing + model.filtered)
        );
        let emails = instance.rows("sentry.email");
        assert!(emails.iter().all(|row| row.fields["email"] != "of-nobody@x"), "{wanted:?}");
    }
}

#[test]
fn without_a_filter_everything_comes_also_what_nobody_refers_to() {
    let outcome = Instance::new().run(&request(Organization), two_organizations());
    let mut everything = expected(&[1, 2, 3, 4], &[10, 20]);
    everything.get_mut("sentry.email").unwrap().push(99);
    assert_eq!(taken(&outcome), everything);
}

#[test]
fn users_are_filtered_by_exact_username() {
    for scope in [User, Config] {
        let request = ImportRequest { filter: usernames(&["ann", "BOB", "unknown"]), ..request(scope) };
        let outcome = Instance::new().run(&request, two_organizations());
        assert_eq!(taken(&outcome), expected(&[1], &[]), "{scope:?}");
        assert_eq!(outcome.report.models["sentry.useroption"].filtered, 3);
    }
    let nobody = ImportRequest { filter: usernames(&[]), ..request(User) };
    let instance = Instance::new();
    let outcome = instance.run(&nobody, two_organizations());
    assert_eq!(taken(&outcome), BTreeMap::new());
    assert_eq!(instance.state(), vec![], "not even what is made automatically");
}

#[test]
fn configuration_does_not_depend_on_users() {
    let file = [
        row("sentry.option", 1, json!({ "key": "k", "value": "v" })),
        user(1, "ann"),
        row("sentry.userpermission", 1, json!({ "user": 1, "permission": "p" })),
        row("sentry.userrole", 1, json!({ "name": "r" })),
        row("sentry.userroleuser", 1, json!({ "user": 1, "role": 1 })),
    ];
    let instance = Instance::new();
    instance.run(&ImportRequest { filter: usernames(&[]), ..request(Config) }, file);
    let there: Vec<String> = instance.state().into_iter().map(|(model, _)| model).collect();
    assert_eq!(there, ["sentry.option", "sentry.userrole"]);
}

/// A query that only a row of the other organisation uses goes with that row.
#[test]
fn queries_that_only_filtered_rows_use_go_with_them() {
    let mut file = two_organizations();
    for row in &mut file {
        if row["model"] == "sentry.alertrule" && row["pk"] == 10 {
            row["fields"]["snuba_query"] = json!(21);
        }
    }
    let outcome = Instance::new().run(&slugs(&["red"]), file.clone());
    let found = taken(&outcome);
    assert_eq!(found["sentry.snubaquery"], [10, 21], "shared with the other, and its own");
    assert_eq!(found["sentry.snubaqueryeventtype"], [10, 21]);
    let found = taken(&Instance::new().run(&slugs(&["blue"]), file));
    assert_eq!(found["sentry.snubaquery"], [20, 21]);
}

#[test]
fn a_member_invited_by_a_filtered_user_stays() {
    let file = [
        user(1, "ann"),
        user(2, "bob"),
        organization(10, "red"),
        organization(20, "blue"),
        with(member(1, 10, 1), json!({ "inviter_id": 2 })),
        member(2, 20, 2),
    ];
    let instance = Instance::new();
    let outcome = instance.run(&slugs(&["red"]), file);
    assert_eq!(outcome.report.models["sentry.organizationmember"].inserted, 1);
    assert_eq!(instance.rows("sentry.organizationmember")[0].fields["inviter_id"], Value::Null);
}

/// The filter looks at the slug in the file, not at the one the organisation gets.
#[test]
fn slugs_are_those_of_the_file() {
    let file = || [organization(10, "Red_One"), organization(20, "123")];
    for wanted in ["Red_One", "123"] {
        let outcome = Instance::new().run(&slugs(&[wanted]), file());
        assert_eq!(outcome.report.renamed.len(), 1, "{wanted}");
    }
    let outcome = Instance::new().run(&slugs(&["red-one"]), file());
    assert_eq!(outcome.report.models["sentry.organization"].filtered, 2);
}

/// Rows that are not in the scope do not keep alive what they refer to.
#[test]
fn rows_of_other_scopes_anchor_nothing() {
    let query =
        json!({ "dataset": "events", "query": "", "aggregate": "c", "time_window": 60, "resolution": 60 });
    let file = [
        user(1, "ann"),
        organization(10, "red"),
        row("sentry.snubaquery", 1, query),
        row(
            "sentry.notificationaction",
            1,
            json!({ "organization": 10, "type": 5, "target_type": 0, "trigger_type": 0, "integration_id": 3 }),
        ),
    ];
    let outcome = Instance::new().run(&slugs(&["red"]), file);
    assert_eq!(outcome.report.models["sentry.snubaquery"].filtered, 1);
}
