//! What needs an AWS to talk to. One binary, because linking the SDK is what takes time.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it skips"
)]

mod adapters;
mod schedules_contract;
mod silo_contract;
mod silo_rows_of_others;
mod silo_twin;
mod silo_usage;
mod support;
