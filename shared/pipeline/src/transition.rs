//! What changes a relocation, as pure functions: the state, what happened and the time go in; a
//! [`Commit`](crate::commit::Commit) comes out, or the reason why nothing changes. No function here reads a
//! clock or a store, so every rule can be tested as a table.
//!
//! - [`start`] and [`finish`]: what every visit of a task begins and ends with.
//! - [`fail`](fail()): the one way in which a relocation fails.
//! - [`lifecycle`]: it is asked for, its upload arrives, a reply from another cell arrives.
//! - [`validation`](mod@validation): a validation run reports its end.
//! - [`admin`]: what people may do to it.
//! - [`undo`]: it is undone, or accepted.

pub mod admin;
mod fail;
mod finish;
pub mod lifecycle;
mod start;
pub mod undo;
pub mod validation;

pub use fail::fail;
pub use finish::{Changes, Finished, Outcome, ValidationChange, finish};
pub use start::{Start, start};

use crate::commit::Actor;
use crate::message::Visit;

/// Why a relocation fails or changes: what an event names as its causation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A visit of a task. Its outcome is recorded in the same commit.
    Visit(Visit),
    /// Something beside the run, which therefore has to be stopped: a dead letter, an expired upload.
    Pipeline(&'static str),
    /// A person, with the verb of the API.
    Person(Actor, &'static str),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Visit(visit) => visit.fmt(f),
            Self::Pipeline(action) | Self::Person(_, action) => f.write_str(action),
        }
    }
}
