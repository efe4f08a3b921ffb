//! What the program can do: one command to a file, with its arguments and what it says when it is done.

pub(crate) mod catalog;
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
use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Runs a command.
pub(crate) fn run(cli: &Cli, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let models = &cli.catalog;
    match &cli.command {
        Command::Demo(args) => models.builtin_only("demo").and_then(|()| demo::run(args, terminal)),
        Command::Up(args) => models.builtin_only("up").and_then(|()| up::run(args, terminal)),
        Command::Down(args) => down::run(args, terminal),
        Command::Encrypt(args) => encrypt::run(args, terminal),
        Command::Decrypt(args) => decrypt::run(args, terminal),
        Command::Import(args) => import::run(args, models, terminal),
        Command::Export(args) => export::run(args, models, terminal),
        Command::Compare(args) => compare::run(args, models, terminal),
        Command::Sanitize(args) => sanitize::run(args, models, terminal),
        Command::Generate(args) => {
            models.builtin_only("generate").and_then(|()| generate::run(args, terminal))
        }
        Command::Catalog(args) => catalog::run(args, terminal),
    }
}
