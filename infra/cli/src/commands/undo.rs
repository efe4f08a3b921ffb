//! Undoes a relocation.

use pipeline::api::{UndoRequest, UndoView};
use pipeline::kinds::UndoStatus;

use crate::Exit;
use crate::api::ApiArgs;
use crate::error::CliError;
use crate::relocation::IdArg;
use crate::terminal::Terminal;
use crate::undoing::Told;

/// Undo a relocation that has ended
///
/// What it inserted goes, what it changed is what it was, what it merged with stays. It begins ten minutes after the
/// relocation's end, when nothing of it can be under way any more, and looks at everything first: what others have built
/// on it by then stands in the way and is named, and nothing is changed. It is followed to its end, and exits with 1 when
/// it did not come to a good one; ended early, it goes on all the same, and --status says how far it is.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate undo 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 --dry-run")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    /// Change nothing, and say what would be
    #[arg(long)]
    dry_run: bool,
    /// Let what others have built on it since go too, as its keys say; for staff
    #[arg(long)]
    cascade: bool,
    /// Ask for nothing, and say how far it is
    #[arg(long, conflicts_with_all = ["dry_run", "cascade"])]
    status: bool,
    /// Do not follow it
    #[arg(long, conflicts_with = "status")]
    detach: bool,
    #[command(flatten)]
    api: ApiArgs,
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let (api, id) = (args.api.client(), args.relocation.uuid);
    if args.status {
        let view = api.undoing(id)?;
        terminal.report(&Told(view.clone()), false)?;
        return Ok(exit(&view));
    }
    let request = UndoRequest { dry_run: Some(args.dry_run), cascade: Some(args.cascade) };
    let mut last = api.undo(id, request)?;
    terminal.report(&Told(last.clone()), false)?;
    let patience = args.api.patience();
    let mut unchanged = 0;
    while last.undo.status == UndoStatus::InProgress && !args.detach {
        std::thread::sleep(patience.after_looks(unchanged));
        let next = patience.insist(terminal, || api.undoing(id))?;
        if next == last {
            unchanged += 1;
            continue;
        }
        unchanged = 0;
        terminal.report(&Told(next.clone()), false)?;
        last = next;
    }
    Ok(exit(&last))
}

/// Whether it came to a good end, or is on its way to one.
fn exit(view: &UndoView) -> Exit {
    match view.undo.status {
        UndoStatus::InProgress | UndoStatus::Success => Exit::Done,
        UndoStatus::Refused | UndoStatus::Failure => Exit::Findings,
    }
}
