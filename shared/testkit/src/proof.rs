use std::collections::BTreeSet;

use pipeline::memory::When;
use runtime::Handled;

use crate::{Observed, Stage};

/// How often a message is delivered at most, on all turns together.
const DELIVERIES_MAX: usize = 64;

/// Runs a task undisturbed, and then in every way in which it can be disturbed: again, twice at once, and with
/// each call to a port or a silo failing once, before or after its effect. All must end in the same state, which
/// is returned; and in all of them, what the relocation's import left tells how to undo all that it did to silos.
///
/// `stage` sets the scene anew each time; `run` makes the body and delivers its message once.
///
/// # Panics
/// A disturbance changed the outcome.
pub async fn proven(stage: impl AsyncFn() -> Stage, run: impl AsyncFn(&Stage) -> Handled) -> Observed {
    let smooth = stage().await;
    assert_eq!(run(&smooth).await, Handled::Done, "undisturbed, the first delivery is the last");
    let (port_calls, silo_calls) = (smooth.faults.calls(), smooth.breaker.calls());
    let expected = smooth.observe().await;
    undoable(&smooth, "undisturbed").await;

    deliver(&smooth, &run).await;
    same(&smooth, &expected, "a repeated message changes nothing").await;

    let twice = stage().await;
    futures::join!(run(&twice), run(&twice));
    deliver(&twice, &run).await;
    same(&twice, &expected, "two at once change nothing more").await;

    for when in [When::Before, When::After] {
        for call in 1..=port_calls {
            let stage = stage().await;
            stage.faults.fail_call(call, when);
            deliver(&stage, &run).await;
            same(&stage, &expected, &format!("killed {when:?} call {call} to a port")).await;
        }
        for call in 1..=silo_calls {
            let stage = stage().await;
            stage.breaker.fail_call(call, when);
            deliver(&stage, &run).await;
            same(&stage, &expected, &format!("killed {when:?} call {call} to a silo")).await;
        }
    }
    expected
}

/// Delivers the task's message until it is handled and the task has ended.
async fn deliver(stage: &Stage, run: &impl AsyncFn(&Stage) -> Handled) {
    for _ in 0..DELIVERIES_MAX {
        if run(stage).await == Handled::Done && stage.answer().is_some() {
            return;
        }
    }
    panic!("the task never ends");
}

/// Compares a state with another and names only what differs.
async fn same(stage: &Stage, expected: &Observed, promise: &str) {
    let actual = &stage.observe().await;
    let more: Vec<_> = actual.rows.difference(&expected.rows).collect();
    let less: Vec<_> = expected.rows.difference(&actual.rows).collect();
    assert!(more.is_empty() && less.is_empty(), "{promise}: there are {more:#?} instead of {less:#?}");
    let but_rows = |observed: &Observed| Observed { rows: BTreeSet::new(), ..observed.clone() };
    assert_eq!(but_rows(actual), but_rows(expected), "{promise}");
    undoable(stage, promise).await;
}

/// Fails unless the relocation can be undone: what is left is what the test has put there.
async fn undoable(stage: &Stage, when: &str) {
    let (undone, put) = stage.undone().await;
    for (row, fields) in &put {
        assert_eq!(undone.get(row), Some(fields), "{when}: {row:?} is not what it was");
    }
    let more: Vec<_> = undone.keys().filter(|row| !put.contains_key(*row)).collect();
    assert!(more.is_empty(), "{when}: nothing tells that the relocation added {more:?}");
}
