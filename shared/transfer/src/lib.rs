#![doc = include_str!("../README.md")]

pub mod compare;
pub mod findings;
mod dates;
pub mod export;
pub mod import;
pub mod rows;
