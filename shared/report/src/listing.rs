//! Rows that are told one by one, of which there may be more than anybody reads.

use transfer::import::{ImportReport, Met, Renamed};

/// The first rows of a kind, and how many there are.
#[derive(Debug)]
pub(crate) struct Listing<'a, T> {
    listed: &'a [T],
    pub(crate) total: u64,
}

impl<'a, T> Listing<'a, T> {
    pub(crate) fn new(listed: &'a [T], total: u64) -> Self {
        Self { listed, total }
    }

    /// The first so many, and how many more there are.
    pub(crate) fn first(&self, max: usize) -> (&'a [T], u64) {
        let shown = self.listed.get(..max).unwrap_or(self.listed);
        (shown, self.total.saturating_sub(shown.len() as u64))
    }
}

/// Rows whose names changed.
pub(crate) fn renamed(report: &ImportReport) -> Listing<'_, Renamed> {
    Listing::new(&report.renamed, report.total().renamed)
}

/// Rows that replaced one that was here.
pub(crate) fn overwritten(report: &ImportReport) -> Listing<'_, Met> {
    let total = report.total();
    Listing::new(&report.overwritten, total.overwritten.saturating_sub(total.overwritten_own))
}

/// Rows for which one that was here is used.
pub(crate) fn reused(report: &ImportReport) -> Listing<'_, Met> {
    let total = report.total();
    Listing::new(&report.existing, total.existing.saturating_sub(total.existing_own))
}
