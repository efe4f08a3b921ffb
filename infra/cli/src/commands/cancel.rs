//! Cancels a relocation.

use pipeline::kinds::Step;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{IdArg, Told};
use crate::terminal::Terminal;

/// Cancel a relocation before a step
///
/// What runs goes on to the end of its step. What was imported stays hidden; to stop at once, see `relocate abort`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate cancel 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 --at-step importing")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    /// The step before which to cancel; the next one unless given
    #[arg(long, value_name = "STEP")]
    at_step: Option<Step>,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().cancel(args.relocation.uuid, args.at_step)?;
    terminal.report(&Told(record), false)?;
    Ok(Exit::Done)
}
