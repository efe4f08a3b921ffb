//! The silo in memory and the silo in DynamoDB are one to the engine: the same plan and the same input leave
//! equal states, row for row. Rehearsals and validations rest on it.

use catalog::{Catalog, ImportScope};
use rstest::rstest;
use silo::{ImportFlags, MemorySilo, Silos, Watermarks};
use transfer::import::{ImportRequest, Unwatched, import};

use super::{State, export, instance, request, state_of, table};

async fn state_after<S: Watermarks>(cell: S, control: S, request: &ImportRequest) -> State {
    let silos = Silos { cell: &cell, control: &control };
    let (generator, file) = export();
    seed::seed(silos, instance(&generator).as_slice()).await.unwrap();
    let outcome = import(silos, file.as_slice(), request, &mut Unwatched).await.unwrap();
    state_of(silos, outcome.report).await
}

#[rstest]
#[case::organizations(ImportScope::Organization, ImportFlags { hide_organizations: true, ..ImportFlags::default() })]
#[case::merging(ImportScope::Organization, ImportFlags { merge_users: true, ..ImportFlags::default() })]
#[case::configuration(ImportScope::Config, ImportFlags { overwrite_configs: true, ..ImportFlags::default() })]
#[case::a_copy(ImportScope::Global, ImportFlags::default())]
#[tokio::test]
async fn memory_and_dynamodb_end_in_equal_states(#[case] scope: ImportScope, #[case] flags: ImportFlags) {
    // The tables of both silos have the same shape.
    let (Some(cell), Some(control)) = (table().await, table().await) else { return };
    // What is there goes before a copy of a whole instance comes.
    let request = ImportRequest { clear: scope == ImportScope::Global, ..request(scope, flags) };
    let stored = state_after(cell, control, &request).await;
    let memory = || MemorySilo::new(Catalog::builtin());
    let expected = state_after(memory(), memory(), &request).await;

    assert!(expected.report.models.values().any(|model| model.inserted > 0), "something was imported");
    let may_be_free = matches!(scope, ImportScope::Config | ImportScope::Global);
    assert!(!expected.report.renamed.is_empty() || may_be_free, "names were in the way");
    assert_eq!(expected.journal.is_empty(), !flags.overwrite_configs, "what was overwritten can be undone");
    for (stored, expected) in stored.rows.iter().zip(&expected.rows) {
        assert_eq!(stored, expected);
    }
    assert_eq!(stored, expected);
}
