#![doc = include_str!("../README.md")]

mod imported;
mod roles;
mod rows;
mod users;
mod wanted;

pub use imported::{Imported, imported, inserted, plan};
pub use roles::{Roles, roles, time};
pub use rows::{amend, broken, by_unique, several};
pub use users::{User, claims, user_named, users};
pub use wanted::Wanted;
