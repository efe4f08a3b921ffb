//! Follows a relocation until it ends (SPEC §14): a live timeline on a terminal, lines in a pipe, JSON for machines.

mod json;
mod lines;
mod live;
mod pace;
mod timeline;
mod view;

use std::time::Duration;

use jiff::Timestamp;
use pipeline::ids::RelocationId;
use pipeline::kinds::Status;

use crate::Exit;
use crate::api::{ApiClient, ApiError, Patience, Record};
use crate::error::CliError;
use crate::terminal::Terminal;

/// Which relocation is followed, and until when.
pub(crate) struct Watch<'a> {
    /// The API.
    pub(crate) api: &'a ApiClient,
    /// The relocation.
    pub(crate) relocation: RelocationId,
    /// How long to wait between two looks.
    pub(crate) patience: Patience,
    /// Whether a pause is an end, too.
    pub(crate) until_paused: bool,
}

/// Whoever is told.
trait Audience {
    /// Something is new; the first look is, too.
    fn look(&mut self, record: &Record, now: Timestamp) -> Result<(), CliError>;
    /// The connection is lost; it will be tried again.
    fn lost(&mut self, error: &ApiError) -> Result<(), CliError>;
    /// The connection is there again.
    fn found(&mut self);
    /// Time goes by until the next look.
    fn wait(&mut self, time: Duration) -> Result<(), CliError>;
    /// It was the last look.
    fn end(&mut self) -> Result<(), CliError>;
}

impl Watch<'_> {
    /// Follows it; answers with how the program ends.
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<Exit, CliError> {
        // What is wrong from the beginning does not mend itself.
        let first = self.api.relocation(self.relocation)?;
        if terminal.is_json() {
            self.follow(first, &mut json::Json(terminal))
        } else if terminal.is_live() {
            self.follow(first, &mut live::Live::new(terminal))
        } else {
            self.follow(first, &mut lines::Lines::new(terminal))
        }
    }

    fn follow(&self, first: Record, audience: &mut impl Audience) -> Result<Exit, CliError> {
        let mut record = first;
        audience.look(&record, Timestamp::now())?;
        let mut unchanged = 0;
        while !self.is_over(&record) {
            audience.wait(self.patience.after_looks(unchanged))?;
            let next = self.look(audience)?;
            if next == record {
                unchanged += 1;
                continue;
            }
            unchanged = 0;
            record = next;
            audience.look(&record, Timestamp::now())?;
        }
        audience.end()?;
        Ok(if record.view.status == Status::Failure { Exit::Findings } else { Exit::Done })
    }

    /// The record as it is now, however long the connection is lost.
    fn look(&self, audience: &mut impl Audience) -> Result<Record, CliError> {
        let mut failures = 0;
        loop {
            match self.api.relocation(self.relocation) {
                Err(error) if error.can_retry() => {
                    if failures == 0 {
                        audience.lost(&error)?;
                    }
                    failures += 1;
                    audience.wait(self.patience.after_failures(failures))?;
                }
                answer => {
                    audience.found();
                    return Ok(answer?);
                }
            }
        }
    }

    fn is_over(&self, record: &Record) -> bool {
        match record.view.status {
            Status::Success | Status::Failure => true,
            Status::Pause => self.until_paused,
            Status::InProgress => false,
        }
    }
}
