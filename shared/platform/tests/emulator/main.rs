//! What needs an AWS to talk to. One binary, because linking the SDK is what takes time.

mod adapters;
mod silo_contract;
mod silo_rows_of_others;
mod silo_twin;
mod silo_usage;
mod support;
