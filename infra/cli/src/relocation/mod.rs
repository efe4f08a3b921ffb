//! What people are told of a relocation.

mod details;
mod id;
mod state;

pub(crate) use details::{Details, rows, time};
pub(crate) use id::IdArg;
pub(crate) use state::{Told, failure, state};
