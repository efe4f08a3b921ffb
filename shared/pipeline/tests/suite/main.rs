//! The tests of this crate, in one program, so that it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

mod admin;
mod api;
mod common;
mod events;
mod finish;
mod lifecycle;
mod properties;
mod protocol;
mod rules;
mod store_contract;
mod undo;
