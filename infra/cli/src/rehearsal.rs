//! An instance in memory: what a rehearsal imports into and exports from.

use std::path::Path;
use std::sync::Arc;

use catalog::{Catalog, ImportScope};
use futures::executor::block_on;
use silo::{Filter, LoadError, MemorySilo, Row, Silos};
use transfer::export::{ExportError, ExportRequest, export, export_resumable};
use transfer::rows::{FileRow, ReadError, RowReader};

use crate::checkpoint::Folder;
use crate::error::CliError;
use crate::input::Input;
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Two silos in memory.
pub(crate) struct Rehearsal {
    catalog: Arc<Catalog>,
    cell: MemorySilo,
    control: MemorySilo,
}

/// Why a file is no state of an instance. `position` counts its rows from 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("it cannot be read as an export")]
    Read(#[from] ReadError),
    #[error("row {position} is of `{model}`, which the catalogue does not know")]
    UnknownModel { position: u64, model: String },
    #[error("row {position} contradicts the rows before it")]
    Contradiction { position: u64, source: LoadError },
}

impl Rehearsal {
    /// An instance with nothing in it.
    pub(crate) fn empty(catalog: Arc<Catalog>) -> Self {
        let (cell, control) = (MemorySilo::new(Arc::clone(&catalog)), MemorySilo::new(Arc::clone(&catalog)));
        Self { catalog, cell, control }
    }

    /// The instance that a global export tells of.
    pub(crate) fn load(catalog: Arc<Catalog>, file: &Input, terminal: &Terminal) -> Result<Self, CliError> {
        let rehearsal = Self::empty(catalog);
        let progress = Progress::of_bytes(terminal, "loading", file.bytes());
        let mut rows = RowReader::new(progress.watch(file.read()?));
        let failed = |source| CliError::State { path: file.name().to_owned(), source };
        while let Some(row) = rows.next_row().map_err(|error| failed(error.into()))? {
            rehearsal.put(row, rows.rows_read()).map_err(failed)?;
        }
        Ok(rehearsal)
    }

    /// Rows of models that newer versions dropped are left out; other unknown rows would be lost in silence.
    fn put(&self, row: FileRow, position: u64) -> Result<(), StateError> {
        let FileRow { model: name, pk, fields } = row;
        match self.catalog.find(&name) {
            Some(model) => {
                let loaded = self.silos().of(model).load(model, Row::new(pk, fields));
                loaded.map_err(|source| StateError::Contradiction { position, source })
            }
            None if self.catalog.is_removed_model(&name) => Ok(()),
            None => Err(StateError::UnknownModel { position, model: name }),
        }
    }

    /// The catalogue of both silos.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn silos(&self) -> Silos<'_, MemorySilo> {
        Silos { cell: &self.cell, control: &self.control }
    }

    /// Writes the whole state as a global export; answers with the number of rows.
    pub(crate) fn save(&self, output: Output<'_>) -> Result<u64, CliError> {
        let request = ExportRequest { scope: ImportScope::Global, filter: Filter::All };
        let source = output.name().to_owned();
        self.export(&request, None, &source, output)
    }

    /// Exports into a file, by way of a checkpoint if there is one. `source` is what the state is called when it
    /// cannot be exported from.
    pub(crate) fn export(
        &self,
        request: &ExportRequest,
        checkpoint: Option<&Folder>,
        source: &Path,
        output: Output<'_>,
    ) -> Result<u64, CliError> {
        let path = output.name().to_owned();
        let exported = match checkpoint {
            None => block_on(export(self.silos(), request, output)),
            Some(folder) => block_on(export_resumable(self.silos(), request, folder, output)),
        };
        let (output, rows) = exported.map_err(|error| match (error, checkpoint) {
            (ExportError::Write(error), _) => output::failed(&path, error),
            (
                error @ (ExportError::Checkpoint { .. }
                | ExportError::Damaged { .. }
                | ExportError::ForeignCheckpoint(_)),
                Some(folder),
            ) => CliError::Checkpoint { path: folder.path().to_owned(), source: error },
            (error, _) => CliError::Export { path: source.to_owned(), source: error },
        })?;
        output.finish()?;
        Ok(rows)
    }
}
