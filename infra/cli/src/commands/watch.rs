//! Follows a relocation.

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::IdArg;
use crate::terminal::Terminal;
use crate::watch::Watch;

/// Follow a relocation until it ends
///
/// On a terminal: its tasks, how long each took, and how far the one is that runs. In a pipe: a line for each change,
/// with the time at which it was seen. With --json: the record, in a line, whenever it changed. A connection that is
/// lost is tried again for as long as it takes. Exits with 1 when the relocation failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate watch 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 --until-paused")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    /// End when it is paused, too
    #[arg(long)]
    until_paused: bool,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let watch = Watch {
        api: &args.api.client(),
        relocation: args.relocation.uuid,
        patience: args.api.patience(),
        until_paused: args.until_paused,
    };
    watch.run(terminal)
}
