//! Lists scheduled deletions.

use std::fmt;

use pipeline::api::DeletionsView;
use serde::Serialize;

use crate::Exit;
use crate::api::ApiArgs;
use crate::deletion::Told;
use crate::error::CliError;
use crate::terminal::Terminal;

/// List the deletions that are scheduled, in progress, or given up
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate deletions")]
pub(crate) struct Args {
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct All(DeletionsView);

impl fmt::Display for All {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for deletion in &self.0.deletions {
            write!(out, "{}", Told(deletion.clone()))?;
        }
        if self.0.deletions.is_empty() {
            writeln!(out, "No deletions.")?;
        }
        if self.0.has_more { writeln!(out, "There are more.") } else { Ok(()) }
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let deletions = args.api.client().deletions()?;
    terminal.report(&All(deletions), false)?;
    Ok(Exit::Done)
}
