//! An export that may be killed anywhere and goes on where it was (SPEC §8).
//!
//! Model by model, in the order of the selection, rows are taken and kept as a part of their own. A model whose part
//! is kept is not read from the store again: what later models need to know of it, its rows say. So rows are
//! always selected against the rows that are kept, and the export is closed under keys whatever happened to the
//! store between two runs. Once all parts are kept, they are put together in dependency order.
//!
//! Rows that belong to nobody are kept with those that were the first to need them, before these: they cannot be
//! gone when it is their turn.

use std::io::{Read, Write};

use catalog::{Catalog, Model};
use silo::{Pk, Silo, Silos};

use super::checkpoint::{Checkpoint, Manifest, Part};
use super::selection::Selector;
use super::{ExportError, ExportRequest, ROWS_PER_PAGE, write_row};
use crate::rows::{FileRow, ReadLimits, RowReader, RowWriter};

/// Writes what [`export`](super::export) writes, and keeps in `checkpoint` what is finished of it: when it is
/// called again after it failed or was killed, it resumes. Over a store that does not change meanwhile the outcome is the
/// same, byte for byte. What is kept stays in the end; it can be written again from there.
///
/// # Errors
/// A store, the checkpoint or the sink failed; the checkpoint is of another request.
pub async fn export_resumable<S: Silo, C: Checkpoint, W: Write + Send>(
    silos: Silos<'_, S>,
    request: &ExportRequest,
    checkpoint: &C,
    sink: W,
) -> Result<(W, u64), ExportError> {
    let selector = Selector::new(silos, request)?;
    let catalog = silos.cell.catalog();
    let manifest = Manifest::of(catalog, request);
    let recorded = manifest.to_bytes().map_err(|source| unkept(&"its manifest", source))?;
    let recorded = checkpoint.claim(&recorded).await.map_err(|source| unkept(&"its manifest", source))?;
    manifest.require(&recorded)?;

    let mut run = Run { catalog, checkpoint, selector };
    for model in run.selector.order() {
        if !run.recall(model).await? {
            run.take(model).await?;
        }
    }
    run.assemble(sink).await
}

struct Run<'a, S, C> {
    catalog: &'a Catalog,
    checkpoint: &'a C,
    selector: Selector<'a, S>,
}

impl<S: Silo, C: Checkpoint> Run<'_, S, C> {
    /// Learns from a part that is kept what later models need to know; false when it is not kept.
    async fn recall(&mut self, model: &Model) -> Result<bool, ExportError> {
        let Some(mut rows) = self.open(&own(model)).await? else { return Ok(false) };
        while let Some(row) = rows.next()? {
            self.selector.take(model, row.pk, &row.fields);
        }
        self.selector.take_brought();
        Ok(true)
    }

    /// Takes the rows of a model from the store and keeps them. Their own part comes last: once it is there, the
    /// model is finished.
    async fn take(&mut self, model: &Model) -> Result<(), ExportError> {
        let part = own(model);
        let mut writer = self.begin(&part).await?;
        let mut candidates = self.selector.candidates(model).await?;
        while let Some(rows) = self.selector.next_rows(&mut candidates).await? {
            for stored in rows {
                write_row(model, &stored.row, &mut writer).map_err(|error| in_part(&part, error))?;
            }
        }
        let mut pks = self.selector.take_brought();
        for target in self.catalog.models().iter().filter(|target| self.selector.brings_along(model, target))
        {
            // Also when there are none: a run that was killed may have kept some that nobody needs any more.
            let pks: Vec<Pk> = pks.remove(&target.id).into_iter().flatten().collect();
            self.bring(target, &pks, model).await?;
        }
        self.keep(&part, writer).await
    }

    /// Keeps rows that belong to nobody and come with rows of another model.
    async fn bring(&self, model: &Model, pks: &[Pk], with: &Model) -> Result<(), ExportError> {
        let part = brought(model, with);
        let mut writer = self.begin(&part).await?;
        for pks in pks.chunks(ROWS_PER_PAGE) {
            for stored in self.selector.still_coming(model, pks).await? {
                write_row(model, &stored.row, &mut writer).map_err(|error| in_part(&part, error))?;
            }
        }
        self.keep(&part, writer).await
    }

    /// Writes all parts in dependency order, and the rows of a model by primary key.
    async fn assemble<W: Write>(&self, sink: W) -> Result<(W, u64), ExportError> {
        let mut order = self.selector.order();
        order.sort_by_key(|model| model.id);
        let mut writer = RowWriter::new(sink);
        for model in order {
            let mut parts = vec![self.next_of(&own(model)).await?];
            for with in self.catalog.models().iter().filter(|with| self.selector.brings_along(with, model)) {
                parts.push(self.next_of(&brought(model, with)).await?);
            }
            let mut parts: Vec<_> = parts.into_iter().flatten().collect();
            while let Some(first) = parts.iter_mut().min_by_key(|part| part.row.pk) {
                match first.rows.next()? {
                    Some(next) => write(&mut writer, &std::mem::replace(&mut first.row, next))?,
                    None => {
                        let last = first.row.pk;
                        for part in parts.extract_if(.., |part| part.row.pk == last) {
                            write(&mut writer, &part.row)?;
                        }
                    }
                }
            }
        }
        let rows = writer.rows_written();
        Ok((writer.finish()?, rows))
    }

    /// The first row of a part and what follows; none when there is none.
    async fn next_of(&self, part: &Part) -> Result<Option<Ahead<C::Source>>, ExportError> {
        let Some(mut rows) = self.open(part).await? else { return Ok(None) };
        Ok(rows.next()?.map(|row| Ahead { row, rows }))
    }

    async fn open(&self, part: &Part) -> Result<Option<PartReader<C::Source>>, ExportError> {
        let source = self.checkpoint.open(part).await.map_err(|source| unkept(part, source))?;
        // What was written here is not hostile, and need not fit what an import reads.
        let limits = ReadLimits { row_bytes_max: usize::MAX, ..ReadLimits::default() };
        Ok(source
            .map(|source| PartReader { rows: RowReader::with_limits(source, limits), part: part.clone() }))
    }

    async fn begin(&self, part: &Part) -> Result<RowWriter<C::Sink>, ExportError> {
        let sink = self.checkpoint.begin(part).await.map_err(|source| unkept(part, source))?;
        Ok(RowWriter::new(sink))
    }

    async fn keep(&self, part: &Part, writer: RowWriter<C::Sink>) -> Result<(), ExportError> {
        let kept = match writer.finish() {
            Ok(sink) => self.checkpoint.keep(part, sink).await,
            Err(error) => Err(error),
        };
        kept.map_err(|source| unkept(part, source))
    }
}

/// A part of which the next row was read.
struct Ahead<R> {
    row: FileRow,
    rows: PartReader<R>,
}

/// Reads the rows of a part.
struct PartReader<R> {
    rows: RowReader<R>,
    part: Part,
}

impl<R: Read> PartReader<R> {
    fn next(&mut self) -> Result<Option<FileRow>, ExportError> {
        let row = self.rows.next_row();
        row.map_err(|source| ExportError::Damaged { part: self.part.to_string(), source })
    }
}

fn write<W: Write>(writer: &mut RowWriter<W>, row: &FileRow) -> std::io::Result<()> {
    writer.write(&row.model, row.pk, &row.fields)
}

fn own(model: &Model) -> Part {
    Part { model: model.name.clone(), with: None }
}

fn brought(model: &Model, with: &Model) -> Part {
    Part { model: model.name.clone(), with: Some(with.name.clone()) }
}

fn unkept(part: &dyn std::fmt::Display, source: std::io::Error) -> ExportError {
    ExportError::Checkpoint { part: part.to_string(), source }
}

/// What fails to be written here is a part, not the export.
fn in_part(part: &Part, error: ExportError) -> ExportError {
    match error {
        ExportError::Write(source) => unkept(part, source),
        error => error,
    }
}
