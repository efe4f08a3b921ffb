//! Shows a relocation.

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{Details, IdArg};
use crate::terminal::Terminal;

/// Show a relocation as it is now
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate show 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().relocation(args.relocation.uuid)?;
    terminal.report(&Details(record), false)?;
    Ok(Exit::Done)
}
