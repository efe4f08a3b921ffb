//! Seals an export.

use std::fmt;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use indicatif::HumanCount;
use jiff::Timestamp;
use seal::{DataKey, PublicKey, SealError, SealOptions, SealWriter};
use serde::Serialize;

use crate::Exit;
use crate::copy::copy;
use crate::entropy;
use crate::error::CliError;
use crate::input::Source;
use crate::keys::read_public_key;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Seal an export, so that only the owner of a private key can open it
///
/// The tarball holds the export encrypted with a fresh key, that key encrypted with the public key, and the
/// public key. It is written as the export is read, so that exports of any size can be sealed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The export, as JSON
    #[arg(value_name = "IN.json")]
    input: PathBuf,
    /// The sealed export
    #[arg(value_name = "OUT.tar")]
    output: PathBuf,
    /// Public RSA key in PEM of whoever is to open it
    #[arg(long, value_name = "PEM", env = "RELOCATE_PUBLIC_KEY", hide_env_values = true)]
    public_key: PathBuf,
}

#[derive(Serialize)]
struct Sealed<'a> {
    path: &'a Path,
    plaintext_bytes: u64,
}

impl fmt::Display for Sealed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Sealed {} bytes in {}.", HumanCount(self.plaintext_bytes), output::name(self.path))
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let key = read_public_key(&args.public_key)?;
    let source = Source::open(&args.input)?;
    if source.is_sealed()? {
        return Err(CliError::AlreadySealed(args.input.clone()));
    }
    seal(&source, &args.output, &key, terminal)?;
    let sealed = Sealed { path: &args.output, plaintext_bytes: source.bytes };
    terminal.report(&sealed, output::is_terminal(&args.output))?;
    Ok(Exit::Done)
}

/// Seals a source into a file.
pub(crate) fn seal(
    source: &Source,
    path: &Path,
    public_key: &PublicKey,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let progress = Progress::of_bytes(terminal, "sealing", source.bytes);
    let plaintext = source.read()?;
    let options = SealOptions {
        public_key,
        data_key: &DataKey::from_bytes(&entropy::random()?),
        iv: entropy::random()?,
        created_at: u64::try_from(Timestamp::now().as_second()).unwrap_or(0),
        plaintext_len: source.bytes,
    };
    let failed = |error| match error {
        SealError::Io(source) => output::failed(path, source),
        source => CliError::Seal { path: path.to_owned(), source },
    };
    let mut writer = SealWriter::new(Output::create(path, terminal)?, &options).map_err(failed)?;
    let unread = |error| CliError::Read { path: source.name.clone(), source: error };
    copy(BufReader::new(plaintext), &mut writer, &progress, unread, |error| failed(error.into()))?;
    writer.finish().map_err(failed)?.finish()
}
