//! Reads a file that a relocation keeps.

use std::fmt;
use std::io::{BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use indicatif::HumanCount;
use pipeline::api::ArtifactView;
use seal::{DataKey, Layout, SealError, Verified};
use serde::Serialize;

use crate::Exit;
use crate::api::{ApiArgs, ApiClient};
use crate::copy::copy;
use crate::error::CliError;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::relocation::IdArg;
use crate::terminal::Terminal;

/// Read a file that a relocation keeps
///
/// A sealed file is opened, and one that is too large for an answer downloaded. Each reading is on record: see
/// `relocate audit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: relocate artifact 5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90 out/import-report.json --out report.json")]
pub(crate) struct Args {
    #[command(flatten)]
    relocation: IdArg,
    /// The file, as `relocate artifacts` lists it
    #[arg(value_name = "KIND/NAME", value_parser = name)]
    file: ArtifactName,
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    #[command(flatten)]
    api: ApiArgs,
}

/// A file's folder and its name in it.
#[derive(Debug, Clone)]
struct ArtifactName {
    kind: String,
    name: String,
}

fn name(text: &str) -> Result<ArtifactName, String> {
    let parts = text.split_once('/').filter(|(kind, name)| ![kind, name].iter().any(|part| part.is_empty()));
    let (kind, name) =
        parts.ok_or_else(|| "it is a kind and a name, such as out/import-report.json".to_owned())?;
    Ok(ArtifactName { kind: kind.to_owned(), name: name.to_owned() })
}

#[derive(Serialize)]
struct Written<'a> {
    path: &'a Path,
    bytes: u64,
    /// Whether it is still sealed, because it was not sealed for this cell.
    sealed: bool,
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sealed = if self.sealed { ", sealed as it is: this cell cannot open it" } else { "" };
        writeln!(out, "Wrote {} bytes to {}{sealed}.", HumanCount(self.bytes), self.path.display())
    }
}

pub(crate) fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let api = args.api.client();
    let ArtifactName { kind, name } = &args.file;
    let found = api.artifact(args.relocation.uuid, kind, name)?;
    let (bytes, sealed) = match &found {
        ArtifactView::Contents { contents } => (write(contents.as_bytes(), &args.out, terminal)?, false),
        ArtifactView::Download { url, size, sealed: true, data_key: Some(key), .. } => {
            (open(&api, url, *size, key, &args.out, terminal)?, false)
        }
        ArtifactView::Download { url, size, sealed, .. } => {
            let progress = Progress::of_bytes(terminal, "downloading", *size);
            let mut answer = api.download(url)?;
            (write(progress.watch(answer.body_mut().as_reader()), &args.out, terminal)?, *sealed)
        }
    };
    // What was asked for is the file itself; a line about it would only be in a script's way.
    if !output::is_terminal(&args.out) {
        terminal.report(&Written { path: &args.out, bytes, sealed }, false)?;
    }
    Ok(Exit::Done)
}

/// Writes all of a source; answers with how many bytes that is.
fn write(source: impl Read, path: &Path, terminal: &mut Terminal) -> Result<u64, CliError> {
    let mut counted = Counted { sink: Output::create(path, terminal)?, bytes: 0 };
    let failed = |source| output::failed(path, source);
    let silent = Progress::silent();
    copy(BufReader::new(source), &mut counted, &silent, CliError::BrokenDownload, failed)?;
    counted.sink.finish()?;
    Ok(counted.bytes)
}

/// Downloads a sealed file, and opens it once all of it was found good: nothing that was altered is written.
fn open(
    api: &ApiClient,
    url: &str,
    size: u64,
    key: &str,
    path: &Path,
    terminal: &mut Terminal,
) -> Result<u64, CliError> {
    let key = DataKey::from_text(key.as_bytes()).map_err(CliError::Download)?;
    let mut sealed = tempfile::tempfile().map_err(CliError::BrokenDownload)?;
    let mut answer = api.download(url)?;
    let progress = Progress::of_bytes(terminal, "downloading", size);
    let body = BufReader::new(answer.body_mut().as_reader());
    copy(body, &mut sealed, &progress, CliError::BrokenDownload, CliError::BrokenDownload)?;
    drop(progress);
    let mut verify = || {
        sealed.rewind().map_err(SealError::from)?;
        let progress = Progress::of_bytes(terminal, "verifying", size);
        let mut tarball = progress.watch(&sealed);
        let layout = Layout::read(&mut tarball, u64::MAX)?;
        Verified::check(&mut tarball, &layout, &key)
    };
    let verified = verify().map_err(CliError::Download)?;
    let plaintext = verified.open(&sealed, &key, 0).map_err(CliError::Download)?;
    write(plaintext, path, terminal)
}

/// Counts what is written.
struct Counted<W> {
    sink: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }
}
