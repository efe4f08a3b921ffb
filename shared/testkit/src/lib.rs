#![doc = include_str!("../README.md")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod export;
mod log;
mod proof;
mod silo;
mod stage;

pub use export::Export;
pub use log::Log;
pub use proof::proven;
pub use silo::{Breaker, FaultySilo, faulty_silo};
pub use stage::{BOOKSHOPS, CELL, OWNER, Observed, Setup, SharedClock, Stage};
