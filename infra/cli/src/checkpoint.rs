//! A folder in which an export keeps the models it has finished.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, BufReader, BufWriter, IntoInnerError, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};
use transfer::export::{Checkpoint, Part};

use crate::error::CliError;

/// A checkpoint in a folder:
///
/// - `relocate.lock`, locked while an export uses the folder;
/// - `relocate-kept/manifest.json` and `relocate-kept/<part>.json`, each of which appears when it is whole;
/// - `relocate-done`, which `relocate-kept` becomes in one step before it is deleted: half of what was kept would be
///   another checkpoint.
///
/// Everything in it is readable by its owner alone, because exports hold secrets.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens a folder, which is made if there is none, for one export at a time.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let failed = |source| CliError::Write { path: path.to_owned(), source };
        make(path).map_err(failed)?;
        let lock = File::create(path.join("relocate.lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CliError::CheckpointInUse(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        folder.delete_done().and_then(|()| make(&folder.kept())).map_err(failed)?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes what is kept: the export is done.
    pub(crate) fn discard(self) -> Result<(), CliError> {
        let discarded = fs::rename(self.kept(), self.done()).and_then(|()| self.delete_done());
        discarded.map_err(|source| CliError::Write { path: self.path, source })
    }

    fn delete_done(&self) -> io::Result<()> {
        match fs::remove_dir_all(self.done()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn kept(&self) -> PathBuf {
        self.path.join("relocate-kept")
    }

    fn done(&self) -> PathBuf {
        self.path.join("relocate-done")
    }

    fn manifest(&self) -> PathBuf {
        self.kept().join("manifest.json")
    }

    fn file(&self, part: &Part) -> PathBuf {
        self.kept().join(format!("{part}.json"))
    }

    fn temporary(&self) -> io::Result<BufWriter<NamedTempFile>> {
        Ok(BufWriter::new(Builder::new().prefix(".part-").tempfile_in(self.kept())?))
    }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Gives a file its name once it is on the disk.
fn persist(file: BufWriter<NamedTempFile>, target: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(target).map(drop).map_err(|failed| failed.error)
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Checkpoint for Folder {
    type Sink = BufWriter<NamedTempFile>;
    type Source = BufReader<File>;

    async fn claim(&self, manifest: &[u8]) -> io::Result<Vec<u8>> {
        let path = self.manifest();
        if open(&path)?.is_none() {
            let mut file = self.temporary()?;
            file.write_all(manifest)?;
            persist(file, &path)?;
        }
        fs::read(path)
    }

    async fn open(&self, part: &Part) -> io::Result<Option<Self::Source>> {
        Ok(open(&self.file(part))?.map(BufReader::new))
    }

    async fn begin(&self, _part: &Part) -> io::Result<Self::Sink> {
        self.temporary()
    }

    async fn keep(&self, part: &Part, sink: Self::Sink) -> io::Result<()> {
        persist(sink, &self.file(part))
    }
}
