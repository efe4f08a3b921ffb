//! Reads a file row by row.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use serde::Deserialize;

use super::FileRow;
use super::error::{ReadError, problem};
use super::outline::RowOutline;
use super::scan::{ObjectScan, ScanResult};

/// How much of a hostile file is looked at before it is refused (DESIGN §5).
#[derive(Debug, Clone, Copy)]
pub struct ReadLimits {
    /// The longest row, in bytes of JSON.
    pub row_bytes_max: usize,
    /// The deepest nesting of lists and objects within a row.
    pub depth_max: usize,
}

impl Default for ReadLimits {
    /// 1 MiB a row, 64 levels deep.
    fn default() -> Self {
        Self { row_bytes_max: 1 << 20, depth_max: 64 }
    }
}

/// Reads rows one at a time.
#[derive(Debug)]
pub struct RowReader<R> {
    source: R,
    limits: ReadLimits,
    buffer: Vec<u8>,
    /// The part of the buffer that is not consumed yet.
    start: usize,
    end: usize,
    /// Bytes of the file before the buffer.
    consumed: u64,
    rows: u64,
    row_bytes: usize,
    state: ReaderState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReaderState {
    BeforeArray,
    BeforeFirstRow,
    BehindRow,
    Finished,
}

const BUFFER_BYTES: usize = 64 * 1024;

impl<R: Read> RowReader<R> {
    /// A reader of the rows in `source` with the usual limits.
    pub fn new(source: R) -> Self {
        Self::with_limits(source, ReadLimits::default())
    }

    /// A reader of the rows in `source`.
    pub fn with_limits(source: R, limits: ReadLimits) -> Self {
        Self {
            source,
            limits,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            consumed: 0,
            rows: 0,
            row_bytes: 0,
            state: ReaderState::BeforeArray,
        }
    }

    /// The next row; none behind the last.
    ///
    /// # Errors
    /// The file cannot be read, is no array of rows, or exceeds a limit. After an error nothing more can be
    /// read.
    pub fn next_row(&mut self) -> Result<Option<FileRow>, ReadError> {
        let Some((offset, row)) = self.next_bytes()? else { return Ok(None) };
        self.parse(offset, row).map(Some)
    }

    /// The next row, of which only its model and its primary key are looked at; none behind the last.
    ///
    /// # Errors
    /// As [`RowReader::next_row`].
    pub fn next_outline(&mut self) -> Result<Option<RowOutline<'_>>, ReadError> {
        let Some((offset, row)) = self.next_bytes()? else { return Ok(None) };
        let content = self.parse(offset, row)?;
        Ok(Some(RowOutline { position: self.rows, offset, content }))
    }

    /// Goes behind the next row; answers with where it begins in the file, and where it is in the buffer.
    fn next_bytes(&mut self) -> Result<Option<(u64, Range<usize>)>, ReadError> {
        if !self.seek_row()? {
            return Ok(None);
        }
        self.rows += 1;
        let offset = self.offset();
        let length = self.find_row_end(offset)?;
        let row = self.start..self.start + length;
        self.start = row.end;
        self.row_bytes = length;
        self.state = ReaderState::BehindRow;
        Ok(Some((offset, row)))
    }

    fn parse<'a, T: Deserialize<'a>>(&'a self, offset: u64, row: Range<usize>) -> Result<T, ReadError> {
        serde_json::from_slice(self.buffer.get(row).unwrap_or_default()).map_err(|error| ReadError::NotARow {
            position: self.rows,
            offset,
            problem: problem(&error),
        })
    }

    /// How many rows were read.
    pub fn rows_read(&self) -> u64 {
        self.rows
    }

    /// The length of the last row that was read, in bytes of JSON.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    fn offset(&self) -> u64 {
        self.consumed + self.start as u64
    }

    fn not_an_array(&self, problem: &'static str) -> ReadError {
        ReadError::NotAnArray { offset: self.offset(), problem }
    }

    /// Moves to the first byte of the next row; false behind the last.
    fn seek_row(&mut self) -> Result<bool, ReadError> {
        loop {
            if self.state == ReaderState::Finished {
                return match self.peek_token()? {
                    None => Ok(false),
                    Some(_) => Err(self.not_an_array("something follows the array")),
                };
            }
            let Some(token) = self.peek_token()? else {
                return Err(self.not_an_array("the file ends"));
            };
            self.state = match (self.state, token) {
                (ReaderState::BeforeArray, b'[') => ReaderState::BeforeFirstRow,
                (ReaderState::BeforeFirstRow | ReaderState::BehindRow, b']') => ReaderState::Finished,
                (ReaderState::BeforeFirstRow, b'{') => return Ok(true),
                (ReaderState::BehindRow, b',') => {
                    self.start += 1;
                    return match self.peek_token()? {
                        Some(b'{') => Ok(true),
                        _ => Err(self.not_an_array("a row is missing")),
                    };
                }
                (ReaderState::BeforeArray, _) => return Err(self.not_an_array("there is no array")),
                (ReaderState::BehindRow, _) => return Err(self.not_an_array("a comma is missing")),
                _ => return Err(self.not_an_array("an element is no object")),
            };
            self.start += 1;
        }
    }

    /// The next byte that is not white space, without consuming it.
    fn peek_token(&mut self) -> Result<Option<u8>, ReadError> {
        loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(skipped) = unread.iter().position(|byte| !byte.is_ascii_whitespace()) {
                self.start += skipped;
                return Ok(unread.get(skipped).copied());
            }
            self.start = self.end;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The length of the object that begins at the first unread byte; reads on until all of it is buffered. Nothing behind
    /// the longest row is looked at, so that an error does not depend on how much is read at a time.
    fn find_row_end(&mut self, offset: u64) -> Result<usize, ReadError> {
        let mut scan = ObjectScan::default();
        let ReadLimits { row_bytes_max, depth_max } = self.limits;
        loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            match scan.advance(unread.get(..row_bytes_max).unwrap_or(unread), depth_max) {
                ScanResult::End(length) => return Ok(length),
                ScanResult::TooDeep => {
                    return Err(ReadError::TooDeep { position: self.rows, offset, limit: depth_max });
                }
                ScanResult::More if unread.len() <= row_bytes_max => {}
                ScanResult::More => {
                    return Err(ReadError::RowTooLong { position: self.rows, offset, limit: row_bytes_max });
                }
            }
            if !self.fill()? {
                return Err(self.not_an_array("the file ends within a row"));
            }
        }
    }

    /// Reads more behind the unread bytes; false at the end of the file.
    fn fill(&mut self) -> Result<bool, ReadError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.consumed += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.source.read(free) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(ReadError::Io { offset: self.consumed + self.end as u64, source });
                }
            }
        }
    }
}
