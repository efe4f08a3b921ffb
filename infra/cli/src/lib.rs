#![doc = include_str!("../README.md")]

mod api;
mod args;
mod catalogue;
mod checkpoint;
mod commands;
mod copy;
mod deletion;
mod demo;
mod entropy;
mod error;
mod filter;
pub mod generate;
mod input;
mod interrupt;
mod keys;
mod left_out;
mod output;
mod progress;
mod rehearsal;
mod relocation;
mod reporting;
mod submit;
mod targets;
mod terminal;
mod undoing;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

pub use terminal::Terminal;

use args::{Cli, asks_for_json};

/// How the program ends (SPEC §14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked.
    Done = 0,
    /// There are findings, or a relocation failed.
    Findings = 1,
    /// It could not be run as it was asked.
    WrongUse = 2,
}

/// Runs the program with these arguments, the first of which is its name. The exit code is 0 when it is done, 1
/// when there are findings or a relocation failed, and 2 when it could not be run as it was asked.
pub fn run(args: impl IntoIterator<Item = OsString>, terminal: &mut Terminal) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    terminal.set_json(asks_for_json(&args));
    let result = match Cli::try_parse_from(&args) {
        Ok(cli) => commands::run(&cli, terminal),
        Err(answer) => error::clap(&answer, terminal),
    };
    let exit = result.unwrap_or_else(|error| error.tell(terminal));
    ExitCode::from(exit as u8)
}
