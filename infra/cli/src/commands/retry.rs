//! Retries a relocation.

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{IdArg, Told};
use crate::terminal::Terminal;

/// Begin a new relocation with the file of a failed one
///
/// The new one has the same organisations and the same owner; its uuid is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate retry 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().retry(args.relocation.uuid)?;
    terminal.report(&Told(record), false)?;
    Ok(Exit::Done)
}
