//! Compares two exports.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use transfer::compare::compare;
use transfer::findings::{Finding, Summary, write_json};
use transfer::rows::RowReader;

use crate::Exit;
use crate::catalogue::CatalogArg;
use crate::error::CliError;
use crate::input::Input;
use crate::keys::PrivateKeyArg;
use crate::output::{is_terminal, write_file};
use crate::progress::Progress;
use crate::targets::Targets;
use crate::terminal::Terminal;

/// Compare two exports, before and after, and say what an import must not have changed
///
/// Rows meet by their order, or by their natural key, never by their primary key. Suffixes, new secrets and
/// later dates are no findings where an import may give them. Exits with 1 when there are findings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The export from before, plain or sealed
    left: PathBuf,
    /// The export from after, plain or sealed
    right: PathBuf,
    /// Write the findings to this file, as JSON
    #[arg(long, value_name = "F")]
    findings_file: Option<PathBuf>,
    #[command(flatten)]
    key: PrivateKeyArg,
}

/// How many findings people are told in full.
const DETAILS_MAX: usize = 50;

/// As JSON the same as a findings file.
#[derive(Serialize)]
#[serde(transparent)]
struct Compared<'a>(&'a [Finding]);

impl fmt::Display for Compared<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", Summary::new(self.0).details_max(DETAILS_MAX))
    }
}

pub(crate) fn run(args: &Args, models: &CatalogArg, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let findings_file = args.findings_file.as_deref();
    let inputs = Targets::default().reads(args.left.as_path()).reads(args.right.as_path());
    inputs.writes("--findings-file", findings_file).check()?;
    let catalog = models.read()?;
    let left = Input::open(&args.left, &args.key, terminal)?;
    let right = Input::open(&args.right, &args.key, terminal)?;
    let progress = Progress::of_bytes(terminal, "comparing", left.bytes() + right.bytes());
    let reader = |input: &Input| Ok::<_, CliError>(RowReader::new(progress.watch(input.read()?)));
    let findings = compare(&catalog, reader(&left)?, reader(&right)?)?;
    drop(progress);
    if let Some(path) = findings_file {
        write_findings(path, &findings, terminal)?;
    }
    terminal.report(&Compared(&findings), findings_file.is_some_and(is_terminal))?;
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Writes a findings file; it is there also when nothing was found.
pub(crate) fn write_findings(
    path: &Path,
    findings: &[Finding],
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    write_file(path, terminal, |sink: &mut dyn io::Write| write_json(findings, sink))
}
