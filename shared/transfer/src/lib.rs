#![doc = include_str!("../README.md")]

pub mod compare;
pub mod findings;
pub mod import;
pub mod rows;
