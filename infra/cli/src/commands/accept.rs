//! Accepts a relocation.

use std::fmt;

use serde::Serialize;

use crate::Exit;
use crate::api::{ApiArgs, Record};
use crate::error::CliError;
use crate::relocation::IdArg;
use crate::terminal::Terminal;

/// Accept what a relocation brought
///
/// For its owner, who can no longer undo it then. Staff still can.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate accept 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let record = args.api.client().accept(args.relocation.uuid)?;
    terminal.report(&Accepted(record), false)?;
    Ok(Exit::Done)
}

/// A relocation whose owner has accepted it: a sentence for people, the whole record for machines.
#[derive(Serialize)]
#[serde(transparent)]
struct Accepted(Record);

impl fmt::Display for Accepted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: accepted, so that only staff can undo it", self.0.view.uuid)
    }
}
