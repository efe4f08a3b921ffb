#![doc = include_str!("../README.md")]

mod imported;
mod rows;
mod users;
mod wanted;

pub use imported::{Imported, imported, inserted};
pub use rows::{amend, broken, by_unique, model, several};
pub use users::{User, claims, user_named, users};
pub use wanted::Wanted;

/// Organisations, in the cell.
pub const ORGANIZATION: &str = "sentry.organization";

/// Memberships of organisations, in the cell.
pub const MEMBER: &str = "sentry.organizationmember";

/// Users, in control.
pub const USER: &str = "sentry.user";

/// What lets a user claim an account, in control: one hash for each user.
pub const CLAIM: &str = "sentry.lostpasswordhash";
