//! Exports the rows of an instance (SPEC §8), in dependency order, by primary key.
//!
//! Two steps: the selection finds out which rows the scope and the filter take, by following keys; then the
//! rows are read again and written. Between them only primary keys are kept. An export that may be killed does both
//! at once, model by model, into a checkpoint.

mod checkpoint;
mod error;
mod resumable;
mod selection;

use std::borrow::Cow;
use std::io::Write;

use catalog::{FieldKind, ImportScope, Model};
use serde_json::Value;
use silo::{Fields, Filter, Pk, Row, Silo, Silos};

pub use checkpoint::{Checkpoint, ForeignCheckpoint, MemoryCheckpoint, Part};
pub use error::{ExportError, ExportErrorKind};
pub use resumable::export_resumable;

use selection::{Selection, select};

use crate::dates;
use crate::rows::RowWriter;

/// What is asked of an export.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// What it takes.
    pub scope: ImportScope,
    /// What it leaves out.
    pub filter: Filter,
}

/// How many rows one request reads.
pub(crate) const ROWS_PER_PAGE: usize = 100;

/// Writes what the request takes as a JSON array of rows, and answers with the sink and the number of rows.
///
/// # Errors
/// A store or the sink failed; the request cannot be met with this catalogue, or contradicts itself.
pub async fn export<S: Silo, W: Write + Send>(
    silos: Silos<'_, S>,
    request: &ExportRequest,
    sink: W,
) -> Result<(W, u64), ExportError> {
    let catalog = silos.cell.catalog();
    let selection = select(silos, request).await?;
    let mut writer = RowWriter::new(sink);
    for model in catalog.models().iter().filter(|model| model.admitted_by(request.scope)) {
        match selection.of(model) {
            Selection::All => write_all(silos, model, request.scope, &mut writer).await?,
            Selection::These(pks) => write_these(silos, model, pks, &mut writer).await?,
        }
    }
    let rows = writer.rows_written();
    Ok((writer.finish()?, rows))
}

async fn write_all<S: Silo, W: Write>(
    silos: Silos<'_, S>,
    model: &Model,
    scope: ImportScope,
    writer: &mut RowWriter<W>,
) -> Result<(), ExportError> {
    let mut after = None;
    loop {
        let page = silos
            .of(model)
            .page(model, after, ROWS_PER_PAGE)
            .await
            .map_err(|source| failed(model, source))?;
        for stored in page.items {
            if takes(model, scope, &stored.row.fields) {
                write_row(model, &stored.row, writer)?;
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

async fn write_these<S: Silo, W: Write>(
    silos: Silos<'_, S>,
    model: &Model,
    pks: &[Pk],
    writer: &mut RowWriter<W>,
) -> Result<(), ExportError> {
    for pks in pks.chunks(ROWS_PER_PAGE) {
        let rows = silos.of(model).get(model, pks).await.map_err(|source| failed(model, source))?;
        // A row that went between the two steps is no longer part of the export.
        for stored in rows.into_iter().flatten() {
            write_row(model, &stored.row, writer)?;
        }
    }
    Ok(())
}

fn write_row<W: Write>(model: &Model, row: &Row, writer: &mut RowWriter<W>) -> Result<(), ExportError> {
    Ok(writer.write(&model.name, row.pk, &with_normal_dates(model, &row.fields))?)
}

/// The fields with dates as exports write them; most are written so already.
fn with_normal_dates<'a>(model: &Model, fields: &'a Fields) -> Cow<'a, Fields> {
    let mut normal = Cow::Borrowed(fields);
    for (name, field) in &model.fields {
        if field.kind == FieldKind::Date
            && let Some(Value::String(text)) = fields.get(name)
            && let Some(text) = dates::normalised(text)
        {
            normal.to_mut().insert(name.clone(), text.into());
        }
    }
    normal
}

/// Whether a row's own values let it into an export of this scope.
pub(crate) fn takes(model: &Model, scope: ImportScope, fields: &Fields) -> bool {
    let stays = |retained: &catalog::RetainedValues| {
        let value = fields.get(&retained.field).and_then(Value::as_str);
        value.is_some_and(|value| retained.values.iter().any(|retained| retained == value))
    };
    scope.admits(model.scope_of(fields))
        && (scope == ImportScope::Global || !model.stays_outside_global.as_ref().is_some_and(stays))
}

pub(crate) fn failed(model: &Model, source: silo::StoreError) -> ExportError {
    ExportError::Store { model: model.name.clone(), source }
}
