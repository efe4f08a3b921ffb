//! What exports take (SPEC §8).

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Instance;
use catalog::ImportScope;
use futures::executor::block_on;
use outside::reference_bytes;
use serde_json::json;
use silo::Filter;
use transfer::export::{ExportRequest, export};
use transfer::rows::{FileRow, RowReader};

fn rows(bytes: &[u8]) -> Vec<FileRow> {
    let mut reader = RowReader::new(bytes);
    std::iter::from_fn(|| reader.next_row().unwrap()).collect()
}

/// An instance that holds the rows of a file as they are.
fn loaded(file: &[u8]) -> Instance {
    let instance = Instance::new();
    for row in rows(file) {
        instance.put(&row.model, row.pk, row.fields.into());
    }
    instance
}

fn exported(instance: &Instance, scope: ImportScope, filter: Filter) -> Vec<FileRow> {
    let request = ExportRequest { scope, filter };
    let (bytes, count) = block_on(export(instance.silos(), &request, Vec::new())).unwrap();
    let rows = rows(&bytes);
    assert_eq!(rows.len() as u64, count);
    rows
}

fn counts(rows: &[FileRow]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.model.as_str()).or_insert(0) += 1;
    }
    counts
}

fn named<'a>(rows: &'a [FileRow], model: &str, field: &str) -> BTreeSet<&'a str> {
    let of_model = rows.iter().filter(|row| row.model == model);
    of_model.map(|row| row.fields[field].as_str().unwrap()).collect()
}

#[test]
fn a_global_export_is_the_whole_instance() {
    let Some(file) = reference_bytes("exports/release-24.7.0.json") else { return };
    let mut before = rows(&file);
    let after = exported(&loaded(&file), ImportScope::Global, Filter::All);
    let catalog = catalog::Catalog::builtin();
    before.sort_by_key(|row| (catalog.find(&row.model).unwrap().id, row.pk));
    assert_eq!(after, before);
}

#[test]
fn an_organisation_takes_along_what_it_owns() {
    let Some(file) = reference_bytes("exports/release-24.7.0.json") else { return };
    let filter = Filter::OrganizationSlugs(vec!["test-org".to_owned()]);
    let rows = exported(&loaded(&file), ImportScope::Organization, filter);
    insta::assert_json_snapshot!(counts(&rows));
    assert_eq!(named(&rows, "sentry.organization", "slug"), BTreeSet::from(["test-org"]));
    let members =
        ["added-by-org-member", "added-by-org-owner", "added-by-superadmin-not-in-org", "member", "owner"];
    assert_eq!(named(&rows, "sentry.user", "username"), BTreeSet::from(members));
    assert_eq!(named(&rows, "sentry.email", "email"), BTreeSet::from(members));
}

#[test]
fn slugs_and_usernames_match_exactly_and_an_empty_filter_takes_nothing() {
    let Some(file) = reference_bytes("exports/release-24.7.0.json") else { return };
    let instance = loaded(&file);
    for filter in [
        Filter::OrganizationSlugs(vec!["Test-Org".to_owned()]),
        Filter::OrganizationSlugs(Vec::new()),
        Filter::Usernames(Vec::new()),
    ] {
        let rows = exported(&instance, ImportScope::User, filter.clone());
        assert!(rows.is_empty(), "{filter:?}: {:?}", counts(&rows));
    }
}

#[test]
fn users_take_along_their_options_and_addresses() {
    let Some(file) = reference_bytes("exports/release-24.7.0.json") else { return };
    let filter = Filter::Usernames(vec!["owner".to_owned(), "nobody".to_owned()]);
    let rows = exported(&loaded(&file), ImportScope::User, filter);
    assert_eq!(
        counts(&rows),
        BTreeMap::from([
            ("sentry.email", 1),
            ("sentry.user", 1),
            ("sentry.useremail", 1),
            ("sentry.useroption", 1)
        ])
    );
}

#[test]
fn config_takes_users_with_a_global_privilege_alone() {
    let Some(file) = reference_bytes("exports/release-24.7.0.json") else { return };
    let instance = loaded(&file);
    // A user without a privilege of their own, to whom a row grants one.
    instance.put("sentry.userpermission", 77, json!({ "user": 3, "permission": "broadcasts.admin" }));
    instance.put(
        "sentry.option",
        78,
        json!({
            "key": "sentry:install-id", "value": "\"x\"",
            "last_updated": "2024-07-01T10:56:54.840Z", "last_updated_by": "unknown"
        }),
    );
    let rows = exported(&instance, ImportScope::Config, Filter::All);
    let users = BTreeSet::from(["admin@localhost", "member", "superadmin"]);
    assert_eq!(named(&rows, "sentry.user", "username"), users);
    assert_eq!(named(&rows, "sentry.option", "key"), BTreeSet::from(["foo"]));
    assert!(!counts(&rows).contains_key("sentry.organization"));
    let whole = exported(&instance, ImportScope::Global, Filter::All);
    assert!(named(&whole, "sentry.option", "key").contains("sentry:install-id"));
}

#[test]
fn what_only_left_out_rows_use_stays_behind() {
    let instance = Instance::new();
    let date = "2024-07-01T10:56:54.840Z";
    for (pk, slug) in [(1, "one"), (2, "two")] {
        instance.put("sentry.organization", pk, json!({ "slug": slug, "name": slug }));
        instance.put("sentry.project", pk, json!({ "organization": pk, "slug": slug, "name": slug }));
        instance.put("sentry.snubaquery", pk, json!({ "environment": null, "query": slug }));
        instance.put("sentry.snubaqueryeventtype", pk, json!({ "snuba_query": pk, "type": 0 }));
        instance.put(
            "sentry.querysubscription",
            pk,
            json!({ "project": pk, "snuba_query": pk, "date_added": date, "subscription_id": null }),
        );
    }
    // A query of an environment that stays behind keeps what refers to it from coming along.
    instance.put("sentry.environment", 5, json!({ "organization_id": 2, "name": "production" }));
    instance.put("sentry.snubaquery", 5, json!({ "environment": 5, "query": "foreign" }));
    instance.put(
        "sentry.querysubscription",
        5,
        json!({ "project": 1, "snuba_query": 5, "subscription_id": null }),
    );

    let filter = Filter::OrganizationSlugs(vec!["one".to_owned()]);
    let rows = exported(&instance, ImportScope::Organization, filter);
    let pks: Vec<(&str, i64)> = rows.iter().map(|row| (row.model.as_str(), row.pk)).collect();
    assert_eq!(
        pks,
        [
            ("sentry.organization", 1),
            ("sentry.project", 1),
            ("sentry.snubaquery", 1),
            ("sentry.querysubscription", 1),
            ("sentry.snubaqueryeventtype", 1),
        ]
    );
}
