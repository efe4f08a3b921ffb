//! Files that commands read: exports, plain or sealed, which can be read more than once.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use seal::{DataKey, Envelope, KeyUnwrapper, Layout, Verified};
use tempfile::{NamedTempFile, TempPath};
use transfer::import::ExportSource;

use crate::error::CliError;
use crate::keys::PrivateKeyArg;
use crate::progress::Progress;
use crate::terminal::Terminal;

/// An export that can be read from its beginning as often as need be.
pub(crate) enum Input {
    /// JSON as it is.
    Plain(Source),
    /// JSON within a sealed tarball whose signature was found good.
    Sealed {
        /// The tarball.
        source: Source,
        /// What opens it.
        key: DataKey,
        /// The proof that it is good.
        verified: Verified,
    },
}

impl Input {
    /// Opens an export. Its content tells whether it is sealed; then it is verified whole before any of it is
    /// used.
    pub(crate) fn open(path: &Path, key: &PrivateKeyArg, terminal: &Terminal) -> Result<Self, CliError> {
        let source = Source::open(path)?;
        if source.is_sealed()? { Self::unseal(source, key, terminal) } else { Ok(Self::Plain(source)) }
    }

    /// Opens a source that has to be a sealed export.
    pub(crate) fn unseal(source: Source, key: &PrivateKeyArg, terminal: &Terminal) -> Result<Self, CliError> {
        let private_key = key.read_for(&source.name)?;
        let file = source.read()?;
        let verify = || {
            let progress = Progress::of_bytes(terminal, "verifying", source.bytes);
            let mut tarball = progress.watch(file);
            let layout = Layout::read(&mut tarball, u64::MAX)?;
            let envelope = Envelope::read(&mut tarball, &layout)?;
            envelope.require_key(private_key.public_key())?;
            let key = private_key.unwrap_key(&envelope.wrapped_key)?;
            let verified = Verified::check(&mut tarball, &layout, &key)?;
            Ok((key, verified))
        };
        match verify() {
            Ok((key, verified)) => Ok(Self::Sealed { source, key, verified }),
            Err(error) => Err(CliError::Unseal { path: source.name, source: error }),
        }
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &Path {
        match self {
            Self::Plain(source) | Self::Sealed { source, .. } => &source.name,
        }
    }

    /// How many bytes of JSON it has.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Plain(source) => source.bytes,
            Self::Sealed { verified, .. } => verified.plaintext_len(),
        }
    }

    /// Reads the JSON from its beginning.
    pub(crate) fn read(&self) -> Result<Box<dyn BufRead + Send>, CliError> {
        match self {
            Self::Plain(source) => Ok(Box::new(BufReader::new(source.read()?))),
            Self::Sealed { source, key, verified } => match verified.open(source.read()?, key, 0) {
                Ok(plaintext) => Ok(Box::new(plaintext)),
                Err(error) => Err(CliError::Unseal { path: source.name.clone(), source: error }),
            },
        }
    }
}

impl ExportSource for Input {
    type Reader = Box<dyn Read + Send>;

    fn open(&self) -> io::Result<Self::Reader> {
        match self {
            Self::Plain(source) => Ok(Box::new(File::open(&source.path)?)),
            Self::Sealed { source, key, verified } => {
                let plaintext = verified.open(File::open(&source.path)?, key, 0);
                Ok(Box::new(plaintext.map_err(io::Error::from)?))
            }
        }
    }
}

/// A file that can be read more than once. What can be read only once, such as standard input, is copied first.
pub(crate) struct Source {
    /// What people call it.
    pub(crate) name: PathBuf,
    /// How many bytes it has.
    pub(crate) bytes: u64,
    path: PathBuf,
    /// Deletes the copy in the end.
    _copy: Option<TempPath>,
}

impl Source {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let failed = |source| CliError::Read { path: path.to_owned(), source };
        if path == Path::new("-") {
            return Self::copy(Path::new("standard input"), io::stdin().lock()).map_err(failed);
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::copy(path, file).map_err(failed);
        }
        Ok(Self { name: path.to_owned(), bytes: metadata.len(), path: path.to_owned(), _copy: None })
    }

    fn copy(name: &Path, mut stream: impl Read) -> io::Result<Self> {
        let mut file = NamedTempFile::new()?;
        let bytes = io::copy(&mut stream, &mut file)?;
        let copy = file.into_temp_path();
        Ok(Self { name: name.to_owned(), bytes, path: copy.to_path_buf(), _copy: Some(copy) })
    }

    /// Reads it from its beginning.
    pub(crate) fn read(&self) -> Result<impl Read + Seek + Send + use<>, CliError> {
        File::open(&self.path).map_err(|source| CliError::Read { path: self.name.clone(), source })
    }

    /// Whether it is a tarball: the header of one is padded with NUL bytes, which no JSON text has.
    pub(crate) fn is_sealed(&self) -> Result<bool, CliError> {
        let mut header = Vec::new();
        let read = self.read()?.take(TAR_BLOCK).read_to_end(&mut header);
        read.map_err(|source| CliError::Read { path: self.name.clone(), source })?;
        Ok(header.contains(&0))
    }
}

const TAR_BLOCK: u64 = 512;
