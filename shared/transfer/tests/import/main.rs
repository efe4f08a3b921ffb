//! Importing (SPEC §7).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test stops at the first surprise, and its values are made where they are used"
)]

#[path = "../support/mod.rs"]
mod support;

mod configs;
mod errors;
mod exactly_once;
mod filters;
mod organizations;
mod own_catalogue;
mod properties;
mod registrations;
mod shims;
mod tokens;
mod users;
