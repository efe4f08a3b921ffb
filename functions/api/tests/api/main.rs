//! The API by its requests and answers, as API Gateway hands them over.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod artifacts;
mod cascades;
mod create;
mod deletions;
mod description;
mod list;
mod options;
mod other;
mod retry;
mod stage;
mod steer;
mod undo;
mod upload;
