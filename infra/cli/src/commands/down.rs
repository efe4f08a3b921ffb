//! Stops the local stack.

use crate::Exit;
use crate::demo::stack::LocalStack;
use crate::error::CliError;
use crate::terminal::Terminal;

/// Stop the local stack, and that of a demo that was kept, and forget their data
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, _: &mut Terminal) -> Result<Exit, CliError> {
    let stack = LocalStack::find()?;
    stack.down()?;
    // One that the environment names is stopped alone.
    if !stack.is_named() {
        LocalStack::of_demos()?.down()?;
    }
    Ok(Exit::Done)
}
