use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use catalog::Catalog;
use pipeline::memory::When;
use silo::{Intercept, Intercepted, MemorySilo, StoreError, StoreErrorKind};

/// Counts the calls to all silos that share it, and fails one of them on demand.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    calls: Arc<AtomicUsize>,
    armed: Arc<Mutex<Option<(usize, When)>>>,
}

impl Breaker {
    /// Lets the `n`-th call from now on fail, counted from 1.
    pub fn fail_call(&self, n: usize, when: When) {
        self.reset();
        *self.armed.lock().unwrap() = Some((n, when));
    }

    /// Lets no call fail and counts anew.
    pub fn reset(&self) {
        self.calls.store(0, Ordering::SeqCst);
        *self.armed.lock().unwrap() = None;
    }

    /// How many calls there were since the last reset.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Intercept for Breaker {
    async fn call<T: Send, E: From<StoreError> + Send>(
        &self,
        effect: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let when = self.armed.lock().unwrap().filter(|(n, _)| *n == call).map(|(_, when)| when);
        let failure = || StoreError::new(StoreErrorKind::Unavailable, "a call that a test lets fail");
        if when == Some(When::Before) {
            return Err(failure().into());
        }
        // An answer that refuses is lost like any other.
        let answer = effect.await;
        if when == Some(When::After) { Err(failure().into()) } else { answer }
    }
}

/// A silo in memory whose calls may be made to fail. Tests look at `silo` itself, and put rows there.
pub type FaultySilo = Intercepted<Arc<MemorySilo>, Breaker>;

/// An empty silo whose calls a breaker may let fail.
#[must_use]
pub fn faulty_silo(catalog: Arc<Catalog>, breaker: Breaker) -> FaultySilo {
    Intercepted { silo: Arc::new(MemorySilo::new(catalog)), between: breaker }
}
