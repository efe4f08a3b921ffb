//! An import into DynamoDB that is broken off at any call, and taken up again, ends as if nothing had happened.
//!
//! `RELOCATE_TEST_FULL=1 tests/run --rust -k dynamodb` breaks it off before and after every call; otherwise a few calls are
//! chosen by a seed (`RELOCATE_TEST_SEED` gives another).

use std::sync::Arc;

use catalog::{Catalog, ImportScope};
use pipeline::memory::When;
use platform::DynamoSilo;
use rstest::rstest;
use silo::{ImportFlags, Intercepted, Silo, Silos, Traces, without_numbers};
use testkit::Breaker;
use transfer::import::{
    ImportError, ImportOutcome, ImportRequest, Proceed, Progress, Unwatched, Watch, import,
};

use super::{IMPORT, Rows, State, export, instance, request, rows_of, state_of, table};

/// How many calls are broken off, unless all are.
const SAMPLE: usize = 8;

/// What chooses them, unless `RELOCATE_TEST_SEED` does: the same in every run of CI.
const SEED: u64 = 4;

/// An instance in DynamoDB whose every call may be broken off.
pub(super) struct Instance {
    pub(super) cell: Intercepted<Arc<DynamoSilo>, Breaker>,
    pub(super) control: Intercepted<Arc<DynamoSilo>, Breaker>,
    pub(super) breaker: Breaker,
    file: Vec<u8>,
}

impl Instance {
    /// One that has names of the file already; none without an emulator.
    pub(super) async fn new() -> Option<Self> {
        let (generator, file) = export();
        let breaker = Breaker::default();
        let wire = |silo| Intercepted { silo: Arc::new(silo), between: breaker.clone() };
        let (cell, control) = (wire(table().await?), wire(table().await?));
        let silos = Silos { cell: &cell, control: &control };
        Box::pin(seed::seed(silos, instance(&generator).as_slice())).await.unwrap();
        breaker.reset();
        Some(Self { cell, control, breaker, file })
    }

    pub(super) fn silos(&self) -> Silos<'_, Intercepted<Arc<DynamoSilo>, Breaker>> {
        Silos { cell: &self.cell, control: &self.control }
    }

    pub(super) async fn import(&self, request: &ImportRequest) -> Result<ImportOutcome, ImportError> {
        self.import_slice(request, &mut Unwatched).await
    }

    async fn import_slice(
        &self,
        request: &ImportRequest,
        watch: &mut impl Watch,
    ) -> Result<ImportOutcome, ImportError> {
        Box::pin(import(self.silos(), self.file.as_slice(), request, watch)).await
    }

    /// The rows that would be there without the import, worked out from what it left.
    async fn undone(&self) -> Rows {
        let silo = async |silo: &Intercepted<_, _>| {
            let traces = Box::pin(Traces::read(silo, IMPORT)).await.unwrap();
            Box::pin(traces.undone(silo)).await.unwrap()
        };
        let (cell, control) = (silo(&self.cell).await, silo(&self.control).await);
        rows_of(Silos { cell: &cell, control: &control }).await
    }

    async fn state(&self, outcome: ImportOutcome) -> State {
        assert!(outcome.finished);
        Box::pin(state_of(self.silos(), outcome.report)).await
    }
}

pub(super) fn merging() -> ImportRequest {
    request(ImportScope::Organization, ImportFlags { merge_users: true, ..ImportFlags::default() })
}

pub(super) fn overwriting() -> ImportRequest {
    request(ImportScope::Config, ImportFlags { overwrite_configs: true, ..ImportFlags::default() })
}

/// An undisturbed run of an import.
struct Undisturbed {
    /// The rows that were there.
    before: Rows,
    /// What it leaves.
    after: State,
    /// How many calls it makes.
    calls: usize,
}

impl Undisturbed {
    async fn of(request: &ImportRequest) -> Option<Self> {
        let instance = Instance::new().await?;
        let before = rows_of(instance.silos()).await;
        instance.breaker.reset();
        let outcome = instance.import(request).await.unwrap();
        let calls = instance.breaker.calls();
        Some(Self { before, after: instance.state(outcome).await, calls })
    }

    /// The same was written, by whichever primary keys; and without it the instance is what it was.
    async fn assert_equal_but_for_numbers(&self, instance: &Instance, state: &State, when: &str) {
        let catalog = Catalog::builtin();
        let (found, wanted) =
            (without_numbers(&catalog, &state.rows), without_numbers(&catalog, &self.after.rows));
        assert_eq!(found, wanted, "{when}");
        assert_eq!(state.report.models, self.after.report.models, "{when}");
        assert_eq!(state.chunks.len(), self.after.chunks.len(), "{when}");
        assert_eq!(instance.undone().await, self.before, "{when}");
    }
}

/// Which calls are broken off, and when: all, or some by a seed.
pub(super) fn chosen(calls: usize) -> Vec<(usize, When)> {
    let all = (1..=calls).flat_map(|call| [(call, When::Before), (call, When::After)]);
    if std::env::var("RELOCATE_TEST_FULL").is_ok_and(|full| full == "1") {
        return all.collect();
    }
    let given = std::env::var("RELOCATE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or(SEED);
    println!("RELOCATE_TEST_SEED={seed}");
    fastrand::Rng::with_seed(seed).choose_multiple(all, SAMPLE)
}

#[rstest]
#[case::merging(&merging())]
#[case::overwriting(&overwriting())]
#[tokio::test]
async fn an_import_into_dynamodb_that_broke_off_at_any_call_resumes(#[case] request: &ImportRequest) {
    let Some(undisturbed) = Undisturbed::of(request).await else { return };
    assert!(undisturbed.calls > 20, "there is something to break off: {}", undisturbed.calls);
    for (call, when) in chosen(undisturbed.calls) {
        let Some(instance) = Instance::new().await else { return };
        instance.breaker.fail_call(call, when);
        let when = format!("call {call} {when:?}");
        match instance.import(request).await {
            Err(error) => assert!(error.retryable(), "{when}: {error}"),
            // Batches that are written at once may meet in more ways than one, each of which is a call or two.
            Ok(_) => assert!(instance.breaker.calls() < call, "{when} failed, and nobody noticed"),
        }
        let is_planned = instance.cell.plan(IMPORT).await.unwrap().is_some();
        instance.breaker.reset();
        let resumed = instance.import(request).await.unwrap();
        let state = instance.state(resumed).await;
        if is_planned {
            assert_eq!(state, undisturbed.after, "{when}");
        }
        // Primary keys that were reserved for a plan that did not come to be leave a gap.
        undisturbed.assert_equal_but_for_numbers(&instance, &state, &when).await;
    }
}

#[rstest]
#[case::merging(&merging())]
#[case::overwriting(&overwriting())]
#[tokio::test]
async fn two_runs_of_one_import_into_dynamodb_write_every_row_once(#[case] request: &ImportRequest) {
    let Some(undisturbed) = Undisturbed::of(request).await else { return };
    let Some(instance) = Instance::new().await else { return };
    // The second may be told that the first has an item at this moment, and is tried again as a task would be.
    let insist = async || loop {
        match instance.import(request).await {
            Ok(outcome) => return outcome,
            Err(error) => assert!(error.retryable(), "{error}"),
        }
    };
    let (first, second) = tokio::join!(insist(), insist());
    assert_eq!(first.report.models, second.report.models);
    let state = instance.state(first).await;
    undisturbed.assert_equal_but_for_numbers(&instance, &state, "two at once").await;
}

/// Stops as soon as so many batches were written.
struct Slice(u64);

impl Watch for Slice {
    async fn proceed(&mut self, progress: Progress<'_>) -> Proceed {
        if progress.batches_written < self.0 { Proceed::GoOn } else { Proceed::Stop }
    }
}

#[tokio::test]
async fn slices_of_an_import_into_dynamodb_come_to_the_same() {
    let Some(undisturbed) = Undisturbed::of(&merging()).await else { return };
    let Some(instance) = Instance::new().await else { return };
    let mut slices = 0;
    let outcome = loop {
        let outcome = instance.import_slice(&merging(), &mut Slice(3)).await.unwrap();
        if outcome.finished {
            break outcome;
        }
        slices += 1;
    };
    assert!(slices > 5, "{slices}");
    assert_eq!(instance.state(outcome).await, undisturbed.after);
}
