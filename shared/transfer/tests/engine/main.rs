//! Importing (SPEC §7) and exporting (SPEC §8), by rows of our own and by real exports.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test stops at the first surprise, and its values are made where they are used"
)]

mod support;

mod checkpoints;
mod configs;
mod errors;
mod exactly_once;
mod export;
mod filters;
mod global;
mod hostile_rows;
mod import_reference;
mod organizations;
mod own_catalogue;
mod properties;
mod registrations;
mod reports;
mod round_trips;
mod sanitize;
mod shims;
mod tokens;
mod undo;
mod undoing;
mod users;
