//! Lists relocations.

use std::io;

use pipeline::kinds::Status;

use crate::Exit;
use crate::api::{ApiArgs, Listing, Record};
use crate::error::CliError;
use crate::terminal::{Terminal, wrapped};

/// List relocations, from the newest to the oldest
///
/// Staff see all of them, customers their own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: relocate list --status failure --query acme --limit 10")]
pub(crate) struct Args {
    /// Only those that fare so: in_progress, pause, failure or success
    #[arg(long, value_name = "STATUS")]
    status: Option<Status>,
    /// Only those in whose uuid, slugs or usernames each of these words occurs
    #[arg(long, value_name = "WORDS")]
    query: Option<String>,
    /// That many at most; all unless given
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    api: ApiArgs,
}

/// The most that the API answers with at once.
const PER_PAGE_MAX: usize = 100;

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let api = args.api.client();
    let mut left = args.limit.unwrap_or(usize::MAX);
    let per_page = left.clamp(1, PER_PAGE_MAX);
    let mut list = List::new(terminal);
    if left > 0 {
        let mut page = api.list(&Listing { query: args.query.clone(), status: args.status, per_page })?;
        loop {
            for record in page.records.iter().take(left) {
                list.record(record).map_err(CliError::Terminal)?;
            }
            left -= page.records.len().min(left);
            page = match page.next.filter(|_| left > 0) {
                Some(next) => api.next_page(&next)?,
                None => break,
            };
        }
    }
    list.end().map_err(CliError::Terminal)?;
    Ok(Exit::Done)
}

/// A list that is written while its pages come: two lines for each for people, an array for machines.
struct List<'t> {
    terminal: &'t mut Terminal,
    length: usize,
}

impl<'t> List<'t> {
    const fn new(terminal: &'t mut Terminal) -> Self {
        Self { terminal, length: 0 }
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        let is_first = self.length == 0;
        self.length += 1;
        let json = self.terminal.is_json();
        let out = self.terminal.out();
        if json {
            out.write_all(if is_first { b"[" } else { b",\n" })?;
            return Ok(serde_json::to_writer(out, record)?);
        }
        let view = &record.view;
        let (uuid, status, step) = (view.uuid, view.status.name(), view.step.name());
        writeln!(out, "{uuid}  {status:<11}  {step:<14}  {}", view.date_added.strftime("%Y-%m-%d"))?;
        let owner = view.owner.as_ref().map(|owner| format!(" for {}", owner.username)).unwrap_or_default();
        writeln!(out, "{}", wrapped(&format!("{}{owner}", view.want_org_slugs.join(", "))))
    }

    fn end(self) -> io::Result<()> {
        let json = self.terminal.is_json();
        let out = self.terminal.out();
        match (json, self.length) {
            (true, 0) => writeln!(out, "[]")?,
            (true, _) => writeln!(out, "]")?,
            (false, 0) => writeln!(out, "No relocations.")?,
            (false, _) => {}
        }
        out.flush()
    }
}
