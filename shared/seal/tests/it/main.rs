//! What the sealed export promises, asked of the whole crate.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and so may its helpers"
)]

mod hostile;
mod keys;
mod mutations;
mod properties;
mod python;
mod reference;
mod resuming;
mod round_trip;
mod support;
mod token;
