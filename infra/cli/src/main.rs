//! The `relocate` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    relocate::run(std::env::args_os(), &mut relocate::Terminal::of_this_process())
}
