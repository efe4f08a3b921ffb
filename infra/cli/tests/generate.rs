//! Generated exports.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::HashMap;
use std::num::NonZeroU32;

use catalog::{Catalog, FieldKind, ImportScope, Scope};
use futures::executor::block_on;
use relocate::generate::{Blueprint, BlueprintError, Generator};
use silo::{Filter, ImportFlags, MemorySilo, Silos};
use transfer::import::{ImportOutcome, ImportRequest, Unwatched, import};
use transfer::rows::{FileRow, RowReader};
use uuid::Uuid;

fn blueprint(organizations: u32) -> Blueprint {
    Blueprint::new(NonZeroU32::new(organizations).unwrap())
}

fn generate(blueprint: Blueprint) -> Vec<u8> {
    Generator::new(Catalog::builtin(), blueprint).unwrap().write(Vec::new(), || {}).unwrap()
}

fn rows(file: &[u8]) -> Vec<FileRow> {
    let mut reader = RowReader::new(file);
    std::iter::from_fn(|| reader.next_row().unwrap()).collect()
}

fn import_into_nothing(file: &[u8], scope: ImportScope) -> ImportOutcome {
    let catalog = Catalog::builtin();
    let (cell, control) = (MemorySilo::new(catalog.clone()), MemorySilo::new(catalog));
    let request = ImportRequest {
        import: Uuid::from_u128(1),
        scope,
        flags: ImportFlags::default(),
        filter: Filter::All,
        clear: false,
        source_version: "1".to_owned(),
        now: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        key: [7; 32],
    };
    block_on(import(Silos { cell: &cell, control: &control }, file, &request, &mut Unwatched)).unwrap()
}

#[test]
fn every_model_that_relocates_with_organisations_or_configuration_has_rows() {
    let mut instance = blueprint(1);
    instance.instance = true;
    let rows = rows(&generate(instance));
    for model in Catalog::builtin().models() {
        let wanted = matches!(model.scope, Scope::User | Scope::Organization | Scope::Config);
        assert_eq!(rows.iter().any(|row| row.model == model.name), wanted, "{}", model.name);
    }
}

#[test]
fn rows_have_the_fields_of_their_models_and_keys_that_lead_somewhere() {
    let catalog = Catalog::builtin();
    let mut instance = blueprint(3);
    instance.instance = true;
    let rows = rows(&generate(instance));
    let mut known: HashMap<(String, i64), ()> = HashMap::new();
    for row in &rows {
        let model = catalog.find(&row.model).unwrap();
        for (name, field) in &model.fields {
            let value = row.fields.get(name).unwrap_or_else(|| panic!("{}.{name} is missing", row.model));
            assert!(
                field.nullable || !value.is_null() || field.kind == FieldKind::Any,
                "{}.{name}",
                row.model
            );
            if let (FieldKind::Key(slot), Some(pk)) = (field.kind, value.as_i64()) {
                let target = (model.keys[slot].target_name.clone(), pk);
                assert!(known.contains_key(&target), "{}.{name} leads to {target:?}", row.model);
            }
        }
        let unknown: Vec<_> = row.fields.keys().filter(|name| model.field(name).is_none()).collect();
        assert!(unknown.is_empty(), "{} has no {unknown:?}", row.model);
        assert!(known.insert((row.model.clone(), row.pk), ()).is_none(), "{} {} twice", row.model, row.pk);
    }
}

#[test]
fn an_import_into_an_empty_instance_takes_every_row() {
    for (organizations, users, projects) in [(1, 1, 1), (2, 1, 7), (5, 6, 6), (3, 9, 13)] {
        let mut wanted = blueprint(organizations);
        wanted.users = NonZeroU32::new(users).unwrap();
        wanted.projects = NonZeroU32::new(projects).unwrap();
        let rows = Generator::new(Catalog::builtin(), wanted.clone()).unwrap().rows();
        let outcome = import_into_nothing(&generate(wanted), ImportScope::Organization);
        assert_eq!(outcome.report.dropped, []);
        assert_eq!(outcome.report.renamed, []);
        assert!(outcome.report.unknown_fields.is_empty(), "{:?}", outcome.report.unknown_fields);
        let inserted: u64 = outcome.report.models.values().map(|model| model.inserted + model.existing).sum();
        assert_eq!(inserted, rows, "{organizations} organisations of {users} users and {projects} projects");
    }
}

#[test]
fn the_configuration_of_an_instance_can_be_imported() {
    let mut instance = blueprint(1);
    instance.instance = true;
    let outcome = import_into_nothing(&generate(instance), ImportScope::Config);
    assert_eq!(outcome.report.dropped, []);
    for model in ["sentry.option", "sentry.controloption", "sentry.relay", "sentry.userrole", "sentry.user"] {
        assert!(outcome.report.models[model].inserted > 0, "{model}");
    }
}

#[test]
fn sizes_are_about_a_thousand_ten_thousand_and_fifty_thousand() {
    for (organizations, about) in [(5, 1_000), (48, 10_000), (240, 50_000)] {
        let rows = Generator::new(Catalog::builtin(), blueprint(organizations)).unwrap().rows();
        assert!(rows.abs_diff(about) <= about / 15, "{organizations} organisations have {rows} rows");
    }
}

#[test]
fn equal_seeds_give_equal_files_and_others_do_not() {
    let mut other = blueprint(2);
    other.seed = 2;
    assert_eq!(generate(blueprint(2)), generate(blueprint(2)));
    assert_ne!(generate(blueprint(2)), generate(other));
}

#[test]
fn chosen_names_come_first_and_some_users_are_shared() {
    let mut wanted = blueprint(2);
    wanted.usernames = vec!["grace".to_owned()];
    wanted.slugs = vec!["acme".to_owned()];
    let generator = Generator::new(Catalog::builtin(), wanted.clone()).unwrap();
    assert_eq!((generator.username(0, 0), generator.slug(0)), ("grace".to_owned(), "acme".to_owned()));
    assert!(generator.slug(1).starts_with("gen-"));
    let rows = rows(&generate(wanted));
    let memberships = rows
        .iter()
        .filter(|row| row.model == "sentry.organizationmember" && row.fields["user_id"] == 1)
        .map(|row| row.fields["organization"].clone());
    assert_eq!(memberships.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn blueprints_that_contradict_themselves_are_refused() {
    let refused = |change: fn(&mut Blueprint)| {
        let mut blueprint = blueprint(1);
        change(&mut blueprint);
        Generator::new(Catalog::builtin(), blueprint).unwrap_err()
    };
    let repeated = refused(|blueprint| blueprint.usernames = vec!["Ada".to_owned(), "ada".to_owned()]);
    assert!(matches!(repeated, BlueprintError::RepeatedName { what: "username", .. }));
    let too_many = refused(|blueprint| blueprint.slugs = vec!["a".to_owned(), "b".to_owned()]);
    assert!(matches!(too_many, BlueprintError::TooManyNames { what: "slug", names: 2, places: 1 }));
    for prefix in ["", "A", "1a", "a-", "a_b", "aaaaaaaaaaaaaaaaaaaaa"] {
        assert!(prefix.parse::<relocate::generate::Prefix>().is_err(), "{prefix}");
    }
}
