//! The shipped catalogue holds together, and says of every model what the reference facts say.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Comparator, KeyKind, Model, OnDelete, Scope, SiloKind};
use serde_json::Value;

fn reference(name: &str) -> Option<Value> {
    Some(serde_json::from_slice(&outside::reference_bytes(name)?).unwrap())
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_builtin_catalogue_loads() {
    let catalog = Catalog::builtin();
    let relocating = catalog.models().iter().filter(|model| model.relocates()).count();
    assert_eq!(relocating, 85);
    let cross_silo =
        |model: &&Model| model.keys.iter().any(|key| key.kind == KeyKind::CrossSilo) && !model.relocates();
    assert_eq!(catalog.models().iter().filter(cross_silo).count(), 36);
    let keys = catalog.models().iter().flat_map(|model| &model.keys);
    assert_eq!(keys.filter(|key| key.kind == KeyKind::CrossSilo).count(), 81);
}

#[test]
fn models_are_as_the_facts_say() {
    let Some(facts) = reference("model_facts.json") else { return };
    let catalog = Catalog::builtin();
    let mut last_rank = -1;
    let facts: BTreeMap<String, Value> = facts
        .as_array()
        .unwrap()
        .iter()
        .map(|fact| (fact["model"].as_str().unwrap().to_owned(), fact.clone()))
        .collect();
    for model in catalog.models() {
        let fact = &facts[&model.name];
        let rank = fact["sort_rank"].as_i64().unwrap();
        assert!(rank > last_rank, "{} is out of order", model.name);
        last_rank = rank;
        assert_eq!(model.table, fact["table"].as_str().unwrap());
        let silo = if fact["silo"][0] == "Region" { SiloKind::Cell } else { SiloKind::Control };
        assert_eq!(model.silo, silo, "{}", model.name);
        assert_eq!(scopes(model), texts(&fact["relocation_scope"]).into_iter().collect(), "{}", model.name);
        assert_eq!(model.dangling, fact["dangling"].as_bool().unwrap(), "{}", model.name);
        check_keys(&catalog, model, &fact["foreign_keys"]);
        if model.relocates() {
            check_fields(model, fact);
            let ordinal = fact.get("custom_ordinal").filter(|ordinal| !ordinal.is_null()).map(texts);
            assert_eq!(model.ordinal, ordinal, "{}", model.name);
            for unique in fact["uniques"].as_array().unwrap() {
                let wanted: BTreeSet<String> =
                    texts(unique).into_iter().map(|field| field_name(model, field)).collect();
                let has =
                    |set: &&catalog::UniqueSet| set.fields.iter().cloned().collect::<BTreeSet<_>>() == wanted;
                let conditional = model.name == "sentry.savedsearch";
                assert!(
                    conditional || model.uniques.iter().any(|set| has(&set)),
                    "{} {wanted:?}",
                    model.name
                );
            }
        }
    }
}

/// The facts name some keys by their column rather than by their field.
fn field_name(model: &Model, field: String) -> String {
    match field.strip_suffix("_id") {
        Some(stem) if model.field(&field).is_none() => stem.to_owned(),
        _ => field,
    }
}

fn scopes(model: &Model) -> BTreeSet<String> {
    let name = |scope| match scope {
        Scope::Excluded => "Excluded",
        Scope::User => "User",
        Scope::Organization => "Organization",
        Scope::Config => "Config",
        Scope::Global => "Global",
    };
    let mut scopes = BTreeSet::from([name(model.scope).to_owned()]);
    // Links of notification actions have no scope of their own: they follow their action.
    if !model.global_when.is_empty() || model.name == "sentry.notificationactionproject" {
        scopes.insert("Global".to_owned());
    }
    scopes
}

fn check_keys(catalog: &Catalog, model: &Model, facts: &Value) {
    for (field, fact) in facts.as_object().unwrap() {
        let target = fact["model"].as_str().unwrap();
        let Some(key) = model.key(field) else {
            assert!(
                catalog.find(target).is_none() && !model.relocates(),
                "{}.{field} is missing",
                model.name
            );
            continue;
        };
        assert_eq!(key.target_name, target, "{}.{field}", model.name);
        assert_eq!(key.nullable, fact["nullable"].as_bool().unwrap_or(false), "{}.{field}", model.name);
        let kind = match fact["kind"].as_str().unwrap() {
            "HybridCloudForeignKey" => KeyKind::CrossSilo,
            "ImplicitForeignKey" => KeyKind::Reference,
            _ => KeyKind::Local,
        };
        assert_eq!(key.kind, kind, "{}.{field}", model.name);
        let on_delete = match fact.get("on_delete").and_then(Value::as_str) {
            Some("SET_NULL") => Some(OnDelete::SetNull),
            Some("PROTECT") => Some(OnDelete::Protect),
            Some("DO_NOTHING") => Some(OnDelete::DoNothing),
            Some(_) => Some(OnDelete::Cascade),
            None if kind == KeyKind::Reference => None,
            // One-to-one keys that cascade by their own code.
            None => Some(OnDelete::Cascade),
        };
        assert_eq!(key.on_delete, on_delete, "{}.{field}", model.name);
    }
}

fn check_fields(model: &Model, fact: &Value) {
    let facts = fact["fields"].as_object().unwrap();
    let wanted: BTreeSet<&String> = facts.keys().filter(|field| *field != "id").collect();
    assert_eq!(model.fields.keys().collect::<BTreeSet<_>>(), wanted, "{}", model.name);
    for (name, fact) in facts {
        let nullable = fact.get("null").and_then(Value::as_bool).unwrap_or(false);
        let custom =
            !fact["type"].as_str().unwrap().ends_with("Field") || fact["type"] == "OneToOneCascadeDeletes";
        if name != "id" && !custom {
            assert_eq!(model.fields[name].nullable, nullable, "{}.{name}", model.name);
        }
    }
}

/// SPEC §10: the models whose rows are deleted only while they are pending or in deletion.
#[test]
fn four_models_say_that_they_are_to_be_deleted() {
    let catalog = Catalog::builtin();
    let marked =
        catalog.models().iter().filter_map(|model| Some((model.name.as_str(), model.deletion.as_ref()?)));
    let marked: BTreeSet<_> = marked
        .map(|(name, mark)| {
            let number = |value: &Value| value.as_i64().unwrap();
            (name, number(&mark.active), number(&mark.pending), number(&mark.in_progress))
        })
        .collect();
    let expected = [
        ("sentry.apiapplication", 0, 2, 3),
        ("sentry.organization", 0, 1, 2),
        ("sentry.organizationintegration", 0, 2, 3),
        ("sentry.repository", 0, 2, 3),
    ];
    assert_eq!(marked, BTreeSet::from(expected));
}

#[test]
fn comparators_are_as_the_reference_says() {
    let Some(reference) = reference("comparators.json") else { return };
    let catalog = Catalog::builtin();
    for entry in reference.as_array().unwrap() {
        let Some(model) = catalog.find(entry["model_name"].as_str().unwrap()) else { continue };
        if !model.relocates() {
            continue;
        }
        let mut wanted = BTreeSet::new();
        for comparator in entry["comparators"].as_array().unwrap() {
            let class = comparator["class"].as_str().unwrap();
            for field in texts(&comparator["fields"]) {
                if class == "ForeignKeyComparator" {
                    assert!(model.key(&field).is_some(), "{}.{field} is no key", model.name);
                } else if model.field(&field).is_some() || catalog.is_removed_field(&model.name, &field) {
                    wanted.insert((field, class.to_owned()));
                }
            }
        }
        let mut found = BTreeSet::new();
        for (field, comparators) in &model.comparators {
            found.extend(
                comparators.iter().map(|comparator| (field.clone(), class_name(*comparator).to_owned())),
            );
        }
        assert_eq!(found, wanted, "{}", model.name);
    }
}

fn class_name(comparator: Comparator) -> &'static str {
    match comparator {
        Comparator::AutoSuffix => "AutoSuffixComparator",
        Comparator::DateUpdated => "DateUpdatedComparator",
        Comparator::Date => "DatetimeEqualityComparator",
        Comparator::Email => "EmailObfuscatingComparator",
        Comparator::EqualOrRemoved => "EqualOrRemovedComparator",
        Comparator::Hash => "HashObfuscatingComparator",
        Comparator::Ignored => "IgnoredComparator",
        Comparator::SecretHex => "SecretHexComparator",
        Comparator::SubscriptionId => "SubscriptionIDComparator",
        Comparator::Uuid4 => "UUID4Comparator",
        Comparator::UnorderedList => "UnorderedListComparator",
        Comparator::UserPassword => "UserPasswordObfuscatingComparator",
    }
}
