//! Starts the local stack.

use std::fmt;

use serde::Serialize;

use crate::Exit;
use crate::demo::settle;
use crate::demo::stack::{LocalStack, StackDescription};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Start the local stack, or bring the one that runs up to date
///
/// Builds the functions, starts an AWS emulator and deploys the template, and gives the new cell a small instance with
/// an administrator, `admin`. Says where everything is, with a token of that administrator.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: eval \"$(relocate up --shell)\"")]
pub(crate) struct Args {
    /// Say it as lines for a shell, so that `relocate` calls this cell's API in what follows
    #[arg(long)]
    shell: bool,
}

/// What a shell has to know.
struct Shell<'a>(&'a StackDescription);

impl fmt::Display for Shell<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "export RELOCATE_ENDPOINT='{}'", self.0.api_endpoint())?;
        writeln!(out, "export RELOCATE_TOKEN='{}'", self.0.staff_token)
    }
}

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
        writeln!(out, "  eval \"$(relocate up --shell)\"")?;
        writeln!(out, "  relocate down")
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let stack = LocalStack::find()?;
    let description = stack.up()?;
    settle(&stack, &description)?;
    if args.shell && !terminal.is_json() {
        write!(terminal.out(), "{}", Shell(&description)).map_err(CliError::Terminal)?;
        return Ok(Exit::Done);
    }
    terminal.report(&Up(description), false)?;
    Ok(Exit::Done)
}
