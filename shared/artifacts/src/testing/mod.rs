//! What the tests of functions need beside `testkit`: a key service with a key of its own, sealed files, and a
//! record that has them.

#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

mod keys;
mod record;

pub use keys::TestKeys;
pub use record::{RAW_DATA, amend, input, stored};
