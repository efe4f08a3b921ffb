use std::sync::{Arc, Mutex};

use super::lock;
use crate::port::PortError;

/// When a call fails: whether its effect happened all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The call never arrived.
    Before,
    /// The call had its effect; only its answer was lost.
    After,
}

/// Counts the calls to all adapters that share it, and fails one of them on demand.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    calls: usize,
    armed: Option<(usize, When)>,
}

impl Faults {
    /// Lets the `n`-th call from now on fail, counted from 1.
    pub fn fail_call(&self, n: usize, when: When) {
        *lock(&self.0) = State { calls: 0, armed: Some((n, when)) };
    }

    /// Lets no call fail and counts anew.
    pub fn reset(&self) {
        *lock(&self.0) = State::default();
    }

    /// How many calls there were since the last reset.
    #[must_use]
    pub fn calls(&self) -> usize {
        lock(&self.0).calls
    }

    /// Makes a call: runs `effect` unless this call is to fail before it.
    pub(super) fn call<T>(
        &self,
        operation: &str,
        effect: impl FnOnce() -> Result<T, PortError>,
    ) -> Result<T, PortError> {
        let fails = self.next_call();
        if fails == Some(When::Before) {
            return Err(injected(operation));
        }
        let result = effect()?;
        if fails == Some(When::After) { Err(injected(operation)) } else { Ok(result) }
    }

    fn next_call(&self) -> Option<When> {
        let mut state = lock(&self.0);
        state.calls += 1;
        let (n, when) = state.armed?;
        (n == state.calls).then_some(when)
    }
}

fn injected(operation: &str) -> PortError {
    PortError::transient(operation, "an injected fault")
}
