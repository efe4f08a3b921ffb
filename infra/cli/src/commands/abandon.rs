//! Gives an upload up.

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{IdArg, Told};
use crate::terminal::Terminal;

/// Give up a relocation whose file has not arrived
///
/// It fails, what has been uploaded of the file is removed, and its owner may ask for another one. Without this, it waits
/// for its file for 24 hours.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate abandon 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().abandon(args.relocation.uuid)?;
    terminal.report(&Told(record), false)?;
    Ok(Exit::Done)
}
