//! Lists the files that a relocation keeps.

use std::fmt;

use indicatif::HumanCount;
use pipeline::api::ArtifactsView;
use serde::Serialize;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::IdArg;
use crate::terminal::Terminal;

/// List the files that a relocation keeps
///
/// They hold customers' data: it takes staff with the permission relocation.admin.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate artifacts 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Files(ArtifactsView);

impl fmt::Display for Files {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = &self.0.files;
        for file in files {
            writeln!(out, "{:<60} {:>13} bytes", file.path, HumanCount(file.bytes).to_string())?;
        }
        if files.is_empty() { writeln!(out, "No artifacts.") } else { Ok(()) }
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let files = args.api.client().artifacts(args.relocation.uuid)?;
    terminal.report(&Files(files), false)?;
    Ok(Exit::Done)
}
