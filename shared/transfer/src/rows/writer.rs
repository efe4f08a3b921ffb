//! Writes a file row by row.

use std::io::Write;

use serde::Serialize;
use silo::{Fields, Pk};

/// A row as a file gets it.
#[derive(Serialize)]
struct WrittenRow<'a> {
    model: &'a str,
    pk: Pk,
    fields: &'a Fields,
}

/// Writes rows as a JSON array, one at a time.
#[derive(Debug)]
pub struct RowWriter<W> {
    sink: W,
    rows: u64,
}

impl<W: Write> RowWriter<W> {
    /// A writer of rows into `sink`; nothing is written before the first row or the end.
    pub fn new(sink: W) -> Self {
        Self { sink, rows: 0 }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// The sink's.
    pub fn write(&mut self, model: &str, pk: Pk, fields: &Fields) -> std::io::Result<()> {
        self.sink.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
        self.rows += 1;
        serde_json::to_writer(&mut self.sink, &WrittenRow { model, pk, fields }).map_err(std::io::Error::from)
    }

    /// Closes the array and returns the sink.
    ///
    /// # Errors
    /// The sink's.
    pub fn finish(mut self) -> std::io::Result<W> {
        self.sink.write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    /// How many rows were written.
    pub fn rows_written(&self) -> u64 {
        self.rows
    }
}
