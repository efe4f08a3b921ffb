//! The `relocate` program.

use std::process::ExitCode;

/// Rows are many small values, which this gives out and takes back faster than the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    relocate::run(std::env::args_os(), &mut relocate::Terminal::of_this_process())
}
