//! Starts the local stack.

use std::fmt;

use serde::Serialize;

use crate::Exit;
use crate::demo::stack::{LocalStack, StackDescription};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Start the local stack, or bring the one that runs up to date
///
/// Builds the functions, starts an AWS emulator and deploys the template; says where everything is, with a token
/// of a member of staff.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

#[derive(Serialize)]
#[serde(transparent)]
struct Up(StackDescription);

impl fmt::Display for Up {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stack = &self.0;
        writeln!(out, "AWS endpoint  {}", stack.endpoint)?;
        writeln!(out, "account       {}", stack.account)?;
        writeln!(out, "API           {}", stack.api)?;
        writeln!(out, "staff token   {}", stack.staff_token)?;
        writeln!(out, "\nTo call its API with `relocate`, and to stop it:")?;
        writeln!(out, "  export RELOCATE_ENDPOINT='{}'", stack.api_endpoint())?;
        writeln!(out, "  export RELOCATE_TOKEN=$(relocate token)")?;
        writeln!(out, "  relocate down")
    }
}

pub(crate) fn run(_: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let stack = LocalStack::find()?.up()?;
    terminal.report(&Up(stack), false)?;
    Ok(Exit::Done)
}
