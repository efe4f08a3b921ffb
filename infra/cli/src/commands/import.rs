//! Rehearses an import.

use std::path::PathBuf;

use futures::executor::block_on;
use jiff::Timestamp;
use report::{About, Report};
use silo::ImportFlags;
use transfer::findings::{Finding, Instance};
use transfer::import::{ImportError, ImportRequest, Proceed, Watch, import};
use uuid::Uuid;

use super::compare::write_findings;
use crate::Exit;
use crate::catalogue::CatalogArg;
use crate::entropy;
use crate::error::{CliError, causes};
use crate::filter::{FilterArgs, ScopeArg};
use crate::input::Input;
use crate::keys::PrivateKeyArg;
use crate::output::{self, Place};
use crate::progress::Progress;
use crate::rehearsal::Rehearsal;
use crate::reporting::ReportArgs;
use crate::targets::Targets;
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
    /// Empty the instance first: a global import starts from nothing
    #[arg(long)]
    clear: bool,
    /// The import's uuid; without it a new one
    #[arg(long, value_name = "UUID")]
    import_uuid: Option<Uuid>,
    /// Make every random choice from this number, so that it can be made again
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write what went wrong to this file, as JSON; an empty list when nothing did
    #[arg(long, value_name = "FILE")]
    findings_file: Option<PathBuf>,
    #[command(flatten)]
    report: ReportArgs,
    #[command(flatten)]
    key: PrivateKeyArg,
}

pub(crate) fn run(args: &Args, models: &CatalogArg, terminal: &mut Terminal) -> Result<Exit, CliError> {
    targets(args).check()?;
    args.report.check(terminal)?;
    let catalog = models.read()?;
    let request = request(args)?;
    // Found out before the work: what cannot be written in the end. A report tells of this import or is not there.
    let out = args.out.as_deref().map(Place::open).transpose()?;
    let report_to = args.report.path().map(|path| Place::open(path)?.cleared()).transpose()?;
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
    if let Some(out) = out {
        rehearsal.save(out.output(terminal))?;
    }
    let base = args.into.as_deref().map(|path| output::name(path).to_string());
    let about = About::new(&outcome.plan, source.name().display().to_string(), base);
    let report = Report::new(rehearsal.catalog(), &about, &outcome.report);
    let data_went_out =
        [&args.out, &args.findings_file].into_iter().flatten().any(|path| output::is_terminal(path));
    args.report.tell(report, &outcome.pk_map, (report_to, data_went_out), terminal)?;
    Ok(Exit::Done)
}

fn targets(args: &Args) -> Targets<'_> {
    Targets::default()
        .reads(args.file.as_path())
        .reads(args.into.as_deref())
        .writes("--out", args.out.as_deref())
        .writes("--findings-file", args.findings_file.as_deref())
        .writes("--report", args.report.path())
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
        clear: args.clear,
        // A rehearsal is never resumed, so that nothing has to tell this content from another.
        source_version: String::new(),
        now: Timestamp::now(),
        key,
    })
}

/// Shows how far an import is.
struct Shown(Progress);

impl Watch for Shown {
    async fn proceed(&mut self, progress: transfer::import::Progress<'_>) -> Proceed {
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
        ImportError::NotEmpty { model } | ImportError::Store { model, .. } => {
            (Instance { model: model.clone(), ordinal: None }, None)
        }
        ImportError::Request { .. } | ImportError::Read(_) | ImportError::Open(_) => {
            (Instance { model: String::new(), ordinal: None }, None)
        }
    };
    let reason = std::iter::once(error.to_string()).chain(causes(error)).collect::<Vec<_>>().join(": ");
    Finding::import_error(kind, on, pk, reason)
}
