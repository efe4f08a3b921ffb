#![doc = include_str!("../README.md")]

#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod import;
#[cfg(feature = "intercept")]
mod intercepted;
mod journal;
mod memory;
#[cfg(feature = "traces")]
mod ranks;
mod reconcile;
mod row;
mod store;
#[cfg(feature = "traces")]
mod traces;
mod unique;
mod volume;

pub use error::{Conflict, StoreError, StoreErrorKind, Taken, WriteError};
pub use import::{ChunkPosition, Filter, ImportChunk, ImportFlags, ImportKind, ImportPlan, Mapped, PkRange};
#[cfg(feature = "intercept")]
pub use intercepted::{Intercept, Intercepted};
pub use journal::{JournalEntry, JournalPosition};
pub use memory::{LoadError, MemorySilo};
#[cfg(feature = "traces")]
pub use ranks::without_numbers;
pub use reconcile::{
    CascadeRun, Departed, Departure, Orphan, Pass, PendingDeparture, Reach, Reconcile, RowBatch, Tombstone,
    Watermark, WatermarkKey, Watermarks, cross_silo_keys,
};
pub use row::{Fields, Pk, Row, Stored};
pub use store::{Page, Silo, Silos, TRANSACTION_BYTES, TRANSACTION_ITEMS_LIMIT, Transaction, Write};
#[cfg(feature = "traces")]
pub use traces::Traces;
pub use unique::{UniqueKey, ValueHash};
pub use volume::{PACKED_LIMIT, PLAIN_LIMIT, fits, pack, volume};
