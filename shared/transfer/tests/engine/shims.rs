//! What older and newer versions have that this catalogue does not.

use catalog::ImportScope::Organization;
use serde_json::json;

use crate::support::{Instance, dropped, organization, project, request, row, team, user, with};

#[test]
fn what_newer_versions_dropped_is_left_out_in_silence() {
    let instance = Instance::new();
    let file = [
        row("sentry.actor", 1, json!({ "type": 0 })),
        organization(5, "acme"),
        with(team(3, 5, "devs"), json!({ "actor": 1, "org_role": "owner" })),
        project(6, 5, "web"),
        row("sentry.rule", 1, json!({ "project": 6, "label": "r", "data": "{}", "owner": 1 })),
        row("sentry.alertrule", 1, json!({ "organization": 5, "name": "a", "owner": 1 })),
    ];
    let outcome = instance.run(&request(Organization), file);
    assert_eq!(outcome.report.unknown_fields, [].into());
    assert_eq!(outcome.report.unknown_models, [].into());
    assert_eq!(outcome.report.dropped, []);
    for (model, field) in [
        ("sentry.team", "actor"),
        ("sentry.team", "org_role"),
        ("sentry.rule", "owner"),
        ("sentry.alertrule", "owner"),
    ] {
        assert!(!instance.rows(model)[0].fields.contains_key(field), "{model}.{field}");
    }
}

#[test]
fn unknown_fields_and_models_are_left_out_counted_and_named() {
    let instance = Instance::new();
    let file = [
        organization(5, "acme"),
        with(user(1, "bob"), json!({ "mood": "SECRET", "shoe_size": 44 })),
        with(user(2, "eve"), json!({ "mood": "SECRET" })),
        row("vendor.gadget", 1, json!({ "organization": 5 })),
        row("vendor.gadget", 2, json!({})),
        row("vendor.widget", 1, json!({})),
    ];
    let outcome = instance.run(&request(Organization), file);
    let fields = [("sentry.user.mood".to_owned(), 2), ("sentry.user.shoe_size".to_owned(), 1)];
    assert_eq!(outcome.report.unknown_fields, fields.into());
    let models = [("vendor.gadget".to_owned(), 2), ("vendor.widget".to_owned(), 1)];
    assert_eq!(outcome.report.unknown_models, models.into());
    assert!(!instance.rows("sentry.user")[0].fields.contains_key("mood"));
}

#[test]
fn a_field_that_an_older_version_lacks_takes_its_default() {
    let instance = Instance::new();
    instance.run(&request(Organization), [organization(5, "acme"), project(6, 5, "web")]);
    let fields = &instance.rows("sentry.project")[0].fields;
    assert_eq!((&fields["public"], &fields["flags"]), (&json!(false), &json!("0")));
    assert_eq!(fields["date_added"], crate::support::NOW);
    assert_eq!(fields["platform"], json!(null));
}

#[test]
fn rows_without_their_models_order_are_dropped_not_lost() {
    let instance = Instance::new();
    let outcome = instance.run(&request(Organization), [project(6, 5, "web"), organization(5, "acme")]);
    assert_eq!(dropped(&outcome, "sentry.project").len(), 1);
    assert_eq!(outcome.report.rows_done(), 2, "every row is accounted for");
}

#[test]
fn drops_are_counted_beyond_those_that_are_listed() {
    let teams = (0..10_003).map(|pk| team(pk, 99, "of-nobody"));
    let outcome = Instance::new().run(&request(Organization), teams);
    assert_eq!(outcome.report.models["sentry.team"].dropped, 10_003);
    assert_eq!(outcome.report.dropped.len(), transfer::import::DROPPED_LISTED_MAX);
}
