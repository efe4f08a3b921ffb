//! Sanitises an export (SPEC §13): an export in, a look-alike out that imports like it and tells nothing about
//! anybody.
//!
//! Two passes over the file: a [`Survey`] notes its dates, which must keep their order, and its names, which other
//! texts mention; [`sanitize`] then writes row by row. How a field is sanitised follows from its name and type
//! ([`treatment`], the one place for that) or from the catalogue ([`catalog::Sanitize`]).
//!
//! Texts are cut into words and forms ([`lexer`]); each is replaced by a keyed permutation of all texts of its shape
//! ([`permutation`]). From that everything else follows without any memory: equal texts become equal and different
//! ones different, with or without case; lengths, classes and forms stay; whatever shares a word goes on sharing one,
//! such as a name with its slug, or an address with its domain.
//!
//! What the catalogue does not know is **left out** and counted: rows of unknown models and unknown fields, because
//! nobody can tell what they hold, and rows of models that never relocate, because no import would take them. A field
//! that holds another type than its model says is an error for the same reason, also where it would stay.
//!
//! A permutation can be undone by whoever has its key: the key, or the seed it comes from, is as secret as the export.

mod characters;
mod error;
mod lexer;
mod mentions;
mod permutation;
mod replace;
mod report;
mod row;
mod survey;
mod timeline;
mod treatment;
mod values;

use std::io::{Read, Write};

use catalog::Catalog;

pub use error::{SanitizeError, SanitizedRow};
pub use report::SanitizeReport;
pub use survey::Survey;

use row::{Disguise, Ordinals};
use treatment::Treatments;

use crate::rows::{RowReader, RowWriter};

/// How an export is sanitised.
#[derive(Debug, Clone)]
pub struct SanitizeRequest {
    /// What decides every look-alike. Whoever has it can undo them.
    pub key: [u8; 32],
    /// By how many days all dates move, in the end.
    pub days_offset: i64,
}

/// Sanitises a file that was surveyed before; returns the sink and what was done.
///
/// # Errors
/// The file cannot be read, the sink cannot be written, or a row holds what its model does not have. What was
/// written until then is no whole export.
pub fn sanitize<R: Read, W: Write>(
    catalog: &Catalog,
    survey: &Survey,
    request: &SanitizeRequest,
    mut rows: RowReader<R>,
    sink: W,
) -> Result<(W, SanitizeReport), SanitizeError> {
    let treatments = Treatments::new(catalog);
    let disguise = Disguise::new(survey, &request.key, request.days_offset);
    let mut ordinals = Ordinals::new(catalog);
    let mut report = SanitizeReport::default();
    let mut writer = RowWriter::new(sink);
    while let Some(row) = rows.next_row()? {
        let Some((model, treatments)) = treatments.of(&row.model) else {
            report.leave_out(catalog, &row.model);
            continue;
        };
        let made = disguise.look_alike(ordinals.next(model, row.pk), treatments, &row.fields)?;
        report.count(catalog, &model.name, &made);
        writer.write(&row.model, row.pk, &made.fields).map_err(SanitizeError::Write)?;
    }
    Ok((writer.finish().map_err(SanitizeError::Write)?, report))
}
