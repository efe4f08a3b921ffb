//! The report as a page: one file, which needs no script and nothing from elsewhere.

use askama::Template;
use transfer::import::{Met, ModelReport, Renamed};

use crate::Report;
use crate::causes::{Cause, Link, causes};
use crate::counts::{Counts, WAYS};
use crate::listing::{self, Listing};
use crate::words::{counted, grouped, visible};

/// How many rows of a kind a page lists; all are counted, and the form for machines lists more.
pub const LISTED_ON_PAGE_MAX: usize = 1_000;

/// Lists of up to so many rows are open at first.
const OPEN_UP_TO: u64 = 20;

/// The page could not be filled in.
#[derive(Debug, thiserror::Error)]
#[error("the report cannot be written as a page")]
pub struct RenderError(#[from] askama::Error);

pub(crate) fn render(report: Report<'_>) -> Result<String, RenderError> {
    Ok(Page::new(report).render()? + "\n")
}

/// What the template needs: texts that it escapes, and numbers as they are shown.
#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    about: [(&'static str, String); 7],
    tiles: Vec<(&'static str, String, bool)>,
    columns: Vec<&'static str>,
    models: Vec<(String, Vec<Cell>)>,
    totals: Vec<Cell>,
    own: Option<String>,
    renamed: List<[String; 5]>,
    overwritten: List<[String; 4]>,
    reused: List<[String; 4]>,
    dropped: List<CauseOnPage>,
    unknown: Vec<(&'static str, List<(String, String)>)>,
}

/// A count, and whether it is nothing.
struct Cell {
    text: String,
    is_zero: bool,
}

/// What is listed of a kind.
struct List<T> {
    /// How many there are, in words.
    total: String,
    is_empty: bool,
    is_open: bool,
    rows: Vec<T>,
    /// How many there are beside these, in words.
    more: Option<String>,
}

struct CauseOnPage {
    why: String,
    rows: String,
    groups: Vec<GroupOnPage>,
}

struct GroupOnPage {
    rows: String,
    model: String,
    link: String,
    source_pks: String,
}

impl Page {
    fn new(report: Report<'_>) -> Self {
        let (import, counts) = (report.import, Counts::of(report));
        let columns = columns(&counts.total);
        let cells = |model: &ModelReport| columns.iter().map(|(_, count)| Cell::new(count(model))).collect();
        let total = &counts.total;
        let own = total.existing_own + total.overwritten_own;
        Self {
            title: visible(&report.about.file),
            about: report.about.told(),
            tiles: tiles(total),
            models: counts.models.iter().map(|(name, model)| ((*name).to_owned(), cells(model))).collect(),
            totals: cells(total),
            columns: columns.iter().map(|(name, _)| *name).collect(),
            own: (own > 0).then(|| counted(own, "row")),
            renamed: List::of(&listing::renamed(import), renamed),
            overwritten: List::of(&listing::overwritten(import), met),
            reused: List::of(&listing::reused(import), met),
            dropped: dropped(report),
            unknown: [("models", &import.unknown_models), ("fields", &import.unknown_fields)]
                .into_iter()
                .filter(|(_, names)| !names.is_empty())
                .map(|(what, names)| {
                    let names: Vec<_> = names.iter().collect();
                    let total = names.len() as u64;
                    let list = Listing::new(&names, total);
                    (what, List::of(&list, |(name, rows)| (visible(name), grouped(**rows))))
                })
                .collect(),
        }
    }
}

type Count = fn(&ModelReport) -> u64;

/// The columns of the table: every way that rows took, the two of being left out apart.
fn columns(total: &ModelReport) -> Vec<(&'static str, Count)> {
    let all: [(&str, Count); 8] = [
        ("in the file", |counts| counts.in_file),
        ("inserted", |counts| counts.inserted),
        ("renamed", |counts| counts.renamed),
        ("reused", |counts| counts.existing),
        ("overwritten", |counts| counts.overwritten),
        ("dropped", |counts| counts.dropped),
        ("filtered", |counts| counts.filtered),
        ("out of scope", |counts| counts.out_of_scope),
    ];
    let always = ["in the file", "inserted"];
    all.into_iter().filter(|(name, count)| always.contains(name) || count(total) > 0).collect()
}

/// The numbers that stand first, and whether they are nothing.
fn tiles(total: &ModelReport) -> Vec<(&'static str, String, bool)> {
    let tile = |name, count: u64| (name, grouped(count), count == 0);
    let mut tiles: Vec<_> = WAYS.iter().map(|way| tile(way.name, (way.count)(total))).collect();
    tiles.insert(1, tile("of them renamed", total.renamed));
    tiles
}

impl Cell {
    fn new(count: u64) -> Self {
        Self { text: grouped(count), is_zero: count == 0 }
    }
}

impl<T> List<T> {
    fn of<R>(rows: &Listing<'_, R>, tell: impl Fn(&R) -> T) -> Self {
        let (shown, more) = rows.first(LISTED_ON_PAGE_MAX);
        Self {
            total: grouped(rows.total),
            is_empty: rows.total == 0,
            is_open: rows.total <= OPEN_UP_TO,
            rows: shown.iter().map(tell).collect(),
            more: (more > 0).then(|| grouped(more)),
        }
    }
}

fn renamed(row: &Renamed) -> [String; 5] {
    let pks = (row.source_pk.to_string(), row.pk.to_string());
    [row.model.clone(), pks.0, pks.1, visible(&row.from), visible(&row.to)]
}

fn met(row: &Met) -> [String; 4] {
    let name = row.name.as_deref().map(visible).unwrap_or_default();
    [row.model.clone(), row.source_pk.to_string(), row.pk.to_string(), name]
}

/// Dropped rows by cause; how many rows there are beside those that are listed.
fn dropped(report: Report<'_>) -> List<CauseOnPage> {
    let total = report.import.total().dropped;
    let causes = causes(&report.import.dropped);
    let shown: Vec<&Cause<'_>> = causes.iter().take(LISTED_ON_PAGE_MAX).collect();
    let more = total.saturating_sub(shown.iter().map(|cause| cause.rows).sum());
    List {
        total: grouped(total),
        is_empty: total == 0,
        is_open: total <= OPEN_UP_TO,
        rows: shown.into_iter().map(CauseOnPage::new).collect(),
        more: (more > 0).then(|| grouped(more)),
    }
}

impl CauseOnPage {
    fn new(cause: &Cause<'_>) -> Self {
        let groups = cause.groups.iter().map(|group| {
            let pks = group.source_pks.iter().take(LISTED_ON_PAGE_MAX);
            let mut source_pks = pks.map(ToString::to_string).collect::<Vec<_>>().join(", ");
            if group.source_pks.len() > LISTED_ON_PAGE_MAX {
                source_pks.push_str(", …");
            }
            let link = if group.link == Link::Itself { String::new() } else { group.link.to_string() };
            let rows = grouped(group.source_pks.len() as u64);
            GroupOnPage { rows, model: group.model.to_owned(), link, source_pks }
        });
        Self { why: cause.why.to_string(), rows: counted(cause.rows, "row"), groups: groups.collect() }
    }
}
