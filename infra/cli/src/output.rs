//! Files that commands write.

use std::fs::{self, File};
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
    /// A file.
    File(FileSink),
}

enum FileSink {
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

/// A place that can be written to, before there is anything to write.
pub(crate) struct Place {
    name: PathBuf,
    /// None for the terminal's stream, which is borrowed when it is written to.
    file: Option<FileSink>,
}

impl Place {
    /// Finds out whether a file can be written; `-` is standard output.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let name = path.to_owned();
        if is_terminal(path) {
            return Ok(Self { name, file: None });
        }
        match FileSink::open(path) {
            Ok(file) => Ok(Self { name, file: Some(file) }),
            Err(source) => Err(CliError::Write { path: name, source }),
        }
    }

    /// Takes away what stands there from before, lest it be taken for what this command did not come to write.
    pub(crate) fn cleared(self) -> Result<Self, CliError> {
        if let Some(FileSink::Temporary { target, .. }) = &self.file
            && let Err(source) = fs::remove_file(target)
            && source.kind() != io::ErrorKind::NotFound
        {
            return Err(CliError::Write { path: self.name, source });
        }
        Ok(self)
    }

    /// What its file is called.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// Begins to write to it.
    pub(crate) fn output(self, terminal: &mut Terminal) -> Output<'_> {
        let sink = match self.file {
            Some(file) => Sink::File(file),
            None => Sink::Terminal(terminal.out()),
        };
        Output { name: self.name, sink }
    }

    /// Writes something small at once.
    pub(crate) fn write(
        self,
        terminal: &mut Terminal,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), CliError> {
        let mut output = self.output(terminal);
        content(&mut output).map_err(|source| failed(&output.name, source))?;
        output.finish()
    }
}

impl<'t> Output<'t> {
    /// Begins to write to a file; `-` is standard output.
    pub(crate) fn create(path: &Path, terminal: &'t mut Terminal) -> Result<Self, CliError> {
        Ok(Place::open(path)?.output(terminal))
    }

    /// What its file is called.
    pub(crate) fn name(&self) -> &Path {
        &self.name
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

impl FileSink {
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

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Special(file) => file,
            Self::Temporary { file, .. } => file,
        }
    }

    fn finish(mut self) -> io::Result<()> {
        self.writer().flush()?;
        match self {
            Self::Special(_) => Ok(()),
            Self::Temporary { file, target } => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                file.persist(target).map(drop).map_err(|failed| failed.error)
            }
        }
    }
}

impl Sink<'_> {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Terminal(stream) => stream,
            Self::File(file) => file.writer(),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Terminal(stream) => stream.flush(),
            Self::File(file) => file.finish(),
        }
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.writer().flush()
    }
}

/// Writes a small file at once.
pub(crate) fn write_file(
    path: &Path,
    terminal: &mut Terminal,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), CliError> {
    Place::open(path)?.write(terminal, content)
}

/// Writes a small file of the program's own at once.
pub(crate) fn persist_file(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = FileSink::open(path)?;
    content(file.writer())?;
    file.finish()
}
