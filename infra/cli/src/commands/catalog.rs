//! Looks at catalogues.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::{Serialize, Serializer};

use crate::Exit;
use crate::catalogue::{self, CatalogSummary};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Check a catalogue of your own, and see what it says
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(CheckArgs),
}

/// Load a catalogue, and say what it holds or what is wrong with it and where
///
/// Models by silo and scope, what tells their rows apart, where their keys lead, what filters look at, and what a
/// cell does after an import.
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The catalogue, as TOML
    file: PathBuf,
}

struct Checked<'a> {
    path: &'a Path,
    summary: CatalogSummary<'a>,
}

impl fmt::Display for Checked<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} holds together: {}", self.path.display(), self.summary)
    }
}

impl Serialize for Checked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.summary.serialize(serializer)
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let Command::Check(CheckArgs { file }) = &args.command;
    let catalog = catalogue::read(file)?;
    terminal.report(&Checked { path: file, summary: CatalogSummary::new(&catalog) }, false)?;
    Ok(Exit::Done)
}
