//! What can keep a command from being done, and how people and machines are told.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use catalog::CatalogError;
use clap::error::ErrorKind;
use seal::SealError;
use serde_json::json;
use transfer::compare::CompareError;
use transfer::export::ExportError;
use transfer::import::ImportError;
use transfer::sanitize::SanitizeError;

use crate::Exit;
use crate::api::ApiError;
use crate::demo::DemoError;
use crate::demo::stack::StackError;
use crate::generate::BlueprintError;
use crate::rehearsal::StateError;
use crate::submit::SubmitError;
use crate::terminal::Terminal;

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{} cannot be read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} cannot be written", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the answer cannot be written")]
    Terminal(#[source] io::Error),
    #[error("{} is sealed, and there is no private key to open it with", .0.display())]
    NoPrivateKey(PathBuf),
    #[error("{} is no usable key", .path.display())]
    BadKey { path: PathBuf, source: SealError },
    #[error("{} cannot be opened as a sealed export", .path.display())]
    Unseal { path: PathBuf, source: SealError },
    #[error("{} cannot be sealed", .path.display())]
    Seal { path: PathBuf, source: SealError },
    #[error("{} is sealed already", .0.display())]
    AlreadySealed(PathBuf),
    #[error("{} is no catalogue", .path.display())]
    Catalog { path: PathBuf, source: CatalogError },
    #[error("`{0}` works with the built-in catalogue only")]
    BuiltinOnly(&'static str),
    #[error("{} is no state of an instance", .path.display())]
    State { path: PathBuf, source: StateError },
    #[error("{} cannot be imported", .path.display())]
    Import { path: PathBuf, source: ImportError },
    #[error("{} cannot be exported from", .path.display())]
    Export { path: PathBuf, source: ExportError },
    #[error("{} cannot be used as a checkpoint", .path.display())]
    Checkpoint { path: PathBuf, source: ExportError },
    #[error("{} is used by another export", .0.display())]
    CheckpointInUse(PathBuf),
    #[error("the exports cannot be compared")]
    Compare(#[from] CompareError),
    #[error("{} cannot be sanitised", .path.display())]
    Sanitize { path: PathBuf, source: SanitizeError },
    #[error("there can be no such export")]
    Blueprint(#[from] BlueprintError),
    #[error("the operating system gives no random numbers")]
    Randomness(#[source] getrandom::Error),
    #[error("the demo did not come to its end")]
    Demo(#[from] DemoError),
    #[error("the local stack cannot be used")]
    Stack(#[from] StackError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Submit(#[from] SubmitError),
    #[error("the file that was downloaded cannot be opened")]
    Download(#[source] SealError),
    #[error("the download broke off")]
    BrokenDownload(#[source] io::Error),
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// A stable name for machines.
    fn code(&self) -> &str {
        match self {
            Self::Read { .. } => "unreadable-file",
            Self::Write { .. } | Self::Terminal(_) => "unwritable-file",
            Self::NoPrivateKey(_) => "no-private-key",
            Self::BadKey { source, .. } | Self::Unseal { source, .. } | Self::Seal { source, .. } => {
                source.code()
            }
            Self::AlreadySealed(_) => "already-sealed",
            Self::Catalog { .. } => "invalid-catalog",
            Self::BuiltinOnly(_) => "builtin-catalog-only",
            Self::State { .. } => "invalid-state",
            Self::Import { .. } => "import-failed",
            Self::Export { .. } => "export-failed",
            Self::Checkpoint { .. } => "unusable-checkpoint",
            Self::CheckpointInUse(_) => "checkpoint-in-use",
            Self::Compare(error) => error.code(),
            Self::Sanitize { source, .. } => source.code(),
            Self::Blueprint(_) => "invalid-blueprint",
            Self::Randomness(_) => "no-randomness",
            Self::Demo(_) => "demo-failed",
            Self::Stack(_) => "local-stack",
            Self::Api(error) => error.code(),
            Self::Submit(error) => error.code(),
            Self::Download(error) => error.code(),
            Self::BrokenDownload(_) => "broken-download",
            Self::Usage(_) => USAGE,
        }
    }

    /// What to do about it, where that is not plain from the message.
    fn advice(&self) -> Option<&'static str> {
        match self {
            Self::NoPrivateKey(_) => Some(
                "name the private key with --private-key PEM, or in the environment variable RELOCATE_PRIVATE_KEY",
            ),
            Self::BadKey { .. } => {
                Some("give an RSA key of at least 2048 bits in PEM, not protected by a password")
            }
            Self::Unseal { source: SealError::ForeignPublicKey | SealError::WrongKey, .. } => Some(
                "use the private key that belongs to the public key inside; `tar -xOf FILE key.pub` shows that one",
            ),
            Self::Unseal { source: SealError::NotATarball, .. } => {
                Some("give a tarball as `relocate encrypt` writes it; plain JSON needs no opening")
            }
            Self::Unseal { .. } => {
                Some("export it again, or copy it again: the file is not as it was sealed")
            }
            Self::AlreadySealed(_) => {
                Some("open it first with `relocate decrypt` to seal it for somebody else")
            }
            Self::Checkpoint {
                source: ExportError::ForeignCheckpoint(_) | ExportError::Damaged { .. },
                ..
            } => Some("give another folder, or delete this one to begin the export again"),
            Self::CheckpointInUse(_) => Some("wait until it is done, or give another folder"),
            Self::Catalog { .. } => Some(
                "shared/catalog/README.md explains every word of a catalogue, the example beside it how to write one",
            ),
            Self::BuiltinOnly(_) => {
                Some("leave --catalog out, and unset the environment variable RELOCATE_CATALOG")
            }
            Self::Import { source: ImportError::NotEmpty { .. }, .. } => {
                Some("leave --into away, or add --clear to import in place of what is there")
            }
            Self::Api(error) => error.advice(),
            Self::Submit(error) => error.advice(),
            Self::Stack(StackError::NotRunning) => Some("start it with `relocate up`"),
            Self::BrokenDownload(_) => Some("run the same command again"),
            Self::State { .. } => Some("give a global export, such as `relocate import` writes with --out"),
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Terminal(_)
            | Self::Seal { .. }
            | Self::Import { .. }
            | Self::Export { .. }
            | Self::Checkpoint { .. }
            | Self::Compare(_)
            | Self::Sanitize { .. }
            | Self::Blueprint(_)
            | Self::Randomness(_)
            | Self::Demo(_)
            | Self::Stack(_)
            | Self::Download(_)
            | Self::Usage(_) => None,
        }
    }

    /// How the program ends with it. An import that fails is a verdict on the data, which the findings file has
    /// too; anything else is the reason why there is no verdict.
    fn exit(&self) -> Exit {
        match self {
            Self::Import { source: ImportError::Row { .. } | ImportError::Read(_), .. } => Exit::Findings,
            // Whoever reads our output has seen enough, as `head` does.
            Self::Terminal(source) if source.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            _ => Exit::WrongUse,
        }
    }

    /// Tells what is wrong, why, and what to do next. That this cannot be told either is nobody's news.
    pub(crate) fn tell(&self, terminal: &mut Terminal) -> Exit {
        let exit = self.exit();
        if exit == Exit::Done {
            return exit;
        }
        let causes: Vec<String> = causes(self).collect();
        if terminal.is_json() {
            let error = json!({ "code": self.code(), "detail": self.to_string(), "causes": causes, "advice": self.advice() });
            let _ = writeln!(terminal.err(), "{}", json!({ "error": error }));
            return exit;
        }
        let err = terminal.err();
        let _ = writeln!(err, "error: {self}");
        for cause in causes {
            let _ = writeln!(err, "  because {cause}");
        }
        if let Some(advice) = self.advice() {
            let _ = writeln!(err, "  try: {advice}");
        }
        exit
    }
}

const USAGE: &str = "usage";

/// What lies behind an error, from near to far.
pub(crate) fn causes(error: &dyn Error) -> impl Iterator<Item = String> {
    std::iter::successors(error.source(), |cause| (*cause).source()).map(ToString::to_string)
}

/// Passes on what the parser of arguments has to say: help and version as an answer, all else as an error.
pub(crate) fn clap(answer: &clap::Error, terminal: &mut Terminal) -> Result<Exit, CliError> {
    let is_answer = matches!(answer.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if terminal.is_json() && !is_answer {
        let message = answer.render().to_string();
        return Err(CliError::Usage(message.trim_start_matches("error: ").trim_end().to_owned()));
    }
    let (stream, exit) =
        if is_answer { (terminal.out(), Exit::Done) } else { (terminal.err(), Exit::WrongUse) };
    write!(stream, "{}", answer.render()).map_err(CliError::Terminal)?;
    Ok(exit)
}
