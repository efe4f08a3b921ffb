//! The program as people and scripts meet it: arguments in, files, text and an exit code out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod api;
mod catalogues;
mod comparing;
mod documents;
mod rehearsing;
mod reporting;
mod sanitising;
mod sealing;
mod speaking;
mod support;
mod tutorial;
