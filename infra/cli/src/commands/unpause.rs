//! Unpauses a relocation.

use pipeline::kinds::Step;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{IdArg, Told};
use crate::terminal::Terminal;

/// Let a relocation that is paused go on
///
/// Of one that runs and has a pause scheduled, the pause is taken back, or moved with --until-step.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: relocate unpause 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 --until-step notifying"
)]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    /// The step before which to pause again
    #[arg(long, value_name = "STEP")]
    until_step: Option<Step>,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().unpause(args.relocation.uuid, args.until_step)?;
    terminal.report(&Told(record), false)?;
    Ok(Exit::Done)
}
