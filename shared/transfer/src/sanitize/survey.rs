//! The first pass over a file: its dates and its names.

use std::collections::HashSet;
use std::io::Read;

use catalog::{Catalog, Sanitize};
use serde_json::Value;

use super::error::SanitizeError;
use super::mentions::Names;
use super::row::Ordinals;
use super::timeline::Timeline;
use super::treatment::{Treatment, Treatments};
use super::values;
use crate::rows::RowReader;

/// What must be known of a whole file before its first row can be sanitised: about 20 bytes for each distinct date
/// and each distinct name.
#[derive(Debug)]
pub struct Survey {
    pub(crate) timeline: Timeline,
    pub(crate) names: Names,
}

impl Survey {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// The file cannot be read, is no array of rows, or has a date or a name of the wrong type.
    pub fn take<R: Read>(catalog: &Catalog, mut rows: RowReader<R>) -> Result<Self, SanitizeError> {
        let treatments = Treatments::new(catalog);
        let mut ordinals = Ordinals::new(catalog);
        let mut instants = HashSet::new();
        let mut names = Names::default();
        while let Some(row) = rows.next_row()? {
            let Some((model, fields)) = treatments.of(&row.model) else { continue };
            let at = ordinals.next(model, row.pk);
            for (field, value) in row.fields.iter().filter(|(_, value)| !value.is_null()) {
                let noted = match fields.get(field.as_str()) {
                    Some(Treatment::Date) => note_date(&mut instants, value),
                    Some(Treatment::Declared(Sanitize::Name, _)) => {
                        values::text(value).map(|name| names.insert(name))
                    }
                    _ => Ok(()),
                };
                noted.map_err(|expected| at.value(field, expected))?;
            }
        }
        Ok(Self { timeline: Timeline::new(instants), names })
    }
}

fn note_date(instants: &mut HashSet<i64>, value: &Value) -> Result<(), values::Expected> {
    instants.extend(values::date(value)?.map(|instant| instant.as_millisecond()));
    Ok(())
}
