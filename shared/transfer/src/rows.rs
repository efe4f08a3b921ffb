//! Rows in a file: a JSON array of `{"model": …, "pk": …, "fields": {…}}` (SPEC §1), read one at a time in
//! bounded memory.

use std::io::{ErrorKind, Read, Write};

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use silo::{Fields, Pk};

/// One row as a file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// The name of its model.
    pub model: String,
    /// Its primary key in the file.
    pub pk: Pk,
    /// Its fields.
    #[serde(deserialize_with = "distinct_fields")]
    pub fields: Fields,
}

/// Reads fields, each of which may be given once: of two values, nobody can tell which was checked.
fn distinct_fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fields, D::Error> {
    struct Distinct;

    impl<'de> Visitor<'de> for Distinct {
        type Value = Fields;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
            let mut fields = Fields::new();
            while let Some((name, value)) = entries.next_entry()? {
                if fields.insert(name, value).is_some() {
                    return Err(A::Error::custom("a field is given twice"));
                }
            }
            Ok(fields)
        }
    }

    deserializer.deserialize_map(Distinct)
}

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

/// Why a file is no array of rows. `position` counts rows from 1, `offset` bytes from 0.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("the file could not be read behind byte {offset}")]
    Io {
        /// Where reading stopped.
        offset: u64,
        /// What the source said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a JSON array of objects.
    #[error("the file is not a JSON array of rows: at byte {offset}, {problem}")]
    NotAnArray {
        /// Where.
        offset: u64,
        /// What was found instead.
        problem: &'static str,
    },
    /// An element of the array is not a row. What the parser said is left out, because it quotes values.
    #[error("row {position}, at byte {offset}, is not a row of a model: {problem}")]
    NotARow {
        /// Which one.
        position: u64,
        /// Where it begins.
        offset: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A row is longer than allowed.
    #[error("row {position}, at byte {offset}, is longer than {limit} bytes")]
    RowTooLong {
        /// Which one.
        position: u64,
        /// Where it begins.
        offset: u64,
        /// The most that is allowed.
        limit: usize,
    },
    /// A row nests deeper than allowed.
    #[error("row {position}, at byte {offset}, nests deeper than {limit} levels")]
    TooDeep {
        /// Which one.
        position: u64,
        /// Where it begins.
        offset: u64,
        /// The most that is allowed.
        limit: usize,
    },
}

impl ReadError {
    /// Whether reading again may succeed: only the source can fail for a while, content cannot.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() != ErrorKind::InvalidData)
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
        if !self.seek_row()? {
            return Ok(None);
        }
        self.rows += 1;
        let offset = self.offset();
        let length = self.find_row_end(offset)?;
        let bytes = self.buffer.get(self.start..self.start + length).unwrap_or_default();
        let row = serde_json::from_slice(bytes);
        self.start += length;
        self.row_bytes = length;
        self.state = ReaderState::BehindRow;
        match row {
            Ok(row) => Ok(Some(row)),
            Err(error) => Err(ReadError::NotARow { position: self.rows, offset, problem: problem(&error) }),
        }
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

    /// The length of the object that begins at the first unread byte; reads on until all of it is buffered.
    fn find_row_end(&mut self, offset: u64) -> Result<usize, ReadError> {
        let mut scan = ObjectScan::default();
        loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            match scan.advance(unread, self.limits.depth_max) {
                ScanResult::End(length) if length <= self.limits.row_bytes_max => return Ok(length),
                ScanResult::TooDeep => {
                    let limit = self.limits.depth_max;
                    return Err(ReadError::TooDeep { position: self.rows, offset, limit });
                }
                ScanResult::More if unread.len() <= self.limits.row_bytes_max => {}
                ScanResult::End(_) | ScanResult::More => {
                    let limit = self.limits.row_bytes_max;
                    return Err(ReadError::RowTooLong { position: self.rows, offset, limit });
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

fn problem(error: &serde_json::Error) -> &'static str {
    if error.is_data() {
        "it needs a `model` (text), a `pk` (a whole number) and `fields` (an object, each field once)"
    } else {
        "it is not valid JSON"
    }
}

/// Finds where an object ends, without understanding more of it than brackets and strings.
#[derive(Default)]
struct ObjectScan {
    scanned: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

enum ScanResult {
    /// The object has this many bytes.
    End(usize),
    /// The object goes on behind the bytes at hand.
    More,
    TooDeep,
}

impl ObjectScan {
    /// Goes on scanning; `bytes` always begins at the object's first byte.
    fn advance(&mut self, bytes: &[u8], depth_max: usize) -> ScanResult {
        while let Some(byte) = bytes.get(self.scanned) {
            self.scanned += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > depth_max {
                        return ScanResult::TooDeep;
                    }
                }
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return ScanResult::End(self.scanned);
                    }
                }
                _ => {}
            }
        }
        ScanResult::More
    }
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
    pub fn write(&mut self, row: &FileRow) -> std::io::Result<()> {
        self.sink.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
        self.rows += 1;
        serde_json::to_writer(&mut self.sink, row).map_err(std::io::Error::from)
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
