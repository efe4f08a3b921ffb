//! What exports take (SPEC §8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::checkpoints::full;
use crate::support::Instance;
use catalog::{FieldKind, ImportScope, Model};
use futures::executor::block_on;
use outside::reference_bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use silo::{Filter, Row};
use transfer::export::{
    ExportError, ExportErrorKind, ExportRequest, MemoryCheckpoint, export, export_resumable,
};
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

fn scopes() -> [ImportScope; 4] {
    [ImportScope::User, ImportScope::Organization, ImportScope::Config, ImportScope::Global]
}

#[test]
fn rows_stand_in_dependency_order_and_by_primary_key() {
    let instance = full();
    for scope in scopes() {
        let rows = exported(&instance, scope, Filter::All);
        let places = rows.iter().map(|row| (instance.catalog.find(&row.model).unwrap().id, row.pk));
        assert!(places.is_sorted_by(|one, next| one < next), "{scope:?}");
    }
}

#[test]
fn four_options_stay_where_they_are_unless_everything_moves() {
    let keys = ["install-id", "latest_version", "last_worker_ping", "last_worker_version"];
    let instance = Instance::new();
    for model in ["sentry.option", "sentry.controloption"] {
        for (pk, key) in (1..).zip(keys) {
            instance.put(model, pk, json!({ "key": format!("sentry:{key}"), "value": "x" }));
        }
        instance.put(model, 9, json!({ "key": "sentry:install-ids", "value": "x" }));
    }
    for (scope, taken) in [
        (ImportScope::User, [].as_slice()),
        (ImportScope::Organization, &[]),
        (ImportScope::Config, &[9]),
        (ImportScope::Global, &[1, 2, 3, 4, 9]),
    ] {
        let rows = exported(&instance, scope, Filter::All);
        for model in ["sentry.option", "sentry.controloption"] {
            let of_model = rows.iter().filter(|row| row.model == model);
            assert_eq!(of_model.map(|row| row.pk).collect::<Vec<_>>(), taken, "{scope:?} {model}");
        }
    }
}

#[test]
fn each_privilege_lets_a_user_into_configuration_and_nothing_else_does() {
    let instance = Instance::new();
    for (pk, username, privileges) in [
        (1, "staff", json!({ "is_staff": true })),
        (2, "superuser", json!({ "is_superuser": true })),
        (3, "permission", json!({})),
        (4, "role", json!({})),
        (5, "managed", json!({ "is_managed": true, "is_active": true })),
        (6, "owner", json!({ "is_staff": false })),
    ] {
        let mut fields = privileges;
        fields["username"] = username.into();
        fields["email"] = format!("{username}@example.com").into();
        instance.put("sentry.user", pk, fields);
        instance.put(
            "sentry.useremail",
            pk,
            json!({ "user": pk, "email": format!("{username}@example.com") }),
        );
        instance.put("sentry.email", pk, json!({ "email": format!("{username}@EXAMPLE.com") }));
    }
    instance.put("sentry.userpermission", 1, json!({ "user": 3, "permission": "users.admin" }));
    instance.put("sentry.userrole", 1, json!({ "name": "admins" }));
    instance.put("sentry.userroleuser", 1, json!({ "user": 4, "role": 1 }));
    instance.put("sentry.organization", 1, json!({ "slug": "acme", "name": "acme" }));
    instance.put("sentry.organizationmember", 1, json!({ "organization": 1, "user_id": 6, "role": "owner" }));

    let users = |filter| {
        let rows = exported(&instance, ImportScope::Config, filter);
        let of_model =
            |model: &str| rows.iter().filter(|row| row.model == model).map(|row| row.pk).collect::<Vec<_>>();
        let users = of_model("sentry.user");
        assert_eq!(of_model("sentry.useremail"), users);
        assert_eq!(of_model("sentry.email"), users, "addresses follow whatever their case");
        assert!(!named(&rows, "sentry.user", "username").is_empty() || users.is_empty());
        users
    };
    assert_eq!(users(Filter::All), [1, 2, 3, 4]);
    let names = ["owner", "role", "staff"].map(str::to_owned).to_vec();
    assert_eq!(users(Filter::Usernames(names)), [1, 4], "a filter does not make up for a privilege");
}

#[test]
fn who_invited_a_member_never_matters() {
    let instance = Instance::new();
    for (pk, name) in [(1, "member"), (2, "inviter")] {
        instance.put("sentry.user", pk, json!({ "username": name, "email": "" }));
    }
    for (pk, slug) in [(1, "one"), (2, "two")] {
        instance.put("sentry.organization", pk, json!({ "slug": slug, "name": slug }));
    }
    let members = [(1, 1, json!(1)), (2, 2, json!(2)), (3, 1, json!(null))];
    for (pk, organization, user) in members {
        let fields = json!({ "organization": organization, "user_id": user, "inviter_id": 2, "email": null });
        instance.put("sentry.organizationmember", pk, fields);
    }
    for (inviter, pk) in [(404, 4), (1, 5)] {
        let fields =
            json!({ "organization": 1, "user_id": null, "inviter_id": inviter, "email": format!("{pk}") });
        instance.put("sentry.organizationmember", pk, fields);
    }
    let filter = Filter::OrganizationSlugs(vec!["one".to_owned()]);
    let rows = exported(&instance, ImportScope::Organization, filter);
    let members: Vec<_> = rows.iter().filter(|row| row.model == "sentry.organizationmember").collect();
    assert_eq!(
        members.iter().map(|row| row.pk).collect::<Vec<_>>(),
        [1, 3, 4, 5],
        "null users do not filter either"
    );
    assert_eq!(members[0].fields["inviter_id"], 2, "and it stays as it is");
    assert_eq!(named(&rows, "sentry.user", "username"), BTreeSet::from(["member"]));
}

#[test]
fn time_series_snapshots_follow_the_incidents_that_use_them() {
    let instance = Instance::new();
    for (pk, slug) in [(1, "one"), (2, "two")] {
        instance.put("sentry.organization", pk, json!({ "slug": slug, "name": slug }));
        instance.put("sentry.incident", pk, json!({ "organization": pk, "identifier": 1, "title": slug }));
        instance.put("sentry.timeseriessnapshot", pk, json!({ "period": 1 }));
        let fields =
            json!({ "incident": pk, "event_stats_snapshot": pk, "unique_users": 1, "total_events": 1 });
        instance.put("sentry.incidentsnapshot", pk, fields);
    }
    instance.put("sentry.timeseriessnapshot", 3, json!({ "period": 1 }));
    let snapshots = |scope, filter| {
        let rows = exported(&instance, scope, filter);
        let snapshots = rows.iter().filter(|row| row.model == "sentry.timeseriessnapshot");
        snapshots.map(|row| row.pk).collect::<Vec<_>>()
    };
    let one = Filter::OrganizationSlugs(vec!["one".to_owned()]);
    assert_eq!(snapshots(ImportScope::Organization, one), [1]);
    assert_eq!(snapshots(ImportScope::Organization, Filter::All), [1, 2]);
    assert_eq!(snapshots(ImportScope::Global, Filter::All), [1, 2, 3]);
}

#[test]
fn every_date_of_every_model_is_written_in_the_same_way() {
    let catalog = catalog::Catalog::builtin();
    let mut dates = 0;
    for model in catalog.models().iter().filter(|model| model.relocates()) {
        let mut fields = serde_json::Map::new();
        for (name, field) in &model.fields {
            if field.kind == FieldKind::Date {
                fields.insert(name.clone(), "2024-02-29T12:09:34.9547+02:00".into());
            }
        }
        let instance = Instance::new();
        instance.put(&model.name, 1, fields.clone().into());
        let rows = exported(&instance, ImportScope::Global, Filter::All);
        dates += fields.len();
        for name in fields.keys() {
            assert_eq!(rows[0].fields[name], "2024-02-29T10:09:34.954Z", "{}.{name}", model.name);
        }
    }
    assert!(dates > 80, "{dates}");
}

#[test]
fn a_global_export_refuses_a_filter() {
    for filter in [Filter::Usernames(Vec::new()), Filter::OrganizationSlugs(vec!["one".to_owned()])] {
        let request = ExportRequest { scope: ImportScope::Global, filter };
        let error = block_on(export(Instance::new().silos(), &request, Vec::new())).unwrap_err();
        assert!(matches!(error, ExportError::FilteredGlobal) && !error.retryable(), "{error:?}");
        assert_eq!(error.kind(), ExportErrorKind::UnspecifiedScope);
    }
}

#[test]
fn without_users_and_organisations_there_is_everything_or_an_error() {
    let catalog = "[[model]]\nname = \"shop.order\"\nsilo = \"cell\"\nscope = \"organization\"\n[model.fields]\nnote = \"text?\"";
    let instance = Instance::of(Arc::new(catalog::Catalog::parse(catalog).unwrap()));
    instance.put("shop.order", 1, json!({ "note": "ours" }));
    assert_eq!(exported(&instance, ImportScope::Organization, Filter::All).len(), 1);
    let request = ExportRequest { scope: ImportScope::Organization, filter: Filter::Usernames(Vec::new()) };
    let error = block_on(export(instance.silos(), &request, Vec::new())).unwrap_err();
    assert_eq!((error.kind(), error.retryable()), (ExportErrorKind::UnspecifiedScope, false));
    assert!(matches!(error, ExportError::NoTenancy));
}

/// What an export takes, worked out in the slowest and plainest way: everything that is admitted, until nothing is
/// left of which a key leads to nothing or which nobody uses.
fn plainly_taken(instance: &Instance, request: &ExportRequest) -> BTreeSet<(String, i64)> {
    let catalog = &instance.catalog;
    let all: Vec<(&Model, Row)> = catalog
        .models()
        .iter()
        .flat_map(|model| instance.rows(&model.name).into_iter().map(move |row| (model, row)))
        .collect();
    let text = |row: &Row, field: &str| row.fields.get(field).and_then(Value::as_str).map(str::to_owned);
    let is_true = |row: &Row, field: &str| row.fields.get(field) == Some(&json!(true));
    let rows_of =
        |name: &'static str| all.iter().filter(move |(model, _)| model.name == name).map(|(_, row)| row);
    let organization = |row: &Row| match &request.filter {
        Filter::OrganizationSlugs(slugs) => text(row, "slug").is_some_and(|slug| slugs.contains(&slug)),
        _ => true,
    };
    let is_member = |user: i64| {
        let organizations: BTreeSet<i64> =
            rows_of("sentry.organization").filter(|row| organization(row)).map(|row| row.pk).collect();
        rows_of("sentry.organizationmember").any(|row| {
            row.key("user_id") == Some(user)
                && row.key("organization").is_some_and(|pk| organizations.contains(&pk))
        })
    };
    let user = |row: &Row| {
        let named = match &request.filter {
            Filter::All => true,
            Filter::Usernames(names) => text(row, "username").is_some_and(|name| names.contains(&name)),
            // In scopes without organisations no organisation is kept whose members they could be.
            Filter::OrganizationSlugs(_) => request.scope == ImportScope::Organization && is_member(row.pk),
        };
        let granted = |model| rows_of(model).any(|grant: &Row| grant.key("user") == Some(row.pk));
        let privileged = is_true(row, "is_staff")
            || is_true(row, "is_superuser")
            || granted("sentry.userpermission")
            || granted("sentry.userroleuser");
        named && (request.scope != ImportScope::Config || privileged)
    };
    let mut taken: Vec<&(&Model, Row)> = all
        .iter()
        .filter(|(model, row)| request.scope.admits(model.scope_of(&row.fields)))
        .filter(|(model, row)| match model.name.as_str() {
            _ if request.scope == ImportScope::Global => true,
            "sentry.user" => user(row),
            "sentry.organization" => organization(row),
            _ => true,
        })
        .collect();
    loop {
        let there: BTreeSet<(&str, i64)> =
            taken.iter().map(|(model, row)| (model.name.as_str(), row.pk)).collect();
        let count = taken.len();
        if request.scope == ImportScope::Global {
            return there.into_iter().map(|(model, pk)| (model.to_owned(), pk)).collect();
        }
        let addresses: BTreeSet<String> = taken
            .iter()
            .filter(|(model, _)| ["sentry.user", "sentry.useremail"].contains(&model.name.as_str()))
            .filter_map(|(_, row)| Some(text(row, "email")?.to_lowercase()))
            .collect();
        let used: BTreeSet<(&str, i64)> = taken
            .iter()
            .filter(|(model, _)| model.name != "sentry.snubaqueryeventtype")
            .flat_map(|(model, row)| {
                model.keys.iter().filter_map(|key| Some((key.target_name.as_str(), row.key(&key.field)?)))
            })
            .collect();
        taken.retain(|(model, row)| {
            let leads = |key: &catalog::Key| {
                let pk = row.key(&key.field);
                key.field == "inviter_id"
                    || pk.is_none_or(|pk| there.contains(&(key.target_name.as_str(), pk)))
            };
            let wanted = match model.name.as_str() {
                "sentry.email" => {
                    text(row, "email").is_some_and(|email| addresses.contains(&email.to_lowercase()))
                }
                name @ ("sentry.snubaquery" | "sentry.timeseriessnapshot") => used.contains(&(name, row.pk)),
                _ => true,
            };
            wanted && model.keys.iter().all(leads)
        });
        if taken.len() == count {
            return there.into_iter().map(|(model, pk)| (model.to_owned(), pk)).collect();
        }
    }
}

/// The instance without some rows, without some of the keys that may be null, and without rows that lack one that may
/// not.
fn with_holes(whole: &Instance, holes: &[(Index, Option<Index>)]) -> Instance {
    let mut rows: Vec<(String, Row)> = whole
        .state()
        .into_iter()
        .flat_map(|(model, rows)| rows.into_iter().map(move |row| (model.clone(), row)))
        .collect();
    for (row, key) in holes {
        let place = row.index(rows.len());
        let keys = &whole.catalog.find(&rows[place].0).unwrap().keys;
        let keys: Vec<_> = keys.iter().filter(|key| key.nullable).collect();
        match key {
            Some(key) if !keys.is_empty() => {
                let field = keys[key.index(keys.len())].field.clone();
                Arc::make_mut(&mut rows[place].1.fields).insert(field, Value::Null);
            }
            _ => drop(rows.remove(place)),
        }
    }
    let instance = Instance::new();
    for (model, row) in rows {
        let keys = &whole.catalog.find(&model).unwrap().keys;
        if keys.iter().any(|key| !key.nullable && row.key(&key.field).is_none()) {
            continue;
        }
        instance.put(&model, row.pk, (*row.fields).clone().into());
    }
    instance
}

fn filters() -> impl Strategy<Value = Filter> {
    let some = |names: &'static [&'static str]| {
        proptest::sample::subsequence(names, 0..=names.len())
            .prop_map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    prop_oneof![
        2 => Just(Filter::All),
        1 => some(&["user1", "user2", "User2", "user3", "nobody"]).prop_map(Filter::Usernames),
        3 => some(&["ACME", "acme", "free-one", "nobody"]).prop_map(Filter::OrganizationSlugs),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_export_takes_what_the_plainest_rule_takes_with_checkpoints_and_without(
        holes in proptest::collection::vec(any::<(Index, Option<Index>)>(), 0..25),
        scope in proptest::sample::select(scopes().to_vec()),
        filter in filters(),
    ) {
        let instance = with_holes(&full(), &holes);
        let filter = if scope == ImportScope::Global { Filter::All } else { filter };
        let request = ExportRequest { scope, filter };
        let expected = plainly_taken(&instance, &request);
        let taken = exported(&instance, scope, request.filter.clone());
        let taken: BTreeSet<(String, i64)> = taken.into_iter().map(|row| (row.model, row.pk)).collect();
        prop_assert_eq!(&taken, &expected, "{:?}", request);
        let (bytes, _) = block_on(export(instance.silos(), &request, Vec::new())).unwrap();
        let kept = MemoryCheckpoint::default();
        let resumable = block_on(export_resumable(instance.silos(), &request, &kept, Vec::new())).unwrap();
        prop_assert!(resumable.0 == bytes);
    }
}
