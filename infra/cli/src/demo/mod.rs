//! `relocate demo`: a sealed export, relocated end to end on the local stack (SPEC §14).

mod instance;
pub(crate) mod stack;
mod summary;
mod watch;

use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use catalog::Catalog;
use pipeline::api::{CreateRequest, RelocationView};
use pipeline::kinds::Status;
use seal::PublicKey;

use crate::api::{ApiClient, Patience, Upload, UploadError};
use crate::commands::encrypt;
use crate::error::CliError;
use crate::generate::{Blueprint, BlueprintError, Generator};
use crate::input::Source;
use crate::progress::Progress;
use crate::terminal::Terminal;
use instance::{Names, write_rows};
use stack::{Inspection, LocalStack, Seeding, StackDescription};

pub(crate) use instance::settle;

/// What a demo is to show.
#[derive(Debug, Clone)]
pub(crate) struct DemoOptions {
    /// How many organisations the generated export has.
    pub(crate) organizations: NonZeroU32,
    /// A file to relocate in place of a generated one: an export as JSON, which is sealed with the stack's
    /// key, or one that is sealed with it already.
    pub(crate) export: Option<PathBuf>,
    /// Slugs to relocate; none: all organisations of the file.
    pub(crate) wanted: Vec<String>,
    /// Whether the stack runs on afterwards.
    pub(crate) keep: bool,
}

/// Why a demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The upload.
    #[error("the export did not arrive")]
    Upload(#[from] UploadError),
    /// The generator.
    #[error("the export cannot be generated")]
    Generate(#[from] BlueprintError),
    /// Files or the terminal.
    #[error("a file cannot be read or written")]
    File(#[from] io::Error),
    /// The export.
    #[error("the export cannot be read")]
    Read(#[from] transfer::rows::ReadError),
    /// A sealed file does not say which organisations it holds.
    #[error("{0} is sealed: say with --orgs-wanted which organisations to relocate")]
    WantedUnknown(PathBuf),
    /// The stack's public key.
    #[error("the stack's public key cannot be used")]
    PublicKey(#[from] seal::SealError),
}

/// The user of the target who owns what arrives.
const OWNER: &str = "demo-owner";

/// Runs a demo; true when the relocation succeeded. What happens is told as it happens.
pub(crate) fn demo(options: &DemoOptions, terminal: &mut Terminal) -> Result<bool, CliError> {
    let stack = LocalStack::of_demos()?;
    // A demo that was kept is over now.
    stack.down()?;
    let result = start_and_relocate(&stack, options, terminal);
    if options.keep && result.is_ok() {
        tell(terminal, "\nThe stack runs on; `relocate down` stops it")?;
        return result;
    }
    // What went wrong before matters more than what goes wrong now.
    let stopped = stack.down();
    let succeeded = result?;
    stopped?;
    Ok(succeeded)
}

fn start_and_relocate(
    stack: &LocalStack,
    options: &DemoOptions,
    terminal: &mut Terminal,
) -> Result<bool, CliError> {
    let description = stack.up()?;
    tell(terminal, &format!("The local stack: the template is deployed, the API is {}", description.api))?;
    relocate(stack, &description, options, terminal)
}

/// Says something to people; machines get one object in the end.
fn tell(terminal: &mut Terminal, line: &str) -> Result<(), CliError> {
    if terminal.is_json() {
        return Ok(());
    }
    writeln!(terminal.out(), "{line}").map_err(CliError::Terminal)
}

fn relocate(
    stack: &LocalStack,
    description: &StackDescription,
    options: &DemoOptions,
    terminal: &mut Terminal,
) -> Result<bool, CliError> {
    let folder = tempfile::tempdir().map_err(DemoError::from)?;
    let api = ApiClient::new(&description.api_endpoint(), &description.staff_token);

    let export = prepare_export(options, folder.path())?;
    let names = Names::of(&export)?;
    let wanted = if options.wanted.is_empty() { names.slugs.clone() } else { options.wanted.clone() };
    if wanted.is_empty() {
        return Err(DemoError::WantedUnknown(export.name).into());
    }
    let instance = folder.path().join("instance.json");
    let rows = instance::write(&instance, OWNER, &names)?;
    stack.seed(description, &instance, Seeding::Always)?;
    let taken = names.slugs.first().map(|slug| format!(", and its organisation has the slug `{slug}`"));
    tell(terminal, &format!("The target: an instance of {rows} rows{}", taken.unwrap_or_default()))?;

    let sealed = seal_export(&export, &api, folder.path(), terminal)?;
    let bytes = sealed.metadata().map_err(DemoError::from)?.len();
    let rows = if names.rows == 0 { String::new() } else { format!("{} rows, ", names.rows) };
    tell(terminal, &format!("The export: {rows}{bytes} bytes sealed"))?;

    let request = CreateRequest {
        owner: Some(OWNER.to_owned()),
        orgs: Some(wanted.join(",")),
        promo_code: None,
        file_name: Some("export.tar".to_owned()),
        file_size: Some(bytes),
    };
    let id = api.create(&request)?.view.uuid;
    tell(terminal, &format!("The relocation: {id}, of {}\n", wanted.join(", ")))?;
    let upload = Upload {
        api: &api,
        relocation: id,
        path: &sealed,
        progress: Progress::of_bytes(terminal, "uploading", bytes),
        patience: Patience::new(Duration::from_secs(1)),
    };
    upload.send().map_err(DemoError::from)?;
    let ended = watch::watch(&api, id, terminal)?;
    let inspection = inspect(stack, &ended)?;
    let written = if terminal.is_json() {
        let summary = serde_json::json!({ "relocation": ended, "inspection": inspection });
        writeln!(terminal.out(), "{summary}")
    } else {
        summary::write(terminal.out(), &ended, &inspection, description)
    };
    written.map_err(CliError::Terminal)?;
    Ok(ended.status == Status::Success)
}

/// How long the last mails may take: they are an effect of the end, not a part of it.
const MAILS_DEADLINE: Duration = Duration::from_secs(20);

/// What the stack says of a relocation once its mails are out: that of its end, and of a success that of its
/// beginning and one to each user who was imported.
fn inspect(stack: &LocalStack, ended: &RelocationView) -> Result<Inspection, CliError> {
    let deadline = Instant::now() + MAILS_DEADLINE;
    loop {
        let inspection = stack.inspect(&ended.uuid.to_string())?;
        let users = inspection.report.as_ref().and_then(|report| report.models.get("sentry.user"));
        let expected = match ended.status {
            Status::Success => 2 + users.map_or(0, |users| users.inserted),
            _ => 1,
        };
        if inspection.mails.len() as u64 >= expected || Instant::now() > deadline {
            return Ok(inspection);
        }
    }
}

/// The file to relocate: the given one, or a generated one.
fn prepare_export(options: &DemoOptions, folder: &Path) -> Result<Source, CliError> {
    if let Some(path) = &options.export {
        return Source::open(path);
    }
    let path = folder.join("export.json");
    write_rows(&Generator::new(Catalog::builtin(), Blueprint::new(options.organizations))?, &path)?;
    Source::open(&path)
}

/// The file as it is uploaded: sealed with the stack's key, unless it is sealed already.
fn seal_export(
    export: &Source,
    api: &ApiClient,
    folder: &Path,
    terminal: &mut Terminal,
) -> Result<PathBuf, CliError> {
    if export.is_sealed()? {
        return Ok(export.name.clone());
    }
    let path = folder.join("export.tar");
    let public_key = PublicKey::from_pem(api.public_key()?.as_bytes()).map_err(DemoError::from)?;
    encrypt::seal(export, &path, &public_key, terminal)?;
    Ok(path)
}
