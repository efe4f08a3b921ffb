//! Adapters of all ports that keep everything in memory, for tests. They share one [`Faults`], which fails
//! any call on demand, before or after it had its effect.

mod faults;
mod messages;
mod objects;
mod relocations;
mod world;

pub use faults::{Faults, When};
pub use messages::{MemoryEvents, MemoryMail, MemoryQueues, MemoryRuns, MemoryTokens, Postponed, Sent};
pub use objects::MemoryObjects;
pub use relocations::MemoryRelocations;
pub use world::{FixedKeys, ManualClock, SeededEntropy, World};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex; a test that panicked while it held the lock does not fail the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
