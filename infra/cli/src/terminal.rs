//! Where the program writes to.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use textwrap::{Options, WordSplitter};

use crate::error::CliError;

/// The width of a terminal that everybody has.
pub(crate) const COLUMNS: usize = 80;

/// Breaks a text into lines that are indented below what it belongs to, without a line break at its end.
pub(crate) fn wrapped(text: &str) -> String {
    filled(text, "  ", "  ")
}

/// Breaks a text into lines, with something before the first and something before the others.
pub(crate) fn filled(text: &str, first: &str, rest: &str) -> String {
    let options = Options::new(COLUMNS).initial_indent(first).subsequent_indent(rest);
    textwrap::fill(text, options.word_splitter(WordSplitter::NoHyphenation))
}

/// The two streams of a program, and how it is to speak.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    shows_progress: bool,
    is_live: bool,
    json: bool,
}

impl Terminal {
    /// Writes to the streams of this process; progress is shown if people can see it.
    pub fn of_this_process() -> Self {
        let shows_progress = io::stderr().is_terminal();
        let is_live = shows_progress && io::stdout().is_terminal();
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            shows_progress,
            is_live,
            json: false,
        }
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

    /// Whether somebody sees the stream for data, too, so that lines on it can be drawn anew.
    pub(crate) fn is_live(&self) -> bool {
        self.is_live && !self.json
    }

    /// The stream for data.
    pub(crate) fn out(&mut self) -> &mut (dyn Write + Send) {
        &mut *self.out
    }

    /// The stream for everything that is no data.
    pub(crate) fn err(&mut self) -> &mut (dyn Write + Send) {
        &mut *self.err
    }

    /// Writes a value for machines, in a line of its own and at once.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        write_json(self.out(), value).map_err(CliError::Terminal)
    }

    /// Says what a command did: on the stream for data, or beside it when data went there.
    pub(crate) fn report(
        &mut self,
        report: &(impl Display + Serialize),
        data_went_out: bool,
    ) -> Result<(), CliError> {
        let json = self.json;
        let stream = if data_went_out { self.err() } else { self.out() };
        let written = if json { write_json(stream, report) } else { write!(stream, "{report}") };
        written.and_then(|()| stream.flush()).map_err(CliError::Terminal)
    }
}

fn write_json(stream: &mut (dyn Write + Send), value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *stream, value)?;
    stream.write_all(b"\n")?;
    stream.flush()
}
