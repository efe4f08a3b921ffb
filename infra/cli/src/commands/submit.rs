//! Hands in an export to be relocated.

use std::fmt;
use std::path::{Path, PathBuf};

use pipeline::ids::RelocationId;
use serde::Serialize;

use crate::Exit;
use crate::api::{ApiArgs, Record};
use crate::error::CliError;
use crate::submit::{Submission, Wanted, default_folder};
use crate::terminal::Terminal;
use crate::watch::Watch;

/// Hand in an export: ask for a relocation and upload its file
///
/// Plain JSON is sealed with the cell's public key first; a sealed export is uploaded as it is. The file is sent in
/// parts, each several times if need be.
///
/// An upload that was interrupted is found again: run the same command, and it sends what is missing. What it needs
/// for that is in the folder FILE.upload until the file has arrived: which relocation waits for it, and the sealed
/// copy of a file that is plain. Where that folder was lost, a sealed file goes on with --resume UUID. A relocation
/// waits 24 hours for its file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relocate submit export.json --owner ada --orgs acme,globex --watch
  UUID=$(relocate submit export.json --owner ada --orgs acme,globex --quiet)
  relocate submit export.tar --resume 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90")]
pub(crate) struct Args {
    /// The export, as JSON or sealed for this cell
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Username of whoever will own what is imported
    #[arg(long, value_name = "USERNAME", required_unless_present = "resume")]
    owner: Option<String>,
    /// Slugs of the organisations to relocate, separated by commas
    #[arg(long, value_name = "A,B", required_unless_present = "resume")]
    orgs: Option<String>,
    /// A promotion to redeem
    #[arg(long, value_name = "CODE")]
    promo_code: Option<String>,
    /// Continue the upload for this relocation
    #[arg(long, value_name = "UUID", conflicts_with_all = ["owner", "orgs", "promo_code"])]
    resume: Option<RelocationId>,
    /// Where an upload is kept until it has arrived; FILE.upload unless given
    #[arg(long, value_name = "FOLDER")]
    upload_folder: Option<PathBuf>,
    /// Follow the relocation until it ends, as `relocate watch` does
    #[arg(long)]
    watch: bool,
    /// Say nothing but the relocation's uuid, for scripts
    #[arg(long, short, conflicts_with = "watch")]
    quiet: bool,
    #[command(flatten)]
    api: ApiArgs,
}

/// What is said of a file that has arrived.
#[derive(Serialize)]
#[serde(transparent)]
struct Submitted(Record);

impl fmt::Display for Submitted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uuid = self.0.view.uuid;
        writeln!(out, "{uuid}: the file has arrived")?;
        writeln!(out, "  follow it with `relocate watch {uuid}`")
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    if args.file == Path::new("-") {
        let why = "an export is handed in from a file, so that its upload can be continued; save it first";
        return Err(CliError::Usage(why.to_owned()));
    }
    let wanted = args.owner.clone().zip(args.orgs.clone());
    let api = args.api.client();
    let submission = Submission {
        api: &api,
        endpoint: &args.api.endpoint,
        patience: args.api.patience(),
        file: &args.file,
        wanted: wanted.map(|(owner, orgs)| Wanted { owner, orgs, promo_code: args.promo_code.clone() }),
        resume: args.resume,
    };
    let folder = args.upload_folder.clone().unwrap_or_else(|| default_folder(&args.file));
    let record = submission.run(&folder, terminal)?;
    if args.quiet && !terminal.is_json() {
        writeln!(terminal.out(), "{}", record.view.uuid).map_err(CliError::Terminal)?;
        return Ok(Exit::Done);
    }
    if !args.watch {
        terminal.report(&Submitted(record), false)?;
        return Ok(Exit::Done);
    }
    let relocation = record.view.uuid;
    Watch { api: &api, relocation, patience: args.api.patience(), until_paused: false }.run(terminal)
}
