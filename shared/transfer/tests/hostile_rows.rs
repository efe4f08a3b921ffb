//! Files of rows that are nearly right, byte by byte and token by token: each is read as any parser of JSON reads it, or
//! ends in an error that says where; whatever it holds, it costs little memory. The tests have a process of their own,
//! so that the peak is their own too.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use transfer::rows::{FileRow, ReadError, ReadLimits, RowReader, RowWriter};

const LIMIT_KIB: u64 = 64 << 10;

/// A file with values of every kind.
const FILE: &str = r#"[
{"model": "sentry.user", "pk": 1, "fields": {"username": "ann", "email": "ann@example.com", "is_staff": true}},
{"model":"sentry.organization","pk":-2,"fields":{"slug":"acme","flags":[1,2.5,-3e2,null,{"a":{"b":["\u00e9\"\\"]}}]}},
  {"fields": {}, "pk": 9223372036854775807, "model": "sentry.Ünknown"} ,
{"model": "sentry.team", "pk": 3, "fields": {"organization": 2, "note": "\ud83d\ude00 {[,]}"}, "extra": [[]]}
]
"#;

/// Pieces of JSON, and what looks like it.
const TOKENS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "1",
    "-",
    "1e999999999",
    "-0",
    "0x1",
    "1e",
    "NaN",
    "\"\"",
    "\"pk\"",
    "\"model\"",
    "\"fields\"",
    "\"username\": 1",
    "\"\\ud800\"",
    "\\u0000",
    " ",
    "\n",
    "\u{0}",
    "\u{feff}",
    "//",
    "9223372036854775808",
    "99999999999999999999999999999999999999999999",
    "[[[[[[[[[[[[[[[[",
    "]]]]]]]]]]]]]]]]",
    "{\"a\":{\"a\":{\"a\":",
];

#[derive(Debug, Clone)]
enum Mutation {
    Byte(Index, u8),
    Token(Index, Index),
    Delete(Index, usize),
    Copy(Index, usize, Index),
}

fn mutations() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        2 => any::<(Index, u8)>().prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        4 => any::<(Index, Index)>().prop_map(|(at, token)| Mutation::Token(at, token)),
        3 => (any::<Index>(), 1..60_usize).prop_map(|(at, count)| Mutation::Delete(at, count)),
        3 => (any::<Index>(), 1..200_usize, any::<Index>()).prop_map(|(at, count, to)| Mutation::Copy(at, count, to)),
    ]
}

fn mutate(file: &mut Vec<u8>, mutation: &Mutation) {
    let length = file.len();
    let end = |at: usize, count: usize| length.min(at + count);
    match mutation {
        _ if length == 0 => {}
        Mutation::Byte(at, byte) => file[at.index(length)] = *byte,
        Mutation::Token(at, token) => {
            let at = at.index(length);
            file.splice(at..at, TOKENS[token.index(TOKENS.len())].bytes());
        }
        Mutation::Delete(at, count) => drop(file.drain(at.index(length)..end(at.index(length), *count))),
        Mutation::Copy(at, count, to) => {
            let piece = file[at.index(length)..end(at.index(length), *count)].to_vec();
            let to = to.index(length);
            file.splice(to..to, piece);
        }
    }
}

/// Gives a few bytes at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(self.1);
        self.0.read(&mut buffer[..wanted])
    }
}

fn read(source: impl Read, limits: ReadLimits) -> Result<Vec<FileRow>, ReadError> {
    let mut reader = RowReader::with_limits(source, limits);
    std::iter::from_fn(|| reader.next_row().transpose()).collect()
}

/// Reads a file in one piece and in small ones; checks an error.
fn read_checked(file: &[u8], piece: usize, limits: ReadLimits) -> Result<Vec<FileRow>, ReadError> {
    let outcome = read(file, limits);
    match (&outcome, &read(Pieces(file, piece), limits)) {
        (Ok(rows), Ok(again)) => assert_eq!(rows, again),
        (Err(error), Err(again)) => {
            assert_eq!(error.to_string(), again.to_string());
            assert!(!error.retryable() && !matches!(error, ReadError::Io { .. }), "{error:?}");
            let (ReadError::NotAnArray { offset, .. }
            | ReadError::NotARow { offset, .. }
            | ReadError::RowTooLong { offset, .. }
            | ReadError::TooDeep { offset, .. }
            | ReadError::Io { offset, .. }) = error;
            assert!(*offset <= file.len() as u64, "{error}");
        }
        (one, other) => panic!("{one:?} and {other:?}"),
    }
    assert_bounded();
    outcome
}

fn assert_bounded() {
    let peak = outside::peak_kib();
    assert!(peak.is_none_or(|peak| peak < LIMIT_KIB), "{peak:?} KiB");
}

/// Whether any nesting in a file goes beyond what is read.
fn is_deep(value: &Value, levels: usize) -> bool {
    match value {
        _ if levels == 0 => true,
        Value::Array(values) => values.iter().any(|value| is_deep(value, levels - 1)),
        Value::Object(fields) => fields.values().any(|value| is_deep(value, levels - 1)),
        _ => false,
    }
}

/// Files that were made to be in the way, and those that once were. They are read as they are, and with every byte gone.
#[test]
fn the_corpus_ends_in_rows_or_in_errors_that_say_where() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/rows");
    let mut files = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let entry = entry.unwrap();
        let file = fs::read(entry.path()).unwrap();
        let is_good = entry.file_name().to_str().unwrap().starts_with("good-");
        let outcome = read_checked(&file, 1, ReadLimits::default());
        assert_eq!(outcome.is_ok(), is_good, "{:?}: {outcome:?}", entry.file_name());
        for at in 0..file.len() {
            let without = [&file[..at], &file[at + 1..]].concat();
            let _ = read_checked(&without, 7, ReadLimits::default());
        }
        files += 1;
    }
    assert!(files > 8, "{files}");
}

/// However much is read at a time.
#[test]
fn what_is_too_deep_behind_the_longest_row_is_too_long() {
    let file = format!(r#"[{{"model": "m", "pk": 1, "fields": {{"a": {}"#, "[".repeat(60));
    for piece in 1..200 {
        for (row_bytes_max, is_too_long) in [(35, true), (90, false)] {
            let refused = read_checked(file.as_bytes(), piece, ReadLimits { row_bytes_max, depth_max: 50 });
            let error = refused.unwrap_err();
            assert_eq!(matches!(error, ReadError::RowTooLong { .. }), is_too_long, "{piece}: {error}");
            assert_eq!(matches!(error, ReadError::TooDeep { .. }), !is_too_long, "{piece}: {error}");
        }
    }
}

proptest! {
    #[test]
    fn a_mutated_file_is_read_as_any_parser_reads_it(
        mutations in prop::collection::vec(mutations(), 0..6),
        piece in 1..50_usize,
    ) {
        let mut file = FILE.as_bytes().to_vec();
        mutations.iter().for_each(|mutation| mutate(&mut file, mutation));
        let parsed = serde_json::from_slice::<Vec<FileRow>>(&file);
        match read_checked(&file, piece, ReadLimits::default()) {
            Ok(rows) => {
                prop_assert_eq!(&rows, &parsed.unwrap());
                let mut writer = RowWriter::new(Vec::new());
                rows.iter().try_for_each(|row| writer.write(&row.model, row.pk, &row.fields)).unwrap();
                let written = writer.finish().unwrap();
                prop_assert_eq!(read(written.as_slice(), ReadLimits::default()).unwrap(), rows);
            }
            Err(ReadError::TooDeep { .. }) => {}
            Err(error) => prop_assert!(parsed.is_err(), "{}", error),
        }
    }

    #[test]
    fn limits_hold_for_any_row(
        depth in 1..200_usize,
        length in 0..3_000_usize,
        row_bytes_max in 1..4_000_usize,
        depth_max in 1..130_usize,
        piece in 1..5_000_usize,
    ) {
        let nested = ["[".repeat(depth), "]".repeat(depth)].concat();
        let row = format!(r#"{{"model": "m", "pk": 1, "fields": {{"a": {nested}, "b": "{}"}}}}"#, "x".repeat(length));
        let file = format!("[{row}]");
        let deepest = depth + 2;
        match read_checked(file.as_bytes(), piece, ReadLimits { row_bytes_max, depth_max }) {
            Ok(rows) => {
                prop_assert!(row.len() <= row_bytes_max && deepest <= depth_max);
                prop_assert!(!is_deep(&serde_json::to_value(&rows).unwrap(), depth_max + 2));
            }
            Err(ReadError::TooDeep { limit, .. }) => prop_assert!(limit == depth_max && deepest > depth_max),
            Err(ReadError::RowTooLong { limit, .. }) => {
                prop_assert!(limit == row_bytes_max && row.len() > row_bytes_max);
            }
            // A parser has a limit of its own, which is higher than the usual one.
            Err(error) => prop_assert!(matches!(error, ReadError::NotARow { .. }) && deepest > 126, "{}", error),
        }
    }

    #[test]
    fn long_rows_of_anything_cost_a_row(
        repeated in prop::sample::select(TOKENS.to_vec()),
        inside in any::<bool>(),
    ) {
        let count = (3 << 20) / repeated.len();
        let long = repeated.repeat(count);
        let file = if inside {
            format!(r#"[{{"model": "m", "pk": 1, "fields": {{"a": {long}}}}}]"#)
        } else {
            format!("[{long}]")
        };
        let outcome = read(file.as_bytes(), ReadLimits::default());
        prop_assert!(outcome.is_err() || repeated.trim().is_empty());
        assert_bounded();
    }
}
