//! Deletes a row of a cell or of control, with what depends on it.

use std::fmt;

use jiff::Timestamp;
use pipeline::api::{DeletionView, ScheduleDeletionRequest};
use pipeline::kinds::DeletionState;
use serde::Serialize;

use crate::Exit;
use crate::api::{ApiArgs, ApiClient};
use crate::deletion::Told;
use crate::error::CliError;
use crate::terminal::Terminal;

/// Delete a row with all that depends on it, in 30 days or when you say
///
/// Nothing brings it back. Until it is due it can be cancelled, and asking again moves the date. Rows of the other silo
/// that refer to it follow within half an hour: `relocate cascade-status`. With --watch it exits with 1 when the deletion
/// was given up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate delete sentry.organization 5 --days 7")]
pub(crate) struct Args {
    /// The model, such as sentry.organization
    #[arg(value_name = "MODEL")]
    model: String,
    /// The primary key of the row
    #[arg(value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// In how many days; 30 unless given
    #[arg(long, value_name = "N", conflicts_with_all = ["now", "cancel"])]
    days: Option<u32>,
    /// At once
    #[arg(long, conflicts_with = "cancel")]
    now: bool,
    /// Take back what is scheduled, unless it has begun
    #[arg(long, conflicts_with = "watch")]
    cancel: bool,
    /// Follow it to its end
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// What became of a row whose deletion is not scheduled any more.
#[derive(Serialize)]
struct Ended<'a> {
    model: &'a str,
    id: u64,
    /// Whether it is gone, or stays.
    deleted: bool,
}

impl fmt::Display for Ended<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.deleted { "gone" } else { "nothing is scheduled any more" };
        writeln!(out, "{} {}: {what}", self.model, self.id)
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let (api, model, id) = (args.api.client(), args.model.as_str(), args.id);
    if args.cancel {
        api.cancel_deletion(model, id)?;
        terminal.report(&Ended { model, id, deleted: false }, false)?;
        return Ok(Exit::Done);
    }
    let days = if args.now { Some(0) } else { args.days };
    let request = ScheduleDeletionRequest { model: Some(model.to_owned()), id: Some(id), days };
    let scheduled = api.schedule_deletion(&request)?;
    terminal.report(&Told(scheduled.clone()), false)?;
    if args.watch { follow(args, &api, scheduled, terminal) } else { Ok(Exit::Done) }
}

/// Follows a deletion to its end; each change is told.
fn follow(
    args: &Args,
    api: &ApiClient,
    mut last: DeletionView,
    terminal: &mut Terminal,
) -> Result<Exit, CliError> {
    let patience = args.api.patience();
    let mut unchanged = 0;
    while last.state != DeletionState::GivenUp {
        std::thread::sleep(patience.after_looks(unchanged));
        let Some(next) = patience.insist(terminal, || api.deletion(&args.model, args.id))? else {
            // What was not due yet cannot have run: somebody has taken it back.
            let deleted = last.state != DeletionState::Waiting || last.date_due <= Timestamp::now();
            terminal.report(&Ended { model: &args.model, id: args.id, deleted }, false)?;
            return Ok(Exit::Done);
        };
        if next == last {
            unchanged += 1;
            continue;
        }
        unchanged = 0;
        terminal.report(&Told(next.clone()), false)?;
        last = next;
    }
    Ok(Exit::Findings)
}
