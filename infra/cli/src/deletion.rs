//! What people are told of a scheduled deletion.

use std::fmt;

use indicatif::HumanCount;
use pipeline::api::{DeletionView, RowView};
use pipeline::kinds::DeletionState;
use serde::Serialize;

use crate::relocation::time;
use crate::terminal::wrapped;

/// A deletion: how it stands for people, the whole record for machines.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Told(pub(crate) DeletionView);

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = &self.0;
        writeln!(out, "{} {}: {}", view.model, view.id, state(view))?;
        if let Some(error) = &view.error {
            writeln!(out, "{}", wrapped(&format!("because {error}")))?;
        }
        if !view.in_the_way.is_empty() {
            let rows: Vec<String> =
                view.in_the_way.iter().map(|RowView { model, id }| format!("{model} {id}")).collect();
            writeln!(out, "{}", wrapped(&format!("in the way: {}", rows.join(", "))))?;
        }
        Ok(())
    }
}

/// How it stands, as in "is due 2026-11-20 09:00:00 UTC".
fn state(view: &DeletionView) -> String {
    match view.state {
        DeletionState::Waiting => format!("due {}", time(view.date_due)),
        DeletionState::InProgress if view.error.is_some() => {
            format!("in progress, {} gone; attempt {} failed", rows(view), view.attempts)
        }
        DeletionState::InProgress => format!("in progress, {} gone", rows(view)),
        DeletionState::GivenUp => format!("given up after attempt {}, {} gone", view.attempts, rows(view)),
    }
}

fn rows(view: &DeletionView) -> String {
    let rows = HumanCount(view.rows);
    if view.rows == 1 { format!("{rows} row") } else { format!("{rows} rows") }
}
