#![doc = include_str!("../README.md")]

pub mod compare;
mod dates;
pub mod export;
pub mod findings;
pub mod import;
pub mod rows;
pub mod sanitize;
pub mod undo;
