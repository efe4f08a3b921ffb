//! The catalogue that a command works with, as people name it.

mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::Catalog;
use clap::Args;

use crate::error::CliError;

pub(crate) use summary::CatalogSummary;

/// The models that files are about.
#[derive(Debug, Clone, Args)]
pub(crate) struct CatalogArg {
    /// The models of your application, for import, export, compare and sanitize; the built-in ones unless given
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "RELOCATE_CATALOG",
        hide_env_values = true,
        help_heading = "Global options"
    )]
    catalog: Option<PathBuf>,
}

impl CatalogArg {
    /// Reads the catalogue.
    pub(crate) fn read(&self) -> Result<Arc<Catalog>, CliError> {
        self.catalog.as_deref().map_or_else(|| Ok(Catalog::builtin()), |path| read(path).map(Arc::new))
    }

    /// Refuses another catalogue for a command that has no use for one, rather than to pass over it in silence.
    pub(crate) fn builtin_only(&self, command: &'static str) -> Result<(), CliError> {
        self.catalog.as_ref().map_or(Ok(()), |_| Err(CliError::BuiltinOnly(command)))
    }
}

/// Reads a catalogue file.
pub(crate) fn read(path: &Path) -> Result<Catalog, CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    Catalog::parse(&text).map_err(|source| CliError::Catalog { path: path.to_owned(), source })
}
