//! Counts by model, in columns.

use std::fmt;

use transfer::import::ModelReport;

use super::WIDTH;
use crate::counts::{Counts, WAYS, Way};
use crate::words::grouped;

/// Counts by model, and in all. A way that no row took has no column; a name that is too long for its column has a
/// line of its own.
pub(super) struct Table<'a>(pub(super) &'a Counts<'a>);

/// A column, and how wide it is with the gap before it.
struct Column {
    way: &'static Way,
    width: usize,
}

/// What stands above and below the names of models.
const HEAD: &str = "model";
const TOTAL: &str = "in all";

/// What stands for none in a column: less to look at than a number.
const NOTHING: &str = "·";

impl fmt::Display for Table<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { models, total } = self.0;
        let columns: Vec<Column> = WAYS.iter().filter_map(|way| column(way, total)).collect();
        let numbers: usize = columns.iter().map(|column| column.width).sum();
        let longest = models.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let names = longest.max(TOTAL.len()).min(WIDTH.saturating_sub(numbers));
        let titles = columns.iter().map(|column| column.way.name.to_owned());
        line(out, HEAD, names, &columns, titles)?;
        for (name, counts) in models {
            let cells = columns.iter().map(|column| match column.count(counts) {
                0 => NOTHING.to_owned(),
                count => grouped(count),
            });
            line(out, name, names, &columns, cells)?;
        }
        line(out, TOTAL, names, &columns, columns.iter().map(|column| grouped(column.count(total))))
    }
}

impl Column {
    fn count(&self, counts: &ModelReport) -> u64 {
        (self.way.count)(counts)
    }
}

/// The column of a way, if rows took it; that of the first one is always there.
fn column(way: &'static Way, total: &ModelReport) -> Option<Column> {
    let count = (way.count)(total);
    let is_first = WAYS.first().is_some_and(|first| first.name == way.name);
    (count > 0 || is_first).then(|| Column { way, width: 2 + way.name.len().max(grouped(count).len()) })
}

fn line(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    names: usize,
    columns: &[Column],
    cells: impl Iterator<Item = String>,
) -> fmt::Result {
    if name.len() > names {
        writeln!(out, "{name}")?;
    }
    write!(out, "{:<names$}", if name.len() > names { "" } else { name })?;
    for (column, cell) in columns.iter().zip(cells) {
        write!(out, "{cell:>width$}", width = column.width)?;
    }
    writeln!(out)
}
