//! Aborts a relocation.

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{IdArg, Told};
use crate::terminal::Terminal;

/// Fail a relocation at once
///
/// What runs stops within a second or so. What was imported stays hidden.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate abort 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().abort(args.relocation.uuid)?;
    terminal.report(&Told(record), false)?;
    Ok(Exit::Done)
}
