//! Copies streams of any length.

use std::io::{self, BufRead, Write};

use crate::error::CliError;
use crate::progress::Progress;

/// Copies all of a source into a sink, and keeps the errors of the one from those of the other.
pub(crate) fn copy(
    mut source: impl BufRead,
    sink: &mut impl Write,
    progress: &Progress,
    unread: impl FnOnce(io::Error) -> CliError,
    unwritten: impl FnOnce(io::Error) -> CliError,
) -> Result<(), CliError> {
    loop {
        let bytes = match source.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(bytes) => bytes,
            Err(error) => return Err(unread(error)),
        };
        let read = bytes.len();
        if let Err(error) = sink.write_all(bytes) {
            return Err(unwritten(error));
        }
        source.consume(read);
        progress.advance(read as u64);
    }
}
