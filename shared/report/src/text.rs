//! The report for a terminal: lines of at most 80 columns.

mod table;

use std::fmt;

use textwrap::{Options, WordSplitter};
use transfer::import::{Met, Renamed};

use crate::Report;
use crate::causes::{Cause, Group, causes};
use crate::counts::Counts;
use crate::listing::{self, Listing};
use crate::words::{counted, grouped, visible};
use table::Table;

/// The widest line, in columns.
const WIDTH: usize = 80;

/// How many rows of a kind the brief form lists; all are counted.
pub const LISTED_IN_BRIEF_MAX: usize = 20;

/// How many primary keys of a group of dropped rows the brief form names.
const PKS_IN_BRIEF_MAX: usize = 8;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The counts, and the first rows of each kind; not what the import was, for whom has just asked for it.
    Summary,
    /// The counts, and the first rows of each kind.
    Brief,
    /// All rows that the report lists.
    Full,
}

/// A report as text: counts first, what the import was last.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub(crate) report: Report<'a>,
    pub(crate) detail: Detail,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let import = self.report.import;
        let counts = Counts::of(self.report);
        Table(&counts).fmt(out)?;
        left_out(out, &counts)?;
        self.rows(out, "Renamed", &listing::renamed(import), |row: &Renamed| {
            let (from, to) = (visible(&row.from), visible(&row.to));
            format!("{} {} → {}: {from} → {to}", row.model, row.source_pk, row.pk)
        })?;
        self.rows(out, "Overwritten", &listing::overwritten(import), met)?;
        self.rows(out, "Reused", &listing::reused(import), met)?;
        own(out, &counts)?;
        self.dropped(out)?;
        self.unknown(out)?;
        self.about(out)
    }
}

impl Text<'_> {
    fn max(&self, in_brief: usize) -> usize {
        if self.detail == Detail::Full { usize::MAX } else { in_brief }
    }

    fn rows<T>(
        &self,
        out: &mut fmt::Formatter<'_>,
        title: &str,
        rows: &Listing<'_, T>,
        tell: impl Fn(&T) -> String,
    ) -> fmt::Result {
        let (shown, more) = rows.first(self.max(LISTED_IN_BRIEF_MAX));
        if rows.total > 0 {
            writeln!(out, "\n{title}: {} (primary key in the file → here)", counted(rows.total, "row"))?;
        }
        for row in shown {
            item(out, "  ", &tell(row))?;
        }
        and_more(out, more, "row", "")
    }

    fn dropped(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let import = self.report.import;
        let causes = causes(&import.dropped);
        let total = import.total().dropped;
        if total > 0 {
            writeln!(
                out,
                "\nDropped: {}, by what caused it (primary keys in the file)",
                counted(total, "row")
            )?;
        }
        let shown = causes.len().min(self.max(LISTED_IN_BRIEF_MAX));
        for cause in causes.iter().take(shown) {
            item(out, "  ", &cause.why.to_string())?;
            for group in &cause.groups {
                self.group(out, group)?;
            }
        }
        let untold: u64 = causes.iter().skip(shown).map(|cause| cause.rows).sum();
        let causes_untold = (causes.len() - shown) as u64;
        if causes_untold > 0 {
            let (causes, rows) = (counted(causes_untold, "more cause"), counted(untold, "row"));
            item(out, "  ", &format!("... and {causes}, of {rows}"))?;
        }
        let listed: u64 = causes.iter().map(|cause: &Cause<'_>| cause.rows).sum();
        and_more(out, total.saturating_sub(listed), "row", ", not listed one by one")
    }

    fn group(&self, out: &mut fmt::Formatter<'_>, group: &Group<'_>) -> fmt::Result {
        let max = self.max(PKS_IN_BRIEF_MAX);
        let mut pks: Vec<String> = group.source_pks.iter().take(max).map(ToString::to_string).collect();
        if group.source_pks.len() > max {
            pks.push("…".to_owned());
        }
        let (model, link, pks) = (group.model, group.link.to_string(), pks.join(", "));
        let link = if link.is_empty() { link } else { format!(" {link}") };
        let rows = grouped(group.source_pks.len() as u64);
        let options = Options::new(WIDTH).subsequent_indent("           ");
        wrapped(out, &format!("{rows:>9}  {model}{link}: {pks}"), options)
    }

    fn unknown(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let import = self.report.import;
        for (what, counts) in [("models", &import.unknown_models), ("fields", &import.unknown_fields)] {
            if !counts.is_empty() {
                writeln!(out, "\nUnknown {what}, left out:")?;
            }
            let shown = counts.len().min(self.max(LISTED_IN_BRIEF_MAX));
            for (name, rows) in counts.iter().take(shown) {
                item(out, &format!("{:>9}  ", grouped(*rows)), &visible(name))?;
            }
            and_more(out, (counts.len() - shown) as u64, what.trim_end_matches('s'), "")?;
        }
        Ok(())
    }

    fn about(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail == Detail::Summary {
            return Ok(());
        }
        writeln!(out)?;
        for (name, value) in self.report.about.told() {
            item(out, &format!("{name:<8}"), &value)?;
        }
        Ok(())
    }
}

fn left_out(out: &mut fmt::Formatter<'_>, counts: &Counts<'_>) -> fmt::Result {
    let total = counts.total;
    if total.left_out() == 0 {
        return Ok(());
    }
    let (filtered, outside) = (grouped(total.filtered), grouped(total.out_of_scope));
    writeln!(out, "\nLeft out: {filtered} by the filter, {outside} outside of the scope.")
}

/// Rows that met what the import itself had written: nobody else's rows, and so not worth a line each.
fn own(out: &mut fmt::Formatter<'_>, counts: &Counts<'_>) -> fmt::Result {
    let own = counts.total.existing_own + counts.total.overwritten_own;
    if own == 0 {
        return Ok(());
    }
    writeln!(out)?;
    let rows = counted(own, "row");
    let text =
        format!("Not listed as reused or overwritten: {rows} that met one written by this import itself.");
    wrapped(out, &text, Options::new(WIDTH))
}

fn met(row: &Met) -> String {
    let name = row.name.as_deref().map(|name| format!(": {}", visible(name))).unwrap_or_default();
    format!("{} {} → {}{name}", row.model, row.source_pk, row.pk)
}

/// A line behind a lead, and as many as need be below it.
fn item(out: &mut fmt::Formatter<'_>, lead: &str, text: &str) -> fmt::Result {
    let indent = " ".repeat(lead.len().max(4));
    let options = Options::new(WIDTH).initial_indent(lead).subsequent_indent(&indent);
    wrapped(out, text, options)
}

/// Lines that break between words alone: the hyphens of a name are part of it.
fn wrapped(out: &mut fmt::Formatter<'_>, text: &str, options: Options<'_>) -> fmt::Result {
    for line in textwrap::wrap(text, options.word_splitter(WordSplitter::NoHyphenation)) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn and_more(out: &mut fmt::Formatter<'_>, more: u64, noun: &str, suffix: &str) -> fmt::Result {
    if more == 0 {
        return Ok(());
    }
    writeln!(out, "  ... and {}{suffix}", counted(more, &format!("more {noun}")))
}
