//! What others have built on an import since: it stands in the way, or goes along.

use catalog::ImportScope::Organization;
use futures::executor::block_on;
use rstest::rstest;
use serde_json::{Value, json};
use silo::{Pk, Silo};
use transfer::undo::{DEPENDENTS_COUNTED_MAX, ModelUndo, Obstacle};

use super::{assert_same, cascading, dry, imported, undoing};
use crate::support::full::configured;
use crate::support::{Instance, MERGE, request_with};

/// The primary key of the first row of a model that the import inserted. The first user of the file was merged.
fn first(instance: &Instance, model: &str) -> Pk {
    let request = request_with(Organization, MERGE);
    let plan = block_on(instance.cell.plan(request.import)).unwrap().unwrap();
    plan.ranges[model].start + Pk::from(model == "sentry.user")
}

/// A row that somebody writes, with a key that leads to the first row of a model of the file.
struct Since {
    model: &'static str,
    key: &'static str,
    target: &'static str,
    fields: Value,
}

impl Since {
    fn write(&self, instance: &Instance) -> (Pk, Pk) {
        let target = first(instance, self.target);
        let mut fields = self.fields.clone();
        fields[self.key] = target.into();
        (instance.write_row(self.model, fields), target)
    }
}

fn since(model: &'static str, key: &'static str, target: &'static str, fields: Value) -> Since {
    Since { model, key, target, fields }
}

#[rstest]
#[case::cascade(since("sentry.team", "organization", "sentry.organization", json!({ "name": "t", "slug": "new" })), "cascade")]
#[case::set_null(since("sentry.alertrule", "team", "sentry.team", json!({ "organization": 11, "name": "new" })), "set-null")]
#[case::across_silos(since("sentry.organizationmember", "user_id", "sentry.user", json!({ "organization": 11 })), "cascade")]
#[case::null_across_silos(since("sentry.organizationmember", "inviter_id", "sentry.user", json!({ "organization": 11, "email": "a@b" })), "set-null")]
fn what_depends_on_the_import_stands_in_the_way_or_goes_along(#[case] since: Since, #[case] on_delete: &str) {
    let request = request_with(Organization, MERGE);
    let (whole, instance) = (imported(&request), imported(&request));
    let Since { model, key, target, .. } = since;
    let (pk, target_pk) = since.write(&instance);
    let with_since = instance.state();

    let obstacles = instance.obstacles(&undoing(&request));
    let expected = Obstacle::Dependent {
        model: model.to_owned(),
        pk,
        key: key.to_owned(),
        on_delete: on_delete.to_owned(),
        target_model: target.to_owned(),
        target: target_pk,
    };
    assert_eq!((obstacles.named.as_slice(), obstacles.total()), ([expected].as_slice(), 1));
    assert_eq!(instance.state(), with_since, "nothing has changed");
    let looked = instance.undo(&dry(undoing(&request))).unwrap().state;
    assert_eq!(looked.obstacles, obstacles, "a dry run says the same");

    let foreseen = instance.undo(&dry(cascading(&request))).unwrap().state;
    assert!(foreseen.obstacles.is_empty());
    assert_eq!(instance.state(), with_since);
    let done = instance.undone(&cascading(&request));
    assert_eq!(done, foreseen.report);
    let ModelUndo { cascaded, nulled, .. } = done.total();
    if on_delete == "set-null" {
        assert_eq!((cascaded, nulled), (0, 1));
        let left = instance.rows(model).into_iter().find(|row| row.pk == pk).unwrap();
        assert_eq!(left.fields[key], Value::Null);
    } else {
        assert_eq!((cascaded, nulled), (1, 0));
        assert_same(&configured(), &instance, &whole, model);
    }
    assert_eq!(instance.dangling(), []);
}

#[test]
fn dependents_of_dependents_go_along_once() {
    let request = request_with(Organization, MERGE);
    let instance = imported(&request);
    let organization = first(&instance, "sentry.organization");
    let project = first(&instance, "sentry.project");
    // Below the organisation, below a project of theirs, and below both.
    let new = instance
        .write_row("sentry.project", json!({ "organization": organization, "name": "n", "slug": "n" }));
    for (project, key) in [(new, "a"), (new, "b"), (project, "c")] {
        instance.write_row("sentry.projectoption", json!({ "project": project, "key": key, "value": 1 }));
    }
    let obstacles = instance.obstacles(&undoing(&request));
    assert_eq!(obstacles.dependents, 2, "a project, and an option of theirs: {obstacles:?}");
    let foreseen = instance.undo(&dry(cascading(&request))).unwrap().state.report;
    let done = instance.undone(&cascading(&request));
    assert_eq!(done, foreseen);
    assert_eq!(done.models["sentry.projectoption"].cascaded, 3);
    assert_eq!(done.models["sentry.project"].cascaded, 1);
    assert_same(&configured(), &instance, &imported(&request), "with all below");
}

/// An incident protects its rule: one of our organisation stays, one of theirs goes with the organisation anyway.
#[rstest]
#[case::of_ours(false)]
#[case::of_theirs(true)]
fn a_row_that_protects_what_goes_stands_in_the_way_unless_it_goes_itself(#[case] of_theirs: bool) {
    let request = request_with(Organization, MERGE);
    let instance = imported(&request);
    let organization = if of_theirs { first(&instance, "sentry.organization") } else { 11 };
    let rule = first(&instance, "sentry.alertrule");
    let incident = json!({ "organization": organization, "alert_rule": rule, "title": "fire" });
    instance.write_row("sentry.incident", incident);
    assert!(instance.obstacles(&undoing(&request)).dependents > 0);
    if of_theirs {
        let foreseen = instance.undo(&dry(cascading(&request))).unwrap().state;
        let done = instance.undone(&cascading(&request));
        assert_eq!(done, foreseen.report);
        assert_eq!(done.models["sentry.incident"].cascaded, 1);
        assert_same(&configured(), &instance, &imported(&request), "with the incident");
    } else {
        let state = instance.state();
        let obstacles = instance.obstacles(&cascading(&request));
        let named = obstacles.named.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = format!("depends on sentry.alertrule {rule} by `alert_rule`");
        assert!(matches!(named.as_slice(), [named] if named.ends_with(&expected)), "{named:?}");
        assert_eq!(instance.state(), state);
    }
}

/// Gives the first organisation of the import so many options.
fn used(instance: &Instance, options: u64) {
    let organization = first(instance, "sentry.organization");
    for number in 0..options {
        let option = json!({ "organization": organization, "key": format!("new{number}"), "value": 1 });
        instance.write_row("sentry.organizationoption", option);
    }
}

#[test]
fn so_many_are_counted_that_nobody_wants_to_know_how_many_more_there_are() {
    let request = request_with(Organization, MERGE);
    let instance = imported(&request);
    used(&instance, DEPENDENTS_COUNTED_MAX + 250);
    let obstacles = instance.obstacles(&undoing(&request));
    let counted = DEPENDENTS_COUNTED_MAX..DEPENDENTS_COUNTED_MAX + 250;
    assert!(counted.contains(&obstacles.dependents), "{}", obstacles.dependents);
    assert_eq!(obstacles.named.len(), 100);
}

#[test]
fn a_hundred_are_named_and_all_are_counted() {
    let request = request_with(Organization, MERGE);
    let instance = imported(&request);
    used(&instance, 250);
    let obstacles = instance.obstacles(&undoing(&request));
    assert_eq!((obstacles.named.len(), obstacles.dependents), (100, 250));
    let foreseen = instance.undo(&dry(cascading(&request))).unwrap().state.report;
    let done = instance.undone(&cascading(&request));
    assert_eq!((done.total().cascaded, &done), (250, &foreseen));
    assert_same(&configured(), &instance, &imported(&request), "with all of them");
}
