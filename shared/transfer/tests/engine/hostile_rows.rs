//! Exports whose rows are well-formed and wrong: each field of each model with each type of value that it does not have,
//! keys that lead forward, in circles and nowhere, primary keys that are given twice. An import ends in a whole
//! state or in an error that names model, ordinal and primary key.

use catalog::ImportScope::{self, Config, Organization, User};
use catalog::{Catalog, FieldKind, Model};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use silo::Filter;
use transfer::export::{ExportRequest, export};
use transfer::import::{ImportError, ImportErrorKind, ImportOutcome};

use crate::exactly_once::assert_whole;
use crate::support::{Instance, file, request, row};

/// A value of a field's own type.
fn value(model: &Model, kind: FieldKind, pk: i64) -> Value {
    match kind {
        FieldKind::Bool => json!(false),
        FieldKind::Int => json!(1),
        FieldKind::Float => json!(0.5),
        FieldKind::Date => json!("2024-01-01T00:00:00.000Z"),
        FieldKind::Uuid => json!("7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37"),
        FieldKind::Ip => json!("192.0.2.1"),
        FieldKind::Text(_) => json!(format!("t{pk}")),
        FieldKind::Json => json!({}),
        FieldKind::Any => json!("{}"),
        FieldKind::Key(position) => model.keys[position].target.map_or(Value::Null, |_| json!(pk)),
    }
}

fn made(model: &Model, pk: i64) -> Value {
    let mut fields: Map<String, Value> =
        model.fields.iter().map(|(name, field)| (name.clone(), value(model, field.kind, pk))).collect();
    if model.name == "sentry.organizationmember" {
        // A user or an address, never both.
        fields.insert("email".to_owned(), Value::Null);
    }
    row(&model.name, pk, fields.into())
}

/// So many rows of every model that relocates, each of which leads to rows before it.
fn made_rows(catalog: &Catalog, each: i64) -> Vec<Value> {
    let models = catalog.models().iter().filter(|model| model.relocates());
    models.flat_map(|model| (1..=each).map(|pk| made(model, pk))).collect()
}

#[test]
fn without_mutations_they_are_taken() {
    let catalog = Catalog::builtin();
    for each in [1, 2] {
        let rows = made_rows(&catalog, each);
        for scope in [User, Organization, Config] {
            let instance = Instance::new();
            let outcome = instance.import(&file(rows.clone()), &request(scope));
            assert!(!check(&instance, &outcome, rows.len() as u64, "good rows"), "{:?}", outcome.err());
        }
    }
}

/// The rows that a model's row needs, and the row itself at the end.
fn needed(catalog: &Catalog, model: &Model) -> Vec<Value> {
    let mut needed = vec![false; catalog.models().len()];
    needed[model.id.index()] = true;
    for model in catalog.models().iter().rev().filter(|model| model.relocates()) {
        if needed[model.id.index()] {
            model.keys.iter().filter_map(|key| key.target).for_each(|target| needed[target.index()] = true);
        }
    }
    let models = catalog.models().iter().filter(|model| model.relocates() && needed[model.id.index()]);
    models.map(|model| made(model, 1)).collect()
}

fn scope_of(model: &Model) -> ImportScope {
    [User, Organization, Config].into_iter().find(|scope| scope.admits(model.scope)).unwrap_or(Organization)
}

/// Checks what came of an import, and says whether it was refused.
fn check(instance: &Instance, outcome: &Result<ImportOutcome, ImportError>, rows: u64, what: &str) -> bool {
    assert_whole(instance);
    match outcome {
        Ok(outcome) => {
            assert!(outcome.finished && outcome.report.rows_done() == rows, "{what}");
            // What was let in can be let out again, in every scope.
            for scope in [User, Organization, Config, ImportScope::Global] {
                let request = ExportRequest { scope, filter: Filter::All };
                futures::executor::block_on(export(instance.silos(), &request, std::io::sink())).unwrap();
            }
            false
        }
        Err(ImportError::Row { kind, row, reason }) => {
            let kinds = [
                ImportErrorKind::ValidationError,
                ImportErrorKind::DeserializationFailed,
                ImportErrorKind::IntegrityError,
            ];
            assert!(kinds.contains(kind), "{what}: {kind:?}");
            let is_named = row.ordinal.is_some() && row.source_pk.is_some() && !row.model.is_empty();
            assert!(is_named && !reason.is_empty() && !reason.contains("SECRET"), "{what}: {reason}");
            true
        }
        Err(error) => panic!("{what}: {error:?}"),
    }
}

#[test]
fn any_type_of_value_in_any_field_is_taken_or_refused_by_name() {
    let catalog = Catalog::builtin();
    let wrong = [
        Value::Null,
        json!(true),
        json!(7),
        serde_json::from_str("-1e400").unwrap(),
        serde_json::from_str("99999999999999999999").unwrap(),
        json!("SECRET text"),
        json!(["SECRET"]),
        json!({ "SECRET": [{}] }),
    ];
    let (mut taken, mut refused) = (0, 0);
    for model in catalog.models().iter().filter(|model| model.relocates()) {
        let rows = needed(&catalog, model);
        let request = request(scope_of(model));
        let whole = Instance::new();
        let outcome = whole.import(&file(rows.clone()), &request);
        assert!(!check(&whole, &outcome, rows.len() as u64, &model.name), "{:?}", outcome.err());
        for (name, field) in &model.fields {
            for value in wrong.iter().map(Some).chain([None]) {
                let mut rows = rows.clone();
                let fields = rows.last_mut().unwrap()["fields"].as_object_mut().unwrap();
                match value {
                    Some(value) => drop(fields.insert(name.clone(), value.clone())),
                    None => drop(fields.remove(name)),
                }
                let instance = Instance::new();
                let count = rows.len() as u64;
                let what = format!("{}.{name} = {value:?}", model.name);
                let outcome = instance.import(&file(rows), &request);
                if check(&instance, &outcome, count, &what) {
                    let Err(ImportError::Row { row, .. }) = outcome else { continue };
                    assert_eq!(row.model, model.name, "{what}");
                    refused += 1;
                } else {
                    let is_list = matches!(value, Some(Value::Array(_)));
                    let takes_lists = matches!(field.kind, FieldKind::Json | FieldKind::Any);
                    let is_looked_at = request.scope.admits(model.scope_of(&Map::new()));
                    let dropped = instance.rows(&model.name).is_empty();
                    assert!(!is_list || takes_lists || dropped || !is_looked_at, "{what} was taken");
                    taken += 1;
                }
            }
        }
    }
    assert!(taken > 1_000 && refused > 1_000, "{taken} {refused}");
}

/// What happens to a file whose rows are good.
#[derive(Debug, Clone)]
enum Mutation {
    /// Rows of all models in another order: keys lead forward.
    Shuffle(Vec<Index>),
    Reverse,
    /// A row stands there twice, or with another primary key that is taken.
    Again {
        row: Index,
        to: Index,
    },
    Renumber {
        row: Index,
        pk: i64,
    },
    /// A row leads to itself, or to any other row whose number it happens to have.
    Lead {
        row: Index,
        key: Index,
        to: i64,
    },
    /// A row is of another model.
    Rename {
        row: Index,
        as_if: Index,
    },
    /// All fields of another model.
    Fields {
        row: Index,
        of: Index,
    },
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    let number = || prop_oneof![4 => 0..4_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN), 1 => any::<i64>()];
    prop_oneof![
        1 => proptest::collection::vec(index(), 200).prop_map(Mutation::Shuffle),
        1 => Just(Mutation::Reverse),
        3 => (index(), index()).prop_map(|(row, to)| Mutation::Again { row, to }),
        3 => (index(), number()).prop_map(|(row, pk)| Mutation::Renumber { row, pk }),
        4 => (index(), index(), number()).prop_map(|(row, key, to)| Mutation::Lead { row, key, to }),
        2 => (index(), index()).prop_map(|(row, as_if)| Mutation::Rename { row, as_if }),
        2 => (index(), index()).prop_map(|(row, of)| Mutation::Fields { row, of }),
    ]
}

fn mutate(catalog: &Catalog, rows: &mut Vec<Value>, mutation: Mutation) {
    let count = rows.len();
    match mutation {
        Mutation::Shuffle(places) => {
            for (at, to) in places.into_iter().enumerate() {
                rows.swap(at % count, to.index(count));
            }
        }
        Mutation::Reverse => rows.reverse(),
        Mutation::Again { row, to } => rows.insert(to.index(count + 1), rows[row.index(count)].clone()),
        Mutation::Renumber { row, pk } => rows[row.index(count)]["pk"] = pk.into(),
        Mutation::Lead { row, key, to } => {
            let row = &mut rows[row.index(count)];
            let keys = catalog.find(row["model"].as_str().unwrap()).map_or(&[][..], |model| &model.keys);
            if !keys.is_empty() {
                row["fields"][&keys[key.index(keys.len())].field] = to.into();
            }
        }
        Mutation::Rename { row, as_if } => {
            let name = rows[as_if.index(count)]["model"].clone();
            rows[row.index(count)]["model"] = name;
        }
        Mutation::Fields { row, of } => {
            let fields = rows[of.index(count)]["fields"].clone();
            rows[row.index(count)]["fields"] = fields;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_that_lead_forward_in_circles_or_nowhere_end_in_a_whole_state(
        mutations in proptest::collection::vec(mutations(), 1..8),
        twice in any::<bool>(),
        scope in proptest::sample::select(vec![User, Organization, Config]),
    ) {
        let catalog = Catalog::builtin();
        let mut rows = made_rows(&catalog, if twice { 2 } else { 1 });
        mutations.into_iter().for_each(|mutation| mutate(&catalog, &mut rows, mutation));
        let count = rows.len() as u64;
        let file = file(rows);
        let instance = Instance::new();
        let outcome = instance.import(&file, &request(scope));
        check(&instance, &outcome, count, "a mutated file");
        let state = instance.state();
        let again = instance.import(&file, &request(scope));
        check(&instance, &again, count, "again");
        prop_assert_eq!(instance.state(), state, "a repeated import changes nothing");
        prop_assert_eq!(again.is_ok(), outcome.is_ok());
    }
}
