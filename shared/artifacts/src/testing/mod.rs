//! What the tests of functions share: a relocation that has come as far as a task, visits to that task with
//! every port failing in turn, sealed files, and a key service with a key of its own.

#![expect(clippy::expect_used, clippy::panic, reason = "tests stop at the first surprise")]

mod keys;
mod rows;
mod scene;

pub use keys::TestKeys;
pub use rows::{export, member, organization, user};
pub use scene::{OWNER, Scene};
