//! Rehearses an export.

use std::fmt;
use std::path::{Path, PathBuf};

use indicatif::HumanCount;
use serde::Serialize;
use transfer::export::ExportRequest;

use super::encrypt::seal;
use crate::Exit;
use crate::catalogue::CatalogArg;
use crate::checkpoint::Folder;
use crate::error::CliError;
use crate::filter::{FilterArgs, ScopeArg};
use crate::input::{Input, Source};
use crate::keys::{PrivateKeyArg, read_public_key};
use crate::output::{self, Output};
use crate::rehearsal::Rehearsal;
use crate::targets::Targets;
use crate::terminal::Terminal;

/// Export from the state of an instance, as a live cell would
///
/// With --public-key the export is sealed for the owner of the private key.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to take
    scope: ScopeArg,
    /// The state of the instance: a global export, plain or sealed
    #[arg(long, value_name = "STATE.json")]
    from: PathBuf,
    /// The export: JSON, or a sealed tarball with --public-key
    #[arg(long, value_name = "OUT.json")]
    out: PathBuf,
    #[command(flatten)]
    filter: FilterArgs,
    /// Keep each finished model in this folder, and resume from what is kept there
    ///
    /// When the export is interrupted, give the same folder again: models that were finished are not read again.
    /// What is kept belongs to one scope and one filter, is not sealed, and is deleted when the export is done.
    #[arg(long, value_name = "DIR")]
    checkpoints: Option<PathBuf>,
    /// Seal the export with this public RSA key in PEM
    #[arg(long, value_name = "PEM")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    key: PrivateKeyArg,
}

#[derive(Serialize)]
struct Exported<'a> {
    path: &'a Path,
    rows: u64,
    sealed: bool,
}

impl fmt::Display for Exported<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let done = if self.sealed { "Sealed" } else { "Wrote" };
        writeln!(out, "{done} {} rows in {}.", HumanCount(self.rows), output::name(self.path))
    }
}

pub(crate) fn run(args: &Args, models: &CatalogArg, terminal: &mut Terminal) -> Result<Exit, CliError> {
    Targets::default().reads(args.from.as_path()).writes("--out", args.out.as_path()).check()?;
    let request = ExportRequest { scope: args.scope.into(), filter: args.filter.read()? };
    let public_key = args.public_key.as_deref().map(read_public_key).transpose()?;
    let checkpoint = args.checkpoints.as_deref().map(Folder::open).transpose()?;
    let rehearsal =
        Rehearsal::load(models.read()?, &Input::open(&args.from, &args.key, terminal)?, terminal)?;
    let rows = match &public_key {
        None => rehearsal.export(
            &request,
            checkpoint.as_ref(),
            &args.from,
            Output::create(&args.out, terminal)?,
        )?,
        Some(key) => {
            // A sealed file begins with its size, which is known only when all of it was written.
            let unsealed =
                tempfile::Builder::new().prefix(".relocate-").tempfile().map(|file| file.into_temp_path());
            let unsealed = unsealed.map_err(|source| output::failed(&args.out, source))?;
            let rows = rehearsal.export(
                &request,
                checkpoint.as_ref(),
                &args.from,
                Output::create(&unsealed, terminal)?,
            )?;
            seal(&Source::open(&unsealed)?, &args.out, key, terminal)?;
            rows
        }
    };
    if let Some(checkpoint) = checkpoint {
        checkpoint.discard()?;
    }
    let exported = Exported { path: &args.out, rows, sealed: public_key.is_some() };
    terminal.report(&exported, output::is_terminal(&args.out))?;
    Ok(Exit::Done)
}
