//! Undoing an import in DynamoDB, broken off at any call and taken up again, leaves what was there before the import.

use catalog::{Catalog, SiloKind};
use pipeline::memory::When;
use rstest::rstest;
use silo::{Silo, UniqueKey, Watermarks};
use transfer::import::ImportRequest;
use transfer::undo::{UndoError, UndoOutcome, UndoReport, UndoRequest, UndoState, Unwatched, undo};

use super::exactly_once::{Instance, chosen, merging, overwriting};
use super::{IMPORT, Rows, rows_of};

const UNDOING: UndoRequest = UndoRequest { import: IMPORT, cascade: false, dry_run: false };

impl Instance {
    /// One into which an import has come; none without an emulator.
    async fn imported(request: &ImportRequest) -> Option<Self> {
        let instance = Self::new().await?;
        assert!(instance.import(request).await.unwrap().finished);
        instance.breaker.reset();
        Some(instance)
    }

    async fn undo(&self, request: &UndoRequest) -> Result<UndoOutcome, UndoError> {
        Box::pin(undo(self.silos(), request, UndoState::default(), &mut Unwatched)).await
    }

    async fn rows(&self) -> Rows {
        Box::pin(rows_of(self.silos())).await
    }
}

/// An undisturbed run.
struct Undisturbed {
    /// The rows before the import.
    before: Rows,
    /// The unique values before and after it, and who has them before it.
    values: Vec<(UniqueKey, Option<silo::Pk>)>,
    report: UndoReport,
    calls: usize,
}

impl Undisturbed {
    async fn of(request: &ImportRequest) -> Option<Self> {
        let fresh = Instance::new().await?;
        let before = fresh.rows().await;
        let instance = Instance::imported(request).await?;
        let after = instance.rows().await;
        let keys: Vec<UniqueKey> = [&before, &after].into_iter().flatten().flat_map(uniques).collect();
        let holders = holders(&fresh, &keys).await;
        let values = keys.into_iter().zip(holders).collect();
        instance.breaker.reset();
        let foreseen = instance.undo(&UndoRequest { dry_run: true, ..UNDOING }).await.unwrap();
        assert_eq!(instance.rows().await, after, "a dry run changes nothing");
        instance.breaker.reset();
        let outcome = instance.undo(&UNDOING).await.unwrap();
        let undisturbed =
            Self { before, values, report: outcome.state.report, calls: instance.breaker.calls() };
        assert_eq!(undisturbed.report, foreseen.state.report, "and foresees what will be done");
        Box::pin(undisturbed.assert_undone(&instance, "undisturbed")).await;
        Some(undisturbed)
    }

    /// Row for row and unique value for unique value.
    async fn assert_undone(&self, instance: &Instance, when: &str) {
        assert_eq!(instance.rows().await, self.before, "{when}");
        let keys: Vec<UniqueKey> = self.values.iter().map(|(key, _)| key.clone()).collect();
        for ((key, expected), found) in self.values.iter().zip(holders(instance, &keys).await) {
            assert_eq!(found, *expected, "{when}: {key:?}");
        }
        for silo in [&instance.cell, &instance.control] {
            assert!(Box::pin(silo.open_imports()).await.unwrap().is_empty(), "{when}");
        }
    }
}

fn uniques((name, rows): &(String, Vec<silo::Row>)) -> Vec<UniqueKey> {
    let catalog = Catalog::builtin();
    let model = catalog.find(name).unwrap();
    rows.iter().flat_map(|row| UniqueKey::of(model, &row.fields)).collect()
}

/// Who has these unique values, of rows of either silo.
async fn holders(instance: &Instance, keys: &[UniqueKey]) -> Vec<Option<silo::Pk>> {
    let catalog = Catalog::builtin();
    let mut holders = vec![None; keys.len()];
    for (kind, silo) in [(SiloKind::Cell, &instance.cell), (SiloKind::Control, &instance.control)] {
        let (places, own): (Vec<usize>, Vec<UniqueKey>) = keys
            .iter()
            .enumerate()
            .filter(|(_, key)| catalog.model(key.model).silo == kind)
            .map(|(place, key)| (place, key.clone()))
            .unzip();
        for (place, holder) in places.into_iter().zip(silo.silo.holders(&own).await.unwrap()) {
            holders[place] = holder;
        }
    }
    holders
}

#[rstest]
#[case::merging(&merging())]
#[case::overwriting(&overwriting())]
#[tokio::test]
async fn undoing_in_dynamodb_that_broke_off_at_any_call_goes_on(#[case] request: &ImportRequest) {
    let Some(undisturbed) = Box::pin(Undisturbed::of(request)).await else { return };
    assert!(undisturbed.calls > 50, "there is something to break off: {}", undisturbed.calls);
    let total = undisturbed.report.total();
    assert!(total.deleted > 0 && (total.restored > 0) == request.flags.overwrite_configs, "{total:?}");
    for (call, when) in chosen(undisturbed.calls) {
        let Some(instance) = Instance::imported(request).await else { return };
        instance.breaker.fail_call(call, when);
        let when: (usize, When) = (call, when);
        match instance.undo(&UNDOING).await {
            Err(error) => assert!(error.retryable(), "{when:?}: {error}"),
            // Pages are read and written with more or fewer calls side by side.
            Ok(_) => assert!(instance.breaker.calls() < call, "{when:?} failed, and nobody noticed"),
        }
        instance.breaker.reset();
        assert!(instance.undo(&UNDOING).await.unwrap().finished);
        Box::pin(undisturbed.assert_undone(&instance, &format!("{when:?}"))).await;
    }
}

#[rstest]
#[case::merging(&merging())]
#[case::overwriting(&overwriting())]
#[tokio::test]
async fn an_import_into_dynamodb_that_broke_off_is_undone(#[case] request: &ImportRequest) {
    let Some(undisturbed) = Box::pin(Undisturbed::of(request)).await else { return };
    let Some(whole) = Instance::new().await else { return };
    whole.import(request).await.unwrap();
    for (call, when) in chosen(whole.breaker.calls()) {
        let Some(instance) = Instance::new().await else { return };
        instance.breaker.fail_call(call, when);
        drop(instance.import(request).await);
        instance.breaker.reset();
        assert!(instance.undo(&UNDOING).await.unwrap().finished);
        Box::pin(undisturbed.assert_undone(&instance, &format!("{call} {when:?}"))).await;
    }
}

#[tokio::test]
async fn two_at_once_undo_an_import_in_dynamodb() {
    let request = overwriting();
    let Some(undisturbed) = Box::pin(Undisturbed::of(&request)).await else { return };
    let Some(instance) = Instance::imported(&request).await else { return };
    // The second may be told that the first has an item at this moment, and is tried again as a task would be.
    let insist = async || loop {
        match instance.undo(&UNDOING).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
    };
    let (first, second) = tokio::join!(insist(), insist());
    assert!(first.finished && second.finished);
    Box::pin(undisturbed.assert_undone(&instance, "two at once")).await;
}
