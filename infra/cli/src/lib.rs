//! The command line of the relocation system, as a library: what the `relocate` program does, and the
//! generator of exports that demo, tests and benchmarks use too.

pub mod generate;
