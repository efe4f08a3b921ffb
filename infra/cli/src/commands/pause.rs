//! Pauses a relocation.

use pipeline::kinds::Step;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{IdArg, Told};
use crate::terminal::Terminal;

/// Pause a relocation before a step
///
/// What runs goes on to the end of its step. A relocation that is paused keeps its place until it is unpaused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate pause 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 --at-step importing")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    /// The step before which to pause: preprocessing, validating, importing, postprocessing or notifying; the next one
    /// unless given
    #[arg(long, value_name = "STEP")]
    at_step: Option<Step>,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().pause(args.relocation.uuid, args.at_step)?;
    terminal.report(&Told(record), false)?;
    Ok(Exit::Done)
}
