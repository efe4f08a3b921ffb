//! A folder in which an upload is kept until it has arrived, so that it can be continued by another run of the program.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use pipeline::ids::RelocationId;
use serde::{Deserialize, Serialize};

use super::{SubmitError, Wanted};
use crate::error::CliError;
use crate::input::Source;
use crate::output::{TEMPORARY, persist_file};

/// An upload in a folder:
///
/// - `relocate.lock`, locked while the folder is used;
/// - `upload.json`, which says what was begun;
/// - `sealed.tar`, the sealed copy of a file that is plain. Nobody but the cell can open it.
pub(super) struct UploadFolder {
    path: PathBuf,
    _lock: File,
}

/// An upload that was begun.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    /// The relocation that waits for it.
    pub(super) relocation: RelocationId,
    endpoint: String,
    wanted: Wanted,
    /// The file as it was given.
    file: Fingerprint,
}

/// What tells whether a file is still the same, as well as that can be told without reading all of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    bytes: u64,
    /// When it was last changed, in nanoseconds since 1970; as text, which no reader of JSON rounds.
    modified: Option<String>,
}

impl Begun {
    pub(super) fn new(relocation: RelocationId, endpoint: &str, wanted: Wanted, source: &Source) -> Self {
        Self { relocation, endpoint: endpoint.to_owned(), wanted, file: Fingerprint::of(source) }
    }

    /// Whether this is what was begun.
    pub(super) fn is_of(&self, endpoint: &str, wanted: &Wanted, source: &Source) -> bool {
        self.endpoint == endpoint && self.wanted == *wanted && self.file == Fingerprint::of(source)
    }
}

impl Fingerprint {
    fn of(source: &Source) -> Self {
        let modified = source.name.metadata().and_then(|metadata| metadata.modified()).ok();
        let since = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Self { bytes: source.bytes, modified: since.map(|since| since.as_nanos().to_string()) }
    }
}

impl UploadFolder {
    /// Opens a folder, which is made if there is none, for one upload at a time.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let failed = |source| CliError::Write { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let lock = File::create(path.join("relocate.lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SubmitError::InUse(path.to_owned()).into()),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.delete_unfinished().map_err(failed)?;
        Ok(folder)
    }

    /// Deletes what a run left that ended while it sealed: it is as large as the file.
    fn delete_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the sealed copy is, once it is whole.
    pub(super) fn sealed(&self) -> PathBuf {
        self.path.join("sealed.tar")
    }

    fn note(&self) -> PathBuf {
        self.path.join("upload.json")
    }

    /// What was begun, if anything was.
    pub(super) fn begun(&self) -> Result<Option<Begun>, CliError> {
        let path = self.note();
        let content = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            content => content,
        };
        let begun = content.and_then(|content| serde_json::from_slice(&content).map_err(io::Error::from));
        begun.map(Some).map_err(|source| CliError::Read { path, source })
    }

    /// Keeps what was begun.
    pub(super) fn keep(&self, begun: &Begun) -> Result<(), CliError> {
        let path = self.note();
        persist_file(&path, |sink| Ok(serde_json::to_writer_pretty(sink, begun)?))
            .map_err(|source| CliError::Write { path, source })
    }

    /// Deletes what is kept. What says that something was begun goes first.
    pub(super) fn discard(&self) -> Result<(), CliError> {
        for path in [self.note(), self.sealed()] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CliError::Write { path, source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Drop for UploadFolder {
    /// Leaves no folder that keeps nothing. Files that are not ours keep it.
    fn drop(&mut self) {
        if !self.note().exists() && !self.sealed().exists() {
            let _ = fs::remove_file(self.path.join("relocate.lock"));
            let _ = fs::remove_dir(&self.path);
        }
    }
}
