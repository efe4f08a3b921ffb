//! What the report of an import says of single rows.

use catalog::ImportScope::{Config, Organization, User};
use rstest::rstest;
use serde_json::{Value, json};
use silo::{Filter, ImportFlags, Pk};
use transfer::import::{Absence, ImportRequest, Met, Renamed};

use crate::support::{
    Instance, MERGE, member, organization, project, request, request_with, row, team, user,
};

/// A link of a project to a team, either of which may be missing.
fn link(pk: Pk, project: Pk, team: Pk) -> Value {
    row("sentry.projectteam", pk, json!({ "project": project, "team": team }))
}

/// Each dropped row by model and primary key, with what it missed.
fn absences(request: &ImportRequest, rows: Vec<Value>) -> Vec<(String, Pk, Option<Absence>)> {
    let report = Instance::new().run(request, rows).report;
    report.dropped.into_iter().map(|row| (row.model, row.source_pk, row.absence)).collect()
}

#[rstest]
#[case::not_in_the_file(vec![project(1, 1, "p"), link(9, 1, 7)], &[("sentry.projectteam", 9, Absence::NotInFile)])]
#[case::dropped_itself(
    vec![project(1, 1, "p"), team(7, 2, "t"), link(9, 1, 7)],
    &[("sentry.team", 7, Absence::NotInFile), ("sentry.projectteam", 9, Absence::Dropped)],
)]
#[case::behind_it_in_the_file(
    vec![project(1, 1, "p"), link(9, 1, 7), team(7, 1, "t")],
    &[("sentry.projectteam", 9, Absence::Later)],
)]
#[case::behind_it_and_dropped(
    vec![project(1, 1, "p"), link(9, 1, 7), team(7, 2, "t")],
    &[("sentry.projectteam", 9, Absence::Later), ("sentry.team", 7, Absence::NotInFile)],
)]
fn a_dropped_row_knows_what_it_missed(#[case] rows: Vec<Value>, #[case] expected: &[(&str, Pk, Absence)]) {
    let rows = [vec![organization(1, "acme")], rows].concat();
    let expected = expected.iter().map(|(model, pk, absence)| ((*model).to_owned(), *pk, Some(*absence)));
    assert_eq!(absences(&request(Organization), rows), expected.collect::<Vec<_>>());
}

#[test]
fn what_is_not_in_the_scope_is_missed_as_such() {
    let rows = vec![
        organization(1, "acme"),
        user(2, "ada"),
        row("sentry.useroption", 3, json!({ "user": 2, "organization_id": 1, "key": "k", "value": "v" })),
    ];
    let expected = [("sentry.useroption".to_owned(), 3, Some(Absence::OutOfScope))];
    assert_eq!(absences(&request(User), rows), expected);
}

#[test]
fn a_row_that_its_own_rule_leaves_out_misses_nothing() {
    let instance = Instance::new();
    instance.put("sentry.user", 20, json!({ "username": "ada" }));
    let option = row("sentry.useroption", 3, json!({ "user": 2, "key": "k", "value": "v" }));
    let report = instance.run(&request_with(User, MERGE), [user(2, "ada"), option]).report;
    assert_eq!(report.dropped.len(), 1);
    assert_eq!(report.dropped[0].absence, None);
}

#[test]
fn rows_that_met_one_that_was_here_are_named() {
    let instance = Instance::new();
    instance.put("sentry.user", 20, json!({ "username": "ada" }));
    instance.put("sentry.email", 21, json!({ "email": "ada@example.com" }));
    let email = |pk: Pk, email: &str| row("sentry.email", pk, json!({ "email": email }));
    let file = [
        user(1, "ada"),
        user(2, "bob"),
        email(1, "ada@example.com"),
        // This one came into being with its user.
        email(2, "bob@example.com"),
    ];
    let report = instance.run(&request_with(User, MERGE), file).report;
    let met = |model: &str, source_pk, pk, name: Option<&str>| Met {
        model: model.to_owned(),
        source_pk,
        pk,
        name: name.map(str::to_owned),
    };
    let expected = [met("sentry.user", 1, 20, Some("ada")), met("sentry.email", 1, 21, None)];
    assert_eq!(report.existing, expected);
    let emails = report.models["sentry.email"];
    assert_eq!((emails.existing, emails.existing_own), (2, 1), "one of them was the import's own");
}

#[test]
fn overwritten_rows_are_named_once() {
    let instance = Instance::new();
    instance.put("sentry.option", 30, json!({ "key": "a", "value": 1 }));
    let option = |pk: Pk, key: &str| row("sentry.option", pk, json!({ "key": key, "value": 2 }));
    let request = request_with(Config, ImportFlags { overwrite_configs: true, ..ImportFlags::default() });
    let report = instance.run(&request, [option(1, "a"), option(2, "b"), option(3, "b")]).report;
    let overwritten: Vec<_> = report.overwritten.iter().map(|row| (row.source_pk, row.pk)).collect();
    assert_eq!(overwritten, [(1, 30)], "the third replaced the second, which nobody has seen");
    let options = report.models["sentry.option"];
    assert_eq!((options.inserted, options.overwritten, options.overwritten_own), (1, 2, 1));
}

#[test]
fn renamed_rows_are_counted_by_model_and_say_where_they_came_from() {
    let instance = Instance::new();
    instance.put("sentry.organization", 20, json!({ "name": "ours", "slug": "acme" }));
    let file = [organization(5, "acme"), organization(6, "free"), user(7, "ada"), member(8, 5, 7)];
    let outcome = instance.run(&request(Organization), file);
    let [Renamed { source_pk, pk, .. }] = &outcome.report.renamed[..] else { panic!("{outcome:?}") };
    assert_eq!(instance.mapped(&outcome, "sentry.organization", *source_pk).unwrap().0, *pk);
    assert_eq!(outcome.report.models["sentry.organization"].renamed, 1);
    assert_eq!(outcome.report.models["sentry.user"].renamed, 0);
}

#[test]
fn what_a_filter_leaves_out_is_missed_as_such() {
    let theirs = team(3, 2, "theirs");
    let rows = vec![organization(1, "acme"), organization(2, "other"), project(4, 1, "p")];
    // What leads to a filtered row is filtered with it, unless that row comes too late for that.
    let rows = [rows, vec![link(5, 4, 3), theirs, link(6, 4, 3), link(7, 4, 9)]].concat();
    let filter = Filter::OrganizationSlugs(vec!["acme".to_owned()]);
    let request = ImportRequest { filter, ..request(Organization) };
    let report = Instance::new().run(&request, rows.clone()).report;
    let links = report.models["sentry.projectteam"];
    assert_eq!((links.filtered, links.dropped), (1, 2));
    let expected = [(5, Absence::Filtered), (7, Absence::NotInFile)];
    let expected = expected.map(|(pk, absence)| ("sentry.projectteam".to_owned(), pk, Some(absence)));
    assert_eq!(absences(&request, rows), expected);
}
