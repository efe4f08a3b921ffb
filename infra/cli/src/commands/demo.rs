//! Relocates an export on this machine, end to end.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::TypedValueParser as _;
use clap::value_parser;

use crate::Exit;
use crate::demo::{DemoOptions, demo};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Relocate a sealed export on this machine, end to end
///
/// Builds the functions, starts the local stack and fills it with an instance of its own; then makes an export,
/// seals it, uploads it through the API and shows each task as it runs. In the end: what was imported, how long
/// each task took, which mails were sent and where the artifacts are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many organisations the generated export has, 20 at most; 5 are about 1,000 rows
    #[arg(long, value_name = "N", default_value = "5", value_parser = value_parser!(u32).range(1..=20).try_map(NonZeroU32::try_from))]
    orgs: NonZeroU32,
    /// Relocate this file instead: JSON, which is sealed with the stack's key, or sealed with it already
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Slugs to relocate, separated by commas; all of the file unless given
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    orgs_wanted: Vec<String>,
    /// Leave the stack running
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let options = DemoOptions {
        organizations: args.orgs,
        export: args.export.clone(),
        wanted: args.orgs_wanted.clone(),
        keep: args.keep,
    };
    Ok(if demo(&options, terminal)? { Exit::Done } else { Exit::Findings })
}
