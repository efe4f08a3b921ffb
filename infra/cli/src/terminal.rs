//! Where the program writes to.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::CliError;

/// The two streams of a program, and how it is to speak.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    shows_progress: bool,
    json: bool,
}

impl Terminal {
    /// Writes to the streams of this process; progress is shown if people can see it.
    pub fn of_this_process() -> Self {
        let shows_progress = io::stderr().is_terminal();
        Self { out: Box::new(io::stdout()), err: Box::new(io::stderr()), shows_progress, json: false }
    }

    /// Speaks JSON rather than to people.
    pub(crate) fn set_json(&mut self, json: bool) {
        self.json = json;
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether somebody sees a progress bar.
    pub(crate) fn shows_progress(&self) -> bool {
        self.shows_progress && !self.json
    }

    /// The stream for data.
    pub(crate) fn out(&mut self) -> &mut (dyn Write + Send) {
        &mut *self.out
    }

    /// The stream for everything that is no data.
    pub(crate) fn err(&mut self) -> &mut (dyn Write + Send) {
        &mut *self.err
    }

    /// Says what a command did: on the stream for data, or beside it when data went there.
    pub(crate) fn report(
        &mut self,
        report: &(impl Display + Serialize),
        data_went_out: bool,
    ) -> Result<(), CliError> {
        let json = self.json;
        let stream = if data_went_out { self.err() } else { self.out() };
        let written = if json {
            serde_json::to_writer(&mut *stream, report)
                .map_err(io::Error::from)
                .and_then(|()| stream.write_all(b"\n"))
        } else {
            write!(stream, "{report}")
        };
        written.and_then(|()| stream.flush()).map_err(CliError::Terminal)
    }
}
