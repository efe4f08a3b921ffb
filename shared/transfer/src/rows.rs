//! Rows in a file: a JSON array of `{"model": …, "pk": …, "fields": {…}}` (SPEC §1), read one at a time in
//! bounded memory.

use std::borrow::Cow;
use std::io::{ErrorKind, Read, Write};
use std::ops::Range;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
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

/// What a row of a file is, before most of its fields are looked at.
#[derive(Debug)]
pub struct RowOutline<'a> {
    /// Which row it is, from 1.
    position: u64,
    /// Where it begins.
    offset: u64,
    content: Outline<'a>,
}

#[derive(Debug, Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    pk: Pk,
    #[serde(borrow)]
    fields: &'a RawValue,
}

impl RowOutline<'_> {
    /// The name of its model.
    pub fn model(&self) -> &str {
        &self.content.model
    }

    /// Its primary key in the file.
    pub fn pk(&self) -> Pk {
        self.content.pk
    }

    /// Those of its fields that have one of these names.
    ///
    /// # Errors
    /// The fields are no object, or one of them is given twice.
    pub fn fields(&self, wanted: &[String]) -> Result<Fields, ReadError> {
        let mut deserializer = serde_json::Deserializer::from_str(self.content.fields.get());
        SomeFields { wanted }.deserialize(&mut deserializer).map_err(|error| ReadError::NotARow {
            position: self.position,
            offset: self.offset,
            problem: problem(&error),
        })
    }
}

/// Reads some of the fields; that each is given once is asked of all.
struct SomeFields<'w> {
    wanted: &'w [String],
}

impl<'de> DeserializeSeed<'de> for SomeFields<'_> {
    type Value = Fields;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SomeFields<'_> {
    type Value = Fields;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
        let mut names: Vec<Cow<'de, str>> = Vec::with_capacity(32);
        let mut fields = Fields::new();
        while let Some(FieldName(name)) = entries.next_key()? {
            if self.wanted.iter().any(|wanted| *wanted == name) {
                fields.insert(name.clone().into_owned(), entries.next_value()?);
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
            names.push(name);
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(A::Error::custom(GIVEN_TWICE));
        }
        Ok(fields)
    }
}

/// The name of a field, which is copied only if it has to be unescaped.
#[derive(Deserialize)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);

const GIVEN_TWICE: &str = "a field is given twice";

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
                    return Err(A::Error::custom(GIVEN_TWICE));
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
        while let Some(unscanned) = bytes.get(self.scanned..).filter(|unscanned| !unscanned.is_empty()) {
            if self.in_string {
                self.skip_string(unscanned);
                continue;
            }
            for byte in unscanned {
                self.scanned += 1;
                match byte {
                    b'"' => {
                        self.in_string = true;
                        break;
                    }
                    b'{' | b'[' if self.depth == depth_max => return ScanResult::TooDeep,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' if self.depth == 1 => return ScanResult::End(self.scanned),
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
            }
        }
        ScanResult::More
    }

    /// Goes behind the end of a string, or behind the next escaped character of it. That may be behind the bytes at
    /// hand: then the scan goes on behind it when there are more.
    fn skip_string(&mut self, unscanned: &[u8]) {
        match memchr::memchr2(b'"', b'\\', unscanned) {
            None => self.scanned += unscanned.len(),
            Some(found) if unscanned.get(found) == Some(&b'"') => {
                self.scanned += found + 1;
                self.in_string = false;
            }
            Some(found) => self.scanned += found + 2,
        }
    }
}

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
