//! Whatever a file holds, an import ends in a whole state or in an error that says where, and never shows
//! what the row holds.

use std::collections::BTreeMap;

use catalog::ImportScope::{self, Config, Organization, User};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use silo::{Filter, ImportFlags, without_numbers};
use transfer::import::{ImportError, ImportRequest};

use crate::exactly_once::assert_whole;
use crate::support::flaky::{Moment, Wire};
use crate::support::full::{configured, configured_rows};
use crate::support::undoing::assert_undone;
use crate::support::{file, request};

/// What happens to a file.
#[derive(Debug, Clone)]
enum Mutation {
    Remove(Index),
    Repeat(Index),
    Swap(Index, Index),
    Set { row: Index, field: Index, value: Value },
    Forget { row: Index, field: Index },
    Renumber { row: Index, pk: i64 },
    Copy { from: Index, to: Index, field: Index },
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(true)),
        (-2i64..20).prop_map(Value::from),
        prop_oneof![Just(i64::MAX), Just(i64::MIN), 500i64..703].prop_map(Value::from),
        Just(json!(0.5)),
        Just(serde_json::from_str("1e999").unwrap()),
        Just(json!("")),
        "SECRET[a-zA-Z_ ]{0,90}".prop_map(Value::from),
        "(user1|USER2|acme|admin|12|taken|-|a_B|2024-01-01T00:00:00Z|é{1,130})".prop_map(Value::from),
        Just(json!([])),
        Just(json!({ "SECRET": ["SECRET"] })),
    ]
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        2 => index().prop_map(Mutation::Remove),
        1 => index().prop_map(Mutation::Repeat),
        1 => (index(), index()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        3 => (index(), index(), values()).prop_map(|(row, field, value)| Mutation::Set { row, field, value }),
        1 => (index(), index()).prop_map(|(row, field)| Mutation::Forget { row, field }),
        1 => (index(), -1i64..30).prop_map(|(row, pk)| Mutation::Renumber { row, pk }),
        2 => (index(), index(), index()).prop_map(|(from, to, field)| Mutation::Copy { from, to, field }),
    ]
}

fn mutate(rows: &mut Vec<Value>, mutation: Mutation) {
    let count = rows.len();
    if count == 0 {
        return;
    }
    let field_of = |row: &Value, field: Index| {
        let fields = row["fields"].as_object().unwrap();
        (!fields.is_empty()).then(|| fields.keys().nth(field.index(fields.len())).unwrap().clone())
    };
    match mutation {
        Mutation::Remove(row) => drop(rows.remove(row.index(count))),
        Mutation::Repeat(row) => {
            let mut repeated = rows[row.index(count)].clone();
            repeated["pk"] = json!(1_000 + repeated["pk"].as_i64().unwrap());
            rows.insert(row.index(count) + 1, repeated);
        }
        Mutation::Swap(one, other) => rows.swap(one.index(count), other.index(count)),
        Mutation::Set { row, field, value } => {
            let row = &mut rows[row.index(count)];
            if let Some(field) = field_of(row, field) {
                row["fields"][field] = value;
            }
        }
        Mutation::Forget { row, field } => {
            let row = &mut rows[row.index(count)];
            if let Some(field) = field_of(row, field) {
                row["fields"].as_object_mut().unwrap().remove(&field);
            }
        }
        Mutation::Renumber { row, pk } => rows[row.index(count)]["pk"] = json!(pk),
        Mutation::Copy { from, to, field } => {
            let from = rows[from.index(count)].clone();
            if let Some(field) = field_of(&from, field) {
                rows[to.index(count)]["fields"][&field] = from["fields"][&field].clone();
            }
        }
    }
}

fn scopes() -> impl Strategy<Value = ImportScope> {
    prop_oneof![1 => Just(User), 4 => Just(Organization), 1 => Just(Config)]
}

fn flags() -> impl Strategy<Value = ImportFlags> {
    any::<(bool, bool, bool)>().prop_map(|(merge_users, overwrite_configs, hide_organizations)| ImportFlags {
        merge_users,
        overwrite_configs,
        hide_organizations,
    })
}

fn filters() -> impl Strategy<Value = Filter> {
    let some = |names: &'static [&'static str]| {
        proptest::sample::subsequence(names, 0..=names.len())
            .prop_map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    prop_oneof![
        3 => Just(Filter::All),
        1 => some(&["user1", "user2", "USER1", "acme"]).prop_map(Filter::Usernames),
        2 => some(&["acme", "123", "Free_One"]).prop_map(Filter::OrganizationSlugs),
    ]
}

fn check_error(error: &ImportError) {
    let said = format!("{error} {error:?}");
    assert!(!said.contains("SECRET"), "{said}");
    assert!(!error.retryable(), "memory does not fail: {said}");
    match error {
        ImportError::Row { row, reason, .. } => {
            assert!(row.ordinal.is_some() && row.source_pk.is_some() && !reason.is_empty(), "{said}");
        }
        other => panic!("{other:?}"),
    }
}

/// The state after an import that was cut off somewhere and resumed.
fn disturbed(file: &[u8], request: &ImportRequest, cut: Index, after: bool) -> BTreeMap<String, Vec<Value>> {
    let wire = Wire::default();
    configured().import_over(&wire, file, request).ok();
    let moment = if after { Moment::After } else { Moment::Before };
    let instance = configured();
    instance.import_over(&Wire::cut(1 + cut.index(wire.calls()), moment), file, request).ok();
    instance.import(file, request).ok();
    without_numbers(&instance.catalog, &instance.state())
}

proptest! {
    #[test]
    fn any_file_ends_in_a_whole_state_or_in_an_error_that_says_where(
        mutations in proptest::collection::vec(mutations(), 0..12),
        scope in scopes(),
        flags in flags(),
        filter in filters(),
        cut in any::<Index>(),
        after in any::<bool>(),
    ) {
        let mut rows = configured_rows();
        mutations.into_iter().for_each(|mutation| mutate(&mut rows, mutation));
        let known = rows.iter().filter(|row| !matches!(row["model"].as_str(), Some("sentry.actor" | "vendor.gadget")));
        let known = known.count() as u64;
        let file = file(rows);
        let request = ImportRequest { flags, filter, ..request(scope) };
        let instance = configured();
        let outcome = instance.import(&file, &request);
        assert_whole(&instance);
        let state = instance.state();
        assert_undone(&configured(), &instance, &request, "also what was not finished can be undone");
        let again = instance.import(&file, &request);
        prop_assert_eq!(&instance.state(), &state, "a repeated import changes nothing");
        prop_assert_eq!(disturbed(&file, &request, cut, after), without_numbers(&instance.catalog, &state));
        match (outcome, again) {
            (Ok(outcome), Ok(again)) => {
                prop_assert!(outcome.finished);
                prop_assert_eq!(outcome.report.rows_done(), known, "every row is accounted for");
                prop_assert_eq!(again.report, outcome.report);
            }
            (Err(error), Err(again)) => {
                check_error(&error);
                prop_assert_eq!(again.to_string(), error.to_string());
            }
            (first, again) => panic!("{first:?} and then {again:?}"),
        }
    }
}
