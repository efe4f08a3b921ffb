#![doc = include_str!("../README.md")]

mod error;
mod import;
mod memory;
mod row;
mod store;
mod unique;

pub use error::{Conflict, StoreError, StoreErrorKind, Taken, WriteError};
pub use import::{ChunkPosition, Filter, ImportChunk, ImportFlags, ImportKind, ImportPlan, Mapped, PkRange};
pub use memory::{LoadError, MemorySilo};
pub use row::{Fields, Pk, Row, Stored};
pub use store::{Page, Silo, Silos, Transaction, Write};
pub use unique::UniqueKey;
