//! The relocation record, everything that can happen to it, and what the functions need from the world.
//!
//! - the record: [`relocation`], [`validation`], [`kinds`], [`task`], [`ids`]
//! - what happens: [`transition`] makes a [`commit`] out of a state and an event, purely
//! - what is said: [`message`] to and by the state machine, [`event`] on the bus, [`api`] over HTTP, [`code`]
//!   for every error
//! - rules of their own: [`slug`], [`upload`], [`artifact`]
//! - what may follow its end: [`undo`](mod@undo)
//! - what is needed: [`port`], with adapters for tests in `memory` and the store's suite in `contract`
//!
//! There is no clock, no randomness and no SDK in here: time and ids come in as arguments or through ports.

pub mod api;
pub mod artifact;
pub mod code;
pub mod commit;
#[cfg(feature = "contract")]
pub mod contract;
pub mod event;
pub mod ids;
pub mod kinds;
#[cfg(feature = "memory")]
pub mod memory;
pub mod message;
pub mod option;
pub mod port;
pub mod progress;
pub mod relocation;
#[cfg(feature = "openapi")]
mod schema;
pub mod slug;
pub mod task;
pub mod transition;
pub mod undo;
pub mod upload;
pub mod validation;
