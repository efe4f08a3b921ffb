//! Silos that look on, and fail or dawdle when they are told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use silo::{Intercept, Intercepted, MemorySilo, StoreError, StoreErrorKind, Transaction};

/// When a call fails: before it did anything, or after it did everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// More turns than any import takes.
const LONG: usize = 10_000;

/// What goes to both silos of an instance, in order.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    calls: AtomicUsize,
    cut: Option<(usize, Moment)>,
    /// Whether nothing goes through behind the cut.
    is_dead: bool,
    /// Decides how long each call takes.
    seed: Option<usize>,
    /// The call that everybody else overtakes.
    held_up: Option<usize>,
    written: Mutex<Vec<Transaction>>,
}

impl Wire {
    /// A wire on which the call of this number fails, from 1.
    pub(crate) fn cut(call: usize, moment: Moment) -> Self {
        Self { cut: Some((call, moment)), ..Self::default() }
    }

    /// A wire on which the call of this number fails and every later one, as when the process is killed: what was under
    /// way beside it goes no further either.
    pub(crate) fn dead_from(call: usize, moment: Moment) -> Self {
        Self { is_dead: true, ..Self::cut(call, moment) }
    }

    /// A wire on which calls take longer or shorter, so that runs side by side meet in other places.
    pub(crate) fn slow(seed: usize) -> Self {
        Self { seed: Some(seed), ..Self::default() }
    }

    /// A wire on which the call of this number takes so long that whoever else runs ends meanwhile.
    pub(crate) fn held_up_at(call: usize) -> Self {
        Self { held_up: Some(call), ..Self::default() }
    }

    /// The same wire, on which nothing goes through from some calls later on.
    pub(crate) fn and_dead_after(self, calls: usize) -> Self {
        let cut = self.held_up.unwrap_or_default() + calls;
        Self { cut: Some((cut, Moment::Before)), is_dead: true, ..self }
    }

    /// How many calls went over it.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// The transactions that were written.
    pub(crate) fn written(&self) -> Vec<Transaction> {
        self.written.lock().unwrap().clone()
    }
}

impl Intercept for Wire {
    async fn call<T: Send, E: From<StoreError> + Send>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(seed) = self.seed {
            let mixed = (number + seed * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60;
            give_way(mixed % 4).await;
        }
        if self.held_up == Some(number) {
            give_way(LONG).await;
        }
        let lost = || StoreError::new(StoreErrorKind::Unavailable, format!("call {number}"));
        match self.cut {
            Some((cut, Moment::Before)) if cut == number => Err(lost().into()),
            Some((cut, Moment::After)) if cut == number => {
                let answer = call.await;
                drop(answer);
                Err(lost().into())
            }
            Some((cut, _)) if self.is_dead && cut < number => Err(lost().into()),
            _ => call.await,
        }
    }

    fn written(&self, transaction: &Transaction) {
        self.written.lock().unwrap().push(transaction.clone());
    }
}

/// Lets others run so many times.
pub(crate) async fn give_way(mut times: usize) {
    std::future::poll_fn(|context| {
        if times == 0 {
            return Poll::Ready(());
        }
        times -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A silo at the other end of a wire.
pub(crate) type Wired<'a> = Intercepted<&'a MemorySilo, &'a Wire>;
