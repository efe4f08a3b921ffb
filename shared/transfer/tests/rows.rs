//! Files of rows made by people who mean harm: each is refused by name, before it costs memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::{self, Read};

use rstest::rstest;
use transfer::rows::{FileRow, ReadError, RowReader};

/// All rows of a file, or why it is none.
fn rows(file: impl Read) -> Result<Vec<FileRow>, ReadError> {
    let mut reader = RowReader::new(file);
    std::iter::from_fn(|| reader.next_row().transpose()).collect()
}

fn refusal(file: impl Read) -> ReadError {
    let error = rows(file).unwrap_err();
    assert!(!error.retryable(), "{error}");
    error
}

/// A file of one row, whose fields have this text.
fn with_fields(fields: &str) -> String {
    format!(r#"[{{"model": "m", "pk": 1, "fields": {{{fields}}}}}]"#)
}

/// A source without an end, which tells how much of it was read.
struct Endless {
    beginning: io::Cursor<Vec<u8>>,
    then: u8,
    read: usize,
}

impl Endless {
    fn new(beginning: &str, then: u8) -> Self {
        Self { beginning: io::Cursor::new(beginning.into()), then, read: 0 }
    }
}

impl Read for &mut Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.beginning.read(buffer)?;
        if read == 0 {
            buffer.fill(self.then);
            read = buffer.len();
        }
        self.read += read;
        Ok(read)
    }
}

#[test]
fn a_good_one_is_good() {
    assert_eq!(
        rows(with_fields(r#""a": 1e400, "b": -123456789012345678901234567890"#).as_bytes()).unwrap().len(),
        1
    );
}

#[test]
fn a_string_without_an_end_is_read_no_further_than_a_row_may_be() {
    let mut source = Endless::new(r#"[{"model": "m", "pk": 1, "fields": {"a": ""#, b'x');
    assert!(matches!(
        refusal(&mut source),
        ReadError::RowTooLong { position: 1, offset: 1, limit: 0x10_0000 }
    ));
    assert!(source.read < 3 << 20, "{}", source.read);
}

#[rstest]
#[case::objects(r#"[{"model": "m", "pk": 1, "fields": {"a": "#, b'{')]
#[case::lists(r#"[{"model": "m", "pk": 1, "fields": {"a": "#, b'[')]
#[case::the_row_itself("[{", b'{')]
fn nesting_without_an_end_costs_a_buffer(#[case] beginning: &str, #[case] then: u8) {
    let mut source = Endless::new(beginning, then);
    assert!(matches!(refusal(&mut source), ReadError::TooDeep { position: 1, offset: 1, limit: 64 }));
    assert!(source.read <= 128 << 10, "{}", source.read);
}

#[rstest]
#[case::lists_for_rows("[", b'[')]
#[case::no_array("", b'{')]
#[case::zeros("", 0)]
#[case::a_row_that_is_text(r#"[""#, b'x')]
#[case::invalid_utf8("", 0xff)]
fn no_array_of_rows_costs_a_buffer(#[case] beginning: &str, #[case] then: u8) {
    let mut source = Endless::new(beginning, then);
    assert!(matches!(refusal(&mut source), ReadError::NotAnArray { .. }));
    assert!(source.read <= 128 << 10, "{}", source.read);
}

#[rstest]
#[case::field_twice(&with_fields(r#""email": "ann@example.com", "email": "eve@example.com""#))]
#[case::field_twice_by_escape(&with_fields(r#""a": 1, "\u0061": 2"#))]
#[case::pk_twice(r#"[{"model": "m", "pk": 1, "pk": 2, "fields": {}}]"#)]
#[case::model_twice(r#"[{"model": "m", "model": "n", "pk": 1, "fields": {}}]"#)]
#[case::fields_twice(r#"[{"model": "m", "pk": 1, "fields": {}, "fields": {"a": 1}}]"#)]
#[case::large_pk(r#"[{"model": "m", "pk": 9223372036854775808, "fields": {}}]"#)]
#[case::larger_pk(r#"[{"model": "m", "pk": 1e400, "fields": {}}]"#)]
#[case::fraction(r#"[{"model": "m", "pk": 1.5, "fields": {}}]"#)]
#[case::no_fields(r#"[{"model": "m", "pk": 1}]"#)]
#[case::list_of_fields(r#"[{"model": "m", "pk": 1, "fields": []}]"#)]
#[case::not_a_number(&with_fields(r#""a": NaN"#))]
#[case::half_a_surrogate(&with_fields(r#""a": "\ud800""#))]
#[case::control_character(&with_fields("\"a\": \"\u{1}\""))]
fn no_row(#[case] file: &str) {
    assert!(matches!(refusal(file.as_bytes()), ReadError::NotARow { position: 1, offset: 1, .. }), "{file}");
}

#[test]
fn bytes_that_are_no_text() {
    let file = with_fields(r#""a": "?""#).replace('?', "\u{fffd}").into_bytes();
    let broken: Vec<u8> = file.iter().copied().filter(|byte| *byte != 0xbf).collect();
    assert!(matches!(refusal(broken.as_slice()), ReadError::NotARow { .. }));
}

#[test]
fn what_was_wrong_is_told_without_what_stood_there() {
    let error = refusal(with_fields(r#""secret": 1, "secret": "s3cr3t""#).as_bytes()).to_string();
    assert!(
        error.contains("each field once") && !error.contains("secret") && !error.contains("s3cr3t"),
        "{error}"
    );
}
