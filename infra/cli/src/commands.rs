//! What the program can do: one command to a file, with its arguments and what it says when it is done.

pub(crate) mod compare;
pub(crate) mod decrypt;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod encrypt;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod import;
pub(crate) mod sanitize;
pub(crate) mod up;

use crate::Exit;
use crate::args::Command;
use crate::error::CliError;
use crate::terminal::Terminal;

/// Runs a command.
pub(crate) fn run(command: &Command, terminal: &mut Terminal) -> Result<Exit, CliError> {
    match command {
        Command::Demo(args) => demo::run(args, terminal),
        Command::Up(args) => up::run(args, terminal),
        Command::Down(args) => down::run(args, terminal),
        Command::Encrypt(args) => encrypt::run(args, terminal),
        Command::Decrypt(args) => decrypt::run(args, terminal),
        Command::Import(args) => import::run(args, terminal),
        Command::Export(args) => export::run(args, terminal),
        Command::Compare(args) => compare::run(args, terminal),
        Command::Sanitize(args) => sanitize::run(args, terminal),
        Command::Generate(args) => generate::run(args, terminal),
    }
}
