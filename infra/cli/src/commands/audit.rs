//! Shows who did what to a relocation.

use std::fmt;

use pipeline::api::{AuditLine, AuditView};
use serde::Serialize;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::{IdArg, time};
use crate::terminal::Terminal;

/// Show who did what to a relocation, and when
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate audit 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Log(AuditView);

impl fmt::Display for Log {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0.lines {
            let AuditLine { action, detail, .. } = line;
            let detail = detail.as_ref().map(|detail| format!("  {detail}")).unwrap_or_default();
            writeln!(out, "{}  {:<16}  {action}{detail}", time(line.time), who(line))?;
        }
        Ok(())
    }
}

fn who(line: &AuditLine) -> String {
    match (&line.user, line.user_id) {
        (Some(user), _) => user.username.clone(),
        (None, Some(id)) => format!("user {id}"),
        (None, None) => "the pipeline".to_owned(),
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let log = args.api.client().audit(args.relocation.uuid)?;
    terminal.report(&Log(log), false)?;
    Ok(Exit::Done)
}
