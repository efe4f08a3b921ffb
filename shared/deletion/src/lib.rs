#![doc = include_str!("../README.md")]

mod dependents;
mod error;
mod job;
mod leading;
mod protection;
mod reconcile;
mod rows;
pub mod schedule;
mod watch;

pub use error::{DeletionError, RowId};
pub use job::{CascadeJob, DeletionJob};
pub use leading::Leading;
pub use reconcile::{CrossSiloKey, PassReport, Reconciled, Reconciler, Settings};
pub use rows::{Deleted, delete, delete_leading, look_after};
pub use watch::{Unwatched, Watch};

/// How many rows are read, and how many go, at a time (SPEC §10).
pub const CHUNK: usize = 100;
