//! A relocation as machines follow it: each record that differs from the one before, one to a line.

use std::time::Duration;

use jiff::Timestamp;

use super::Audience;
use crate::api::{ApiError, Record};
use crate::error::CliError;
use crate::terminal::Terminal;

pub(super) struct Json<'t>(pub(super) &'t mut Terminal);

impl Audience for Json<'_> {
    fn look(&mut self, record: &Record, _: Timestamp) -> Result<(), CliError> {
        self.0.json_line(record)
    }

    fn lost(&mut self, _: &ApiError) -> Result<(), CliError> {
        Ok(())
    }

    fn found(&mut self) {}

    fn wait(&mut self, time: Duration) -> Result<(), CliError> {
        std::thread::sleep(time);
        Ok(())
    }

    fn end(&mut self) -> Result<(), CliError> {
        Ok(())
    }
}
