//! `relocate demo`: a sealed export, relocated end to end on the local stack (SPEC §14).

pub mod api;
pub mod stack;
mod summary;
mod watch;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use catalog::Catalog;
use pipeline::api::{CreateRequest, RelocationView};
use pipeline::kinds::Status;
use seal::{PublicKey, SealOptions};
use transfer::rows::RowReader;

use crate::generate::{Blueprint, BlueprintError, Generator};
use api::{ApiClient, ApiError};
use stack::{LocalStack, StackDescription, StackError};

/// What a demo is to show.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// How many organisations the generated export has.
    pub organizations: NonZeroU32,
    /// A file to relocate in place of a generated one: an export as JSON, which is sealed with the stack's
    /// key, or one that is sealed with it already.
    pub export: Option<PathBuf>,
    /// Slugs to relocate; none: all organisations of the file.
    pub wanted: Vec<String>,
    /// Whether the stack runs on afterwards.
    pub keep: bool,
}

/// Why a demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The local stack.
    #[error("the local stack cannot be used")]
    Stack(#[from] StackError),
    /// The API.
    #[error("the API did not do what was asked")]
    Api(#[from] ApiError),
    /// The generator.
    #[error("the export cannot be generated")]
    Generate(#[from] BlueprintError),
    /// Sealing.
    #[error("the export cannot be sealed")]
    Seal(#[from] seal::SealError),
    /// Files or the terminal.
    #[error("a file cannot be read or written")]
    File(#[from] io::Error),
    /// The export.
    #[error("the export cannot be read")]
    Read(#[from] transfer::rows::ReadError),
    /// A sealed file does not say which organisations it holds.
    #[error("{0} is sealed: say with --orgs-wanted which organisations to relocate")]
    WantedUnknown(PathBuf),
    /// There are no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[from] getrandom::Error),
}

/// The user of the target who owns what arrives.
const OWNER: &str = "demo-owner";

/// Runs a demo; true when the relocation succeeded. What happens is written to `out` as it happens.
///
/// # Errors
/// Whatever kept the demo from its end; a relocation that fails is no error.
pub fn demo(options: &DemoOptions, out: &mut dyn Write) -> Result<bool, DemoError> {
    let stack = LocalStack::find()?;
    writeln!(out, "The local stack: functions are built, the template is deployed")?;
    let description = stack.up()?;
    let result = relocate(&stack, &description, options, out);
    if options.keep {
        writeln!(out, "\nThe stack runs on: API {}, stop it with `relocate down`", description.api)?;
    } else {
        stack.down()?;
    }
    result
}

fn relocate(
    stack: &LocalStack,
    description: &StackDescription,
    options: &DemoOptions,
    out: &mut dyn Write,
) -> Result<bool, DemoError> {
    let folder = tempfile::tempdir()?;
    let api = ApiClient::new(&description.api, &description.api_query, &description.staff_token);

    let export = prepare_export(options, folder.path())?;
    let names = Names::of(&export.path)?;
    let instance = folder.path().join("instance.json");
    let rows = write_instance(&instance, &names)?;
    stack.seed(description, &instance)?;
    writeln!(
        out,
        "The target: an instance of its own with {rows} rows; it has the slug `{}` and some usernames already",
        names.slugs.first().map(String::as_str).unwrap_or("live")
    )?;

    let wanted = if options.wanted.is_empty() { names.slugs.clone() } else { options.wanted.clone() };
    if wanted.is_empty() {
        return Err(DemoError::WantedUnknown(export.path));
    }
    let sealed = seal_export(&export, &api, folder.path())?;
    let bytes = sealed.metadata()?.len();
    writeln!(out, "The export: {} rows, sealed in {bytes} bytes", names.rows)?;

    let request = CreateRequest {
        owner: Some(OWNER.to_owned()),
        orgs: Some(wanted.join(",")),
        promo_code: None,
        file_name: Some("export.tar".to_owned()),
        file_size: Some(bytes),
    };
    let created = api.create(&request)?;
    let uuid = created.uuid.to_string();
    writeln!(out, "The relocation: {uuid} of {}", wanted.join(", "))?;
    api.upload(&uuid, &sealed, |_| {})?;
    let ended = watch::watch(&api, &uuid, out)?;
    summary::write(out, &ended, &stack.inspect(&uuid)?, description)?;
    Ok(ended.status == Status::Success)
}

/// A file to relocate.
struct Export {
    path: PathBuf,
    is_sealed: bool,
}

fn prepare_export(options: &DemoOptions, folder: &Path) -> Result<Export, DemoError> {
    if let Some(path) = &options.export {
        return Ok(Export { path: path.clone(), is_sealed: !is_json(path)? });
    }
    let path = folder.join("export.json");
    let generator = Generator::new(Catalog::builtin(), Blueprint::new(options.organizations))?;
    generator.write(BufWriter::new(File::create(&path)?), || {})?.flush()?;
    Ok(Export { path, is_sealed: false })
}

/// Whether a file begins as an array of rows does.
fn is_json(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut beginning)?;
    Ok(beginning.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'['))
}

/// Names in an export: what the target is given, so that they collide.
#[derive(Default)]
struct Names {
    rows: u64,
    slugs: Vec<String>,
    usernames: Vec<String>,
}

impl Names {
    /// The names in an export; a sealed one keeps them to itself.
    fn of(path: &Path) -> Result<Self, DemoError> {
        let mut names = Self::default();
        if !is_json(path)? {
            return Ok(names);
        }
        let mut reader = RowReader::new(BufReader::new(File::open(path)?));
        while let Some(row) = reader.next_row()? {
            let text = |field: &str| row.fields.get(field).and_then(|value| value.as_str()).map(str::to_owned);
            match row.model.as_str() {
                "sentry.organization" => names.slugs.extend(text("slug")),
                "sentry.user" => names.usernames.extend(text("username")),
                _ => {}
            }
        }
        names.rows = reader.rows_read();
        Ok(names)
    }
}

/// Writes the target's own instance: options, relays, staff, users and an organisation. Its organisation has a
/// slug of the export, and two of its users have usernames of it.
fn write_instance(path: &Path, names: &Names) -> Result<u64, DemoError> {
    let mut usernames = vec![OWNER.to_owned()];
    usernames.extend(names.usernames.iter().take(2).cloned());
    let blueprint = Blueprint {
        instance: true,
        seed: 2,
        usernames,
        slugs: names.slugs.iter().take(1).cloned().collect(),
        ..Blueprint::new(NonZeroU32::MIN)
    };
    let generator = Generator::new(Catalog::builtin(), blueprint)?;
    let rows = generator.rows();
    generator.write(BufWriter::new(File::create(path)?), || {})?.flush()?;
    Ok(rows)
}

fn seal_export(export: &Export, api: &ApiClient, folder: &Path) -> Result<PathBuf, DemoError> {
    if export.is_sealed {
        return Ok(export.path.clone());
    }
    let path = folder.join("export.tar");
    let public_key = PublicKey::from_pem(api.public_key()?.as_bytes())?;
    let plaintext = File::open(&export.path)?;
    let mut key = [0; 32];
    let mut iv = [0; 16];
    getrandom::fill(&mut key)?;
    getrandom::fill(&mut iv)?;
    let options = SealOptions {
        public_key: &public_key,
        data_key: &seal::DataKey::from_bytes(&key)?,
        iv,
        created_at: jiff::Timestamp::now().as_second().unsigned_abs(),
        plaintext_len: plaintext.metadata()?.len(),
    };
    let sink = BufWriter::new(File::create(&path)?);
    seal::seal(BufReader::new(plaintext), sink, &options)?.flush()?;
    Ok(path)
}

/// Whether nothing more will happen to a relocation by itself.
fn has_ended(relocation: &RelocationView) -> bool {
    !matches!(relocation.status, Status::InProgress)
}
