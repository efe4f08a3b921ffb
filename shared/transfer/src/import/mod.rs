//! Imports an export into an instance (SPEC §7): every row in scope exactly once, with a new primary key.
//!
//! Two passes over the file: a census counts rows and finds out what a filter admits; then batches are
//! prepared, settled and written in the order of the file. Organisation tokens need a third one: they come
//! last, when slugs are final.

mod automatic;
mod batch_writer;
mod batches;
mod census;
mod chunks;
mod clearing;
mod context;
mod error;
mod fields;
mod foresight;
mod importer;
mod left_out;
mod order;
mod pk_map;
mod pk_runs;
mod plan;
mod random;
mod register;
mod report;
mod row;
mod settle;
mod slugs;
mod tokens;
mod users;

use std::future::Future;
use std::io::Read;

use catalog::{Catalog, ImportScope, Model, Rule};
use silo::{Filter, ImportPlan, Silos, StoreError, Watermarks};

pub use census::Census;
pub use error::{FailedRow, ImportError, ImportErrorKind};
pub use pk_map::PkMap;
pub use plan::{ImportRequest, TRANSACTION_ITEMS_MAX};
pub use report::{
    Absence, DROPPED_LISTED_MAX, DropReason, Dropped, ImportReport, MET_LISTED_MAX, Met, ModelReport,
    NAME_CHARS_MAX, RENAMED_LISTED_MAX, Renamed, UNKNOWN_NAME_BYTES_MAX, UNKNOWN_NAMED_MAX, UNKNOWN_OTHERS,
};

use context::ImportContext;
use foresight::Foresight;
use importer::Importer;
pub(crate) use report::count_unknown;

use crate::dates;
use crate::rows::RowReader;

/// A file that can be read more than once.
pub trait ExportSource: Sync {
    /// One reading of it.
    type Reader: Read + Send;

    /// Starts reading at the beginning.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn open(&self) -> std::io::Result<Self::Reader>;
}

impl ExportSource for [u8] {
    type Reader = std::io::Cursor<Vec<u8>>;

    fn open(&self) -> std::io::Result<Self::Reader> {
        Ok(std::io::Cursor::new(self.to_vec()))
    }
}

/// Watches an import, and may stop it between two batches.
pub trait Watch: Send {
    /// Asked before each batch; what was written until then stays when it says stop.
    fn proceed(&mut self, progress: Progress<'_>) -> impl Future<Output = Proceed> + Send;
}

/// How far an import is.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    /// Rows of the file dealt with.
    pub rows_done: u64,
    /// Rows in the file, but for those of models that the catalogue does not know.
    pub rows_total: u64,
    /// Batches that this call has written; those that it found written do not count.
    pub batches_written: u64,
    report: &'a ImportReport,
    census: &'a Census,
    catalog: &'a Catalog,
}

impl Progress<'_> {
    /// For each model that has rows in the file, in the order of the catalogue: its name, the rows dealt with, and all.
    pub fn models(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.catalog.models().iter().filter_map(|model| {
            let total = self.census.rows(model.id);
            let done = self.report.models.get(&model.name).map_or(0, ModelReport::done);
            (total > 0).then_some((model.name.as_str(), done, total))
        })
    }
}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Progress({} of {} rows, {} batches)",
            self.rows_done, self.rows_total, self.batches_written
        )
    }
}

/// Whether an import goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proceed {
    /// It does.
    GoOn,
    /// It stops here and may be resumed.
    Stop,
}

/// Lets an import run to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    async fn proceed(&mut self, _: Progress<'_>) -> Proceed {
        Proceed::GoOn
    }
}

/// How an import ended, short of an error.
#[derive(Debug)]
pub struct ImportOutcome {
    /// Whether everything was dealt with; otherwise it was stopped and may be resumed.
    pub finished: bool,
    /// What it did, including what earlier runs of it did.
    pub report: ImportReport,
    /// Which primary key each row has.
    pub pk_map: PkMap,
    /// The decisions it rests on.
    pub plan: ImportPlan,
}

/// Imports a file, or resumes the import that has this uuid.
///
/// # Errors
/// The first row that cannot be imported, or whatever keeps the import from going on; what was written
/// before stays, and the same call goes on behind it.
pub async fn import<S: Watermarks, E: ExportSource + ?Sized>(
    silos: Silos<'_, S>,
    source: &E,
    request: &ImportRequest,
    watch: &mut impl Watch,
) -> Result<ImportOutcome, ImportError> {
    let catalog = silos.cell.catalog();
    check_request(catalog, request)?;
    let mut reader = RowReader::new(source.open().map_err(ImportError::Open)?);
    let census = Census::take(catalog, &mut reader, &request.filter)?;
    let foresight = if request.scope == ImportScope::Global {
        let mut reader = RowReader::new(source.open().map_err(ImportError::Open)?);
        let foresight = Foresight::read(catalog, &mut reader)?;
        clearing::start_from_empty_tables(silos, request).await?;
        foresight
    } else {
        Foresight::default()
    };
    let plan = plan::plan(silos, (&census, &foresight), request)
        .await
        .map_err(|source| store_error("the plan", source))?;
    check_same_import(&plan, request)?;
    let open = |source| store_error("what is reconciled", source);
    silos.open_import(&plan).await.map_err(open)?;
    let now = dates::text(plan.now);
    let context = ImportContext { catalog, plan: &plan, now: &now, foresight: &foresight };
    let mut importer = Importer::new(silos, context, &census, chunks::load(silos, plan.import).await?);
    let mut finished = true;
    for pass in [Pass::Main, Pass::HeldBack] {
        if finished && pass.has_rows(catalog, &census) {
            let reader = RowReader::new(source.open().map_err(ImportError::Open)?);
            finished = importer.run(pass, reader, watch).await?;
        }
    }
    if finished {
        silos.close_import(plan.import).await.map_err(open)?;
    }
    let (report, pk_map) = importer.end();
    Ok(ImportOutcome { finished, report, pk_map, plan })
}

fn store_error(model: &str, source: StoreError) -> ImportError {
    ImportError::Store { model: model.to_owned(), source }
}

/// What is asked for must make sense, whatever the file and the instance are.
fn check_request(catalog: &Catalog, request: &ImportRequest) -> Result<(), ImportError> {
    let is_global = request.scope == ImportScope::Global;
    let problem = if request.import.is_nil() {
        (ImportErrorKind::MissingImportUUID, "it has no uuid")
    } else if request.filter != Filter::All && catalog.tenancy().is_none() {
        (ImportErrorKind::ValidationError, "its catalogue does not say what filters look at")
    } else if request.filter != Filter::All && is_global {
        (ImportErrorKind::ValidationError, "in global scope it takes everything: it can have no filter")
    } else if request.clear && !is_global {
        (ImportErrorKind::ValidationError, "in global scope alone may it clear the instance")
    } else {
        return Ok(());
    };
    Err(ImportError::request(problem.0, problem.1))
}

/// A plan is only good for the file, the scope, the flags and the filter it was made for.
fn check_same_import(plan: &ImportPlan, request: &ImportRequest) -> Result<(), ImportError> {
    let changed = [
        ("another file", plan.source_version != request.source_version),
        ("another scope", plan.scope != request.scope),
        ("other flags", plan.flags != request.flags),
        ("another filter", plan.filter != request.filter),
    ];
    match changed.into_iter().find(|(_, changed)| *changed) {
        None => Ok(()),
        Some((what, _)) => {
            let reason = format!("the import {} was begun with {what}", plan.import);
            Err(ImportError::request(ImportErrorKind::IntegrityError, reason))
        }
    }
}

/// Which rows a pass over the file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Main,
    HeldBack,
}

impl Pass {
    fn of(model: &Model) -> Pass {
        if model.rules.contains(&Rule::HoldBack) { Pass::HeldBack } else { Pass::Main }
    }

    /// Whether the file has rows for it.
    fn has_rows(self, catalog: &Catalog, census: &Census) -> bool {
        let is_of = |model: &&Model| Pass::of(model) == self && census.rows(model.id) > 0;
        self == Pass::Main || catalog.models().iter().any(|model| is_of(&model))
    }
}
