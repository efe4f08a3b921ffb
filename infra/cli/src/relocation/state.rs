//! How a relocation fares, in a sentence.

use std::fmt;

use pipeline::api::RelocationView;
use pipeline::kinds::Status;
use pipeline::relocation::Failure;
use serde::Serialize;

use crate::api::Record;

/// How it fares and what is scheduled, as in "in progress at IMPORTING, will pause before NOTIFYING".
pub(crate) fn state(view: &RelocationView) -> String {
    let mut state = match view.status {
        Status::InProgress if view.latest_task.is_none() => "waiting for its file".to_owned(),
        Status::InProgress => format!("in progress at {}", view.step),
        Status::Pause => format!("paused before {}", view.step),
        Status::Failure => format!("failed at {}", view.step),
        Status::Success => "done".to_owned(),
    };
    if view.status.is_active() {
        if let Some(step) = view.scheduled_pause_at_step {
            state.push_str(&format!(", will pause before {step}"));
        }
        if let Some(step) = view.scheduled_cancel_at_step {
            state.push_str(&format!(", will be cancelled before {step}"));
        }
    }
    state
}

/// Why it failed, with the code that the documentation knows.
pub(crate) fn failure(failure: &Failure) -> String {
    format!("{} ({})", failure.detail, failure.code)
}

/// A relocation after something was done to it: a sentence for people, the whole record for machines.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Told(pub(crate) Record);

impl fmt::Display for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = &self.0.view;
        writeln!(out, "{}: {}", view.uuid, state(view))?;
        match &view.failure_reason {
            Some(reason) => writeln!(out, "  because {}", failure(reason)),
            None => Ok(()),
        }
    }
}
