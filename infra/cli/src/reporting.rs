//! In which form people and machines are told what an import did, and where.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use report::{Detail, Report};
use serde::{Serialize, Serializer};
use transfer::import::PkMap;

use crate::error::CliError;
use crate::output::{self, Place};
use crate::terminal::Terminal;

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a terminal, 80 columns wide
    Text,
    /// For programs: all of it, with the primary key of every row
    Json,
    /// For a browser: one file, which needs nothing from elsewhere
    Html,
}

/// How a report is asked for.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Write the whole report to this file: what would be inserted, reused, overwritten, renamed and dropped, and why
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The form of the report; without it as the file's name ends: .json, .html, or else text
    #[arg(long, value_name = "FORM")]
    format: Option<Format>,
    /// List every row that the report knows of in its text, rather than the first of each kind
    #[arg(long)]
    details: bool,
}

impl ReportArgs {
    /// The file that the report goes to, if it goes to one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.report.as_deref()
    }

    /// Sees to it that the forms which are asked for go together.
    ///
    /// # Errors
    /// What goes to standard output would have to be in two forms.
    pub(crate) fn check(&self, terminal: &Terminal) -> Result<(), CliError> {
        let is_other = self.format.is_some_and(|format| format != Format::Json);
        if terminal.is_json() && is_other && self.path().is_none_or(output::is_terminal) {
            let why = "--json answers in JSON; for a report in another --format, name its file with --report";
            return Err(CliError::Usage(why.to_owned()));
        }
        Ok(())
    }

    /// Writes the report to its file; and tells it on the stream for data, or beside it when data went there. A
    /// report that goes to the stream itself is not told twice.
    pub(crate) fn tell(
        &self,
        report: Report<'_>,
        pk_map: &PkMap,
        (place, data_went_out): (Option<Place>, bool),
        terminal: &mut Terminal,
    ) -> Result<(), CliError> {
        if let Some(place) = place {
            let goes_out = output::is_terminal(place.name());
            let format = self.format_of(place.name(), terminal);
            place.write(terminal, |sink: &mut dyn Write| self.write(report, format, pk_map, sink))?;
            if goes_out {
                return Ok(());
            }
        } else if let Some(format) = self.format.filter(|_| !terminal.is_json()) {
            let stream = if data_went_out { terminal.err() } else { terminal.out() };
            let written = self.write(report, format, pk_map, stream);
            return written.and_then(|()| stream.flush()).map_err(CliError::Terminal);
        }
        let detail = if self.details { Detail::Full } else { Detail::Summary };
        terminal.report(&Told { report, detail }, data_went_out)
    }

    fn detail(&self) -> Detail {
        if self.details { Detail::Full } else { Detail::Brief }
    }

    fn format_of(&self, path: &Path, terminal: &Terminal) -> Format {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        self.format.unwrap_or(match extension.as_deref() {
            Some("json") => Format::Json,
            Some("html" | "htm") => Format::Html,
            _ if output::is_terminal(path) && terminal.is_json() => Format::Json,
            _ => Format::Text,
        })
    }

    fn write(
        &self,
        report: Report<'_>,
        format: Format,
        pk_map: &PkMap,
        mut sink: &mut dyn Write,
    ) -> io::Result<()> {
        match format {
            Format::Text => write!(sink, "{}", report.text(self.detail())),
            Format::Json => {
                serde_json::to_writer_pretty(&mut sink, &report.json(Some(pk_map)))?;
                sink.write_all(b"\n")
            }
            Format::Html => sink.write_all(report.html().map_err(io::Error::other)?.as_bytes()),
        }
    }
}

/// What is said in the end: for people the text, for machines all but the primary keys.
struct Told<'a> {
    report: Report<'a>,
    detail: Detail,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.text(self.detail).fmt(out)
    }
}

impl Serialize for Told<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.report.json(None).serialize(serializer)
    }
}
