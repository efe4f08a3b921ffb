//! Makes a look-alike of an export.

use std::fmt;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use catalog::Catalog;
use indicatif::HumanCount;
use serde::Serialize;
use transfer::rows::RowReader;
use transfer::sanitize::{SanitizeError, SanitizeReport, SanitizeRequest, Survey, sanitize};

use crate::Exit;
use crate::catalogue::CatalogArg;
use crate::entropy;
use crate::error::CliError;
use crate::input::Input;
use crate::keys::PrivateKeyArg;
use crate::left_out::LeftOut;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::targets::Targets;
use crate::terminal::Terminal;

/// Replace the personal data in an export by look-alikes
///
/// Names, addresses, secrets and dates are replaced; what was equal stays equal, what was well-formed stays
/// well-formed, dates keep their order, and the result imports like the original. What the catalogue does not know
/// is left out.
///
/// Dates that lie within two milliseconds of others cannot move without changing places with them, but all can move
/// together, by `--days-offset`. The last day of the year 9999, which means never, stays.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The export, plain or sealed
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The look-alike, as JSON
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Make every choice from this number, so that it can be made again; whoever knows it can undo it. Without it
    /// nobody can
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Move all dates by so many days, into the past if negative
    #[arg(long, value_name = "N", default_value = "0", allow_negative_numbers = true)]
    days_offset: i64,
    #[command(flatten)]
    key: PrivateKeyArg,
}

#[derive(Serialize)]
struct Sanitized<'a> {
    path: &'a Path,
    #[serde(flatten)]
    report: &'a SanitizeReport,
}

impl fmt::Display for Sanitized<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, report } = self;
        let (rows, models) = (HumanCount(report.rows), HumanCount(report.models.len() as u64));
        writeln!(out, "Wrote {rows} rows of {models} models to {}.", output::name(path))?;
        LeftOut { what: "Models that never relocate", counts: &report.excluded_models }.fmt(out)?;
        LeftOut { what: "Unknown models", counts: &report.unknown_models }.fmt(out)?;
        LeftOut { what: "Unknown fields", counts: &report.unknown_fields }.fmt(out)?;
        match report.unmoved_dates {
            0 => Ok(()),
            dates => writeln!(out, "Dates that did not move: {}. See --help.", HumanCount(dates)),
        }
    }
}

pub(crate) fn run(args: &Args, models: &CatalogArg, terminal: &mut Terminal) -> Result<Exit, CliError> {
    Targets::default().reads(args.input.as_path()).writes("OUT", args.output.as_path()).check()?;
    let catalog = models.read()?;
    let key = args.seed.map_or_else(entropy::random, |seed| Ok(entropy::sanitize_key(seed)))?;
    let request = SanitizeRequest { key, days_offset: args.days_offset };
    let input = Input::open(&args.input, &args.key, terminal)?;
    let report = write(&catalog, &input, &args.output, &request, terminal)?;
    terminal.report(&Sanitized { path: &args.output, report: &report }, output::is_terminal(&args.output))?;
    Ok(Exit::Done)
}

fn write(
    catalog: &Catalog,
    input: &Input,
    path: &Path,
    request: &SanitizeRequest,
    terminal: &mut Terminal,
) -> Result<SanitizeReport, CliError> {
    let failed = |error| match error {
        SanitizeError::Write(source) => output::failed(path, source),
        source => CliError::Sanitize { path: input.name().to_owned(), source },
    };
    let reading = |what| {
        let progress = Progress::of_bytes(terminal, what, input.bytes());
        Ok::<_, CliError>(RowReader::new(progress.watch(input.read()?)))
    };
    let survey = Survey::take(catalog, reading("surveying")?).map_err(failed)?;
    let rows = reading("sanitising")?;
    let sink = BufWriter::new(Output::create(path, terminal)?);
    let (sink, report) = sanitize(catalog, &survey, request, rows, sink).map_err(failed)?;
    sink.into_inner().map_err(|error| output::failed(path, error.into_error()))?.finish()?;
    Ok(report)
}
