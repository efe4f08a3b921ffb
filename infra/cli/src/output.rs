//! Files that commands write.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Display, Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::CliError;
use crate::terminal::Terminal;

/// What a command writes to. A file appears under its name when it is whole, and not at all when it does not
/// become so; it is readable by its owner alone, because exports hold secrets.
pub(crate) struct Output<'t> {
    name: PathBuf,
    sink: Sink<'t>,
}

/// What the names of files begin with that are not whole yet.
pub(crate) const TEMPORARY: &str = ".relocate-";

enum Sink<'t> {
    /// The stream for data.
    Terminal(&'t mut (dyn Write + Send)),
    /// What is there to be written to and must not be replaced, such as `/dev/null`.
    Special(BufWriter<File>),
    /// A file in the target's folder that takes the target's name in the end.
    Temporary { file: BufWriter<NamedTempFile>, target: PathBuf },
}

/// Whether this path stands for the terminal's stream for data.
pub(crate) fn is_terminal(path: &Path) -> bool {
    path == Path::new("-")
}

/// What people call a file that is written to.
pub(crate) fn name(path: &Path) -> Display<'_> {
    if is_terminal(path) { Path::new("standard output").display() } else { path.display() }
}

impl<'t> Output<'t> {
    /// Begins to write to a file; `-` is standard output.
    pub(crate) fn create(path: &Path, terminal: &'t mut Terminal) -> Result<Self, CliError> {
        let name = path.to_owned();
        if is_terminal(path) {
            return Ok(Self { name, sink: Sink::Terminal(terminal.out()) });
        }
        match Sink::open(path) {
            Ok(sink) => Ok(Self { name, sink }),
            Err(source) => Err(CliError::Write { path: name, source }),
        }
    }

    /// Makes what was written last.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        self.sink.finish().map_err(|source| failed(&self.name, source))
    }
}

/// The error of a write to this output.
pub(crate) fn failed(name: &Path, source: io::Error) -> CliError {
    if is_terminal(name) {
        CliError::Terminal(source)
    } else {
        CliError::Write { path: name.to_owned(), source }
    }
}

impl Sink<'_> {
    fn open(path: &Path) -> io::Result<Self> {
        // A link stays one: what it leads to is replaced.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if target.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(Self::Special(BufWriter::new(File::create(&target)?)));
        }
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let file = BufWriter::new(Builder::new().prefix(TEMPORARY).tempfile_in(folder)?);
        Ok(Self::Temporary { file, target })
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        match self {
            Self::Terminal(_) | Self::Special(_) => Ok(()),
            Self::Temporary { file, target } => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                file.persist(target).map(drop).map_err(|failed| failed.error)
            }
        }
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Terminal(stream) => stream.write(bytes),
            Self::Special(file) => file.write(bytes),
            Self::Temporary { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Terminal(stream) => stream.flush(),
            Self::Special(file) => file.flush(),
            Self::Temporary { file, .. } => file.flush(),
        }
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Writes a small file at once.
pub(crate) fn write_file(
    path: &Path,
    terminal: &mut Terminal,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CliError> {
    let mut output = Output::create(path, terminal)?;
    content(&mut output).map_err(|source| failed(path, source))?;
    output.finish()
}

/// Writes a small file of the program's own at once.
pub(crate) fn persist_file(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut sink = Sink::open(path)?;
    content(&mut sink)?;
    sink.finish()
}
