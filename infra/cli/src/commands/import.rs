//! Rehearses an import.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use catalog::{Catalog, ImportScope};
use futures::executor::block_on;
use jiff::Timestamp;
use serde::Serialize;
use silo::{ImportFlags, ImportKind, Pk};
use transfer::findings::{Finding, Instance};
use transfer::import::{
    Dropped, ImportError, ImportOutcome, ImportRequest, ModelReport, PkMap, Proceed, Renamed, Watch, import,
};
use uuid::Uuid;

use super::compare::write_findings;
use crate::Exit;
use crate::catalogue::CatalogArg;
use crate::entropy;
use crate::error::{CliError, causes};
use crate::filter::{FilterArgs, ScopeArg};
use crate::input::Input;
use crate::keys::PrivateKeyArg;
use crate::output::{self, write_file};
use crate::progress::Progress;
use crate::rehearsal::Rehearsal;
use crate::summary::ImportSummary;
use crate::terminal::Terminal;

/// Rehearse an import on this machine, and see what it would do to an instance
///
/// The same engine that imports into a live cell imports into a copy of an instance in memory: BASE, or an empty
/// one. Nothing is changed but the files that you name. Exits with 1 when the export cannot be imported.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to take
    scope: ScopeArg,
    /// The export, plain or sealed
    file: PathBuf,
    /// The state of the instance before, a global export; without it there is nothing yet
    #[arg(long, value_name = "BASE.json")]
    into: Option<PathBuf>,
    /// Write the state of the instance afterwards, as a global export
    #[arg(long, value_name = "AFTER.json")]
    out: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
    /// Reuse users whose usernames are taken, in place of giving theirs a suffix
    #[arg(long)]
    merge_users: bool,
    /// Overwrite configuration that is there already
    #[arg(long)]
    overwrite_configs: bool,
    /// Let organisations arrive pending approval
    #[arg(long)]
    hide_organizations: bool,
    /// The import's uuid; without it a new one
    #[arg(long, value_name = "UUID")]
    import_uuid: Option<Uuid>,
    /// Make every random choice from this number, so that it can be made again
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write what went wrong to this file, as JSON; an empty list when nothing did
    #[arg(long, value_name = "FILE")]
    findings_file: Option<PathBuf>,
    /// Write what was done to this file, as JSON: counts, primary keys, changed names, dropped rows
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,
    #[command(flatten)]
    key: PrivateKeyArg,
}

pub(crate) fn run(args: &Args, models: &CatalogArg, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let catalog = models.read()?;
    let request = request(args)?;
    let source = Input::open(&args.file, &args.key, terminal)?;
    let rehearsal = match &args.into {
        Some(base) => Rehearsal::load(catalog, &Input::open(base, &args.key, terminal)?, terminal)?,
        None => Rehearsal::empty(catalog),
    };
    let mut watch = Shown(Progress::of_rows(terminal, "importing", 0));
    let result = block_on(import(rehearsal.silos(), &source, &request, &mut watch));
    drop(watch);
    if let Some(path) = &args.findings_file {
        let findings: Vec<Finding> = result.as_ref().err().map(finding).into_iter().collect();
        write_findings(path, &findings, terminal)?;
    }
    let outcome = result.map_err(|source| CliError::Import { path: args.file.clone(), source })?;
    if let Some(path) = &args.out {
        rehearsal.save(path, terminal)?;
    }
    let mut report = Report::new(rehearsal.catalog(), &outcome);
    if let Some(path) = &args.report {
        report.pk_map = Some(pk_map(rehearsal.catalog(), &outcome.pk_map));
        write_report(path, &report, terminal)?;
        report.pk_map = None;
    }
    let files = [&args.out, &args.report, &args.findings_file];
    let data_went_out = files.into_iter().flatten().any(|path| output::is_terminal(path));
    terminal.report(&report, data_went_out)?;
    Ok(Exit::Done)
}

fn request(args: &Args) -> Result<ImportRequest, CliError> {
    // A seed decides the uuid too, unless that is given.
    let key = args.seed.map_or_else(entropy::random, |seed| Ok(entropy::import_key(seed)))?;
    let minted = match args.seed {
        Some(seed) => entropy::import_uuid(seed),
        None => entropy::uuid(entropy::random()?),
    };
    Ok(ImportRequest {
        import: args.import_uuid.unwrap_or(minted),
        scope: args.scope.into(),
        flags: ImportFlags {
            merge_users: args.merge_users,
            overwrite_configs: args.overwrite_configs,
            hide_organizations: args.hide_organizations,
        },
        filter: args.filter.read()?,
        // A rehearsal is never resumed, so that nothing has to tell this content from another.
        source_version: String::new(),
        now: Timestamp::now(),
        key,
    })
}

/// Shows how far an import is.
struct Shown(Progress);

impl Watch for Shown {
    async fn proceed(&mut self, progress: transfer::import::Progress) -> Proceed {
        self.0.set(progress.rows_done, progress.rows_total);
        Proceed::GoOn
    }
}

/// What a findings file says of an import that failed.
fn finding(error: &ImportError) -> Finding {
    let kind = format!("{:?}", error.kind());
    let (on, pk) = match error {
        ImportError::Row { row, .. } => {
            (Instance { model: row.model.clone(), ordinal: row.ordinal }, row.source_pk)
        }
        ImportError::Store { model, .. } => (Instance { model: model.clone(), ordinal: None }, None),
        ImportError::Request { .. } | ImportError::Read(_) | ImportError::Open(_) => {
            (Instance { model: String::new(), ordinal: None }, None)
        }
    };
    let reason = std::iter::once(error.to_string()).chain(causes(error)).collect::<Vec<_>>().join(": ");
    Finding::import_error(kind, on, pk, reason)
}

/// What an import did: for machines all of it, for people a summary.
#[derive(Serialize)]
struct Report<'a> {
    import: Uuid,
    scope: ImportScope,
    models: &'a BTreeMap<String, ModelReport>,
    renamed: &'a [Renamed],
    dropped: &'a [Dropped],
    unknown_models: &'a BTreeMap<String, u64>,
    unknown_fields: &'a BTreeMap<String, u64>,
    /// By model and primary key in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pk_map: Option<BTreeMap<&'a str, BTreeMap<Pk, NewPk>>>,
    #[serde(skip)]
    summary: ImportSummary<'a>,
}

#[derive(Serialize)]
struct NewPk {
    pk: Pk,
    kind: ImportKind,
}

impl<'a> Report<'a> {
    fn new(catalog: &'a Catalog, outcome: &'a ImportOutcome) -> Self {
        let report = &outcome.report;
        Self {
            import: outcome.plan.import,
            scope: outcome.plan.scope,
            models: &report.models,
            renamed: &report.renamed,
            dropped: &report.dropped,
            unknown_models: &report.unknown_models,
            unknown_fields: &report.unknown_fields,
            pk_map: None,
            summary: ImportSummary::new(catalog, report),
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary.fmt(out)
    }
}

fn pk_map<'a>(catalog: &'a Catalog, map: &PkMap) -> BTreeMap<&'a str, BTreeMap<Pk, NewPk>> {
    let rows =
        |id| map.rows(id).map(|(source, pk, kind)| (source, NewPk { pk, kind })).collect::<BTreeMap<_, _>>();
    let models = catalog.models().iter().map(|model| (model.name.as_str(), rows(model.id)));
    models.filter(|(_, rows)| !rows.is_empty()).collect()
}

fn write_report(path: &Path, report: &Report<'_>, terminal: &mut Terminal) -> Result<(), CliError> {
    write_file(path, terminal, |sink: &mut dyn io::Write| {
        serde_json::to_writer_pretty(&mut *sink, report)?;
        sink.write_all(b"\n")
    })
}
