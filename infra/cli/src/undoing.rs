//! What people are told of undoing a relocation.

use std::fmt;

use indicatif::HumanCount;
use pipeline::api::{UndoSummary, UndoView};
use pipeline::kinds::UndoStatus;
use pipeline::undo::{UndoCounts, UndoObstacles, UndoReport};
use serde::Serialize;

use crate::terminal::wrapped;

/// Undoing: how it fares for people, the whole answer for machines.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Told(pub(crate) UndoView);

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UndoView { uuid, undo, progress, report, obstacles } = &self.0;
        write!(out, "Undoing {uuid}, {}", standing(undo))?;
        if let Some(progress) = progress.filter(|_| undo.status == UndoStatus::InProgress) {
            let at = if progress.undoing { "undoing" } else { "looking" };
            let (done, total) = (HumanCount(progress.rows_done), HumanCount(progress.rows_total));
            write!(out, ", {at} at {done} of {total} rows")?;
        }
        writeln!(out)?;
        if let Some(failure) = &undo.failure_reason {
            writeln!(out, "{}", wrapped(&format!("{} ({})", failure.detail, failure.code)))?;
        }
        if undo.status == UndoStatus::InProgress {
            return Ok(());
        }
        // What was refused, and was no rehearsal, comes to nothing.
        if undo.status == UndoStatus::Refused && !undo.dry_run {
            writeln!(out, "  Nothing was changed.")?;
        } else if let Some(report) = report {
            counts(out, report)?;
        }
        obstacles.as_ref().map_or(Ok(()), |obstacles| in_the_way(out, obstacles))
    }
}

/// How undoing stands, as in "rehearsal 2: refused".
pub(crate) fn standing(undo: &UndoSummary) -> String {
    let what = if undo.dry_run { "rehearsal" } else { "attempt" };
    let cascading = if undo.cascade { " with what depends on it" } else { "" };
    let how = match undo.status {
        UndoStatus::InProgress => "in progress",
        UndoStatus::Refused => "refused",
        UndoStatus::Failure => "broke off",
        UndoStatus::Success => "done",
    };
    format!("{what} {}{cascading}: {how}", undo.number)
}

fn in_the_way(out: &mut fmt::Formatter<'_>, obstacles: &UndoObstacles) -> fmt::Result {
    for obstacle in &obstacles.first {
        writeln!(out, "  in the way: {}", obstacle.detail)?;
    }
    match obstacles.count.saturating_sub(obstacles.first.len() as u64) {
        0 => Ok(()),
        more => writeln!(out, "  in the way: {} more", HumanCount(more)),
    }
}

fn counts(out: &mut fmt::Formatter<'_>, report: &UndoReport) -> fmt::Result {
    let models = report.models.iter().map(|(model, counts)| (model.as_str(), counts));
    for (model, counts) in models.chain([("in all", &report.total)]) {
        writeln!(out, "  {model:<40} {}", said(counts))?;
    }
    Ok(())
}

/// What there is something of, as in "12 deleted, 1 restored".
fn said(counts: &UndoCounts) -> String {
    let UndoCounts { deleted, restored, changed_since, cascaded, nulled, already_gone } = *counts;
    let all = [
        (deleted, "deleted"),
        (restored, "restored"),
        (changed_since, "changed since"),
        (cascaded, "of others deleted"),
        (nulled, "keys nulled"),
        (already_gone, "gone already"),
    ];
    let some = all.into_iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some.map(|(count, word)| format!("{} {word}", HumanCount(count))).collect();
    if some.is_empty() { "nothing".to_owned() } else { some.join(", ") }
}
