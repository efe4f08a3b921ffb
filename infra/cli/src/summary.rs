//! What an import did, as a table for people.

use std::collections::BTreeMap;
use std::fmt::{self, Display as _};

use catalog::Catalog;
use indicatif::HumanCount;
use transfer::import::{DropReason, ImportReport, ModelReport};

/// How many changed names are listed; all are counted.
const RENAMED_LISTED_MAX: usize = 20;

/// Rows by model in the order of the catalogue, names that changed, and rows that were dropped by reason, in
/// lines of at most 80 columns (names may be longer).
#[derive(Debug, Clone, Copy)]
pub struct ImportSummary<'a> {
    catalog: &'a Catalog,
    report: &'a ImportReport,
}

impl<'a> ImportSummary<'a> {
    /// A summary of a report about models of this catalogue.
    pub fn new(catalog: &'a Catalog, report: &'a ImportReport) -> Self {
        Self { catalog, report }
    }

    fn table(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<43}{:>9}{:>9}{:>9}{:>9}", "model", "inserted", "existing", "replaced", "dropped")?;
        let mut total = ModelReport::default();
        for model in self.catalog.models() {
            let Some(report) = self.report.models.get(&model.name) else { continue };
            total.inserted += report.inserted;
            total.existing += report.existing;
            total.overwritten += report.overwritten;
            total.dropped += report.dropped;
            total.filtered += report.filtered;
            total.out_of_scope += report.out_of_scope;
            if report.inserted + report.existing + report.overwritten + report.dropped > 0 {
                line(out, &model.name, report)?;
            }
        }
        line(out, "in all", &total)?;
        if total.filtered + total.out_of_scope > 0 {
            let (filtered, outside) = (HumanCount(total.filtered), HumanCount(total.out_of_scope));
            writeln!(out, "\nLeft out: {filtered} by the filter, {outside} outside of the scope.")?;
        }
        Ok(())
    }

    fn renamed(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renamed = &self.report.renamed;
        if renamed.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nNames that changed: {}", HumanCount(renamed.len() as u64))?;
        for row in renamed.iter().take(RENAMED_LISTED_MAX) {
            writeln!(
                out,
                "  {} {}: {} is now {}",
                row.model,
                row.pk,
                printable(&row.from),
                printable(&row.to)
            )?;
        }
        let more = renamed.len().saturating_sub(RENAMED_LISTED_MAX);
        if more > 0 { writeln!(out, "  ... and {more} more") } else { Ok(()) }
    }

    fn dropped(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_reason: BTreeMap<(&str, String), u64> = BTreeMap::new();
        for row in &self.report.dropped {
            *by_reason.entry((&row.model, explain(&row.reason))).or_default() += 1;
        }
        if !by_reason.is_empty() {
            writeln!(out, "\nDropped:")?;
        }
        for ((model, reason), count) in by_reason {
            writeln!(out, "{:>9}  {model}\n           {reason}", HumanCount(count).to_string())?;
        }
        Ok(())
    }

    fn unknown(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        LeftOut { what: "Unknown models", counts: &self.report.unknown_models }.fmt(out)?;
        LeftOut { what: "Unknown fields", counts: &self.report.unknown_fields }.fmt(out)
    }
}

/// What was left out because of what it is, with the number of rows; nothing if nothing was.
pub(crate) struct LeftOut<'a> {
    pub(crate) what: &'static str,
    pub(crate) counts: &'a BTreeMap<String, u64>,
}

impl fmt::Display for LeftOut<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.counts.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}, left out:", self.what)?;
        for (name, rows) in self.counts {
            writeln!(out, "{:>9}  {}", HumanCount(*rows).to_string(), printable(name))?;
        }
        Ok(())
    }
}

impl fmt::Display for ImportSummary<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(out)?;
        self.renamed(out)?;
        self.dropped(out)?;
        self.unknown(out)
    }
}

fn line(out: &mut fmt::Formatter<'_>, name: &str, report: &ModelReport) -> fmt::Result {
    write!(out, "{name:<43}")?;
    for count in [report.inserted, report.existing, report.overwritten, report.dropped] {
        write!(out, "{:>9}", HumanCount(count).to_string())?;
    }
    writeln!(out)
}

/// Why a row was left out, without saying which row it was.
fn explain(reason: &DropReason) -> String {
    match reason {
        DropReason::MissingTarget { key, model, .. } => {
            format!("{key} leads to a {model} that was not imported")
        }
        DropReason::OwnerMerged { key } => format!("{key} leads to a row that was here and has its own"),
        DropReason::Taken { fields } => format!("a row with the same {fields} is here"),
        DropReason::GlobalOnly => "only a global import takes it along".to_owned(),
        DropReason::NoSlug => "its organisation has no slug here".to_owned(),
    }
}

/// Text without control characters: what comes from a file must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
