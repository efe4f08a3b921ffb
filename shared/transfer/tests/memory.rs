//! A file whose names are far larger than the memory that a census may take. It has a process of its own, so that
//! the peak is its own too.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{self, Cursor, Read};

use catalog::Catalog;
use silo::Filter;
use transfer::import::Census;
use transfer::rows::RowReader;

const ROWS: usize = 128;
const NAME: usize = 500_000;
const LIMIT_KIB: u64 = 48 << 10;

#[test]
fn long_names_cost_a_census_no_memory() {
    let catalog = Catalog::builtin();
    let filter = Filter::OrganizationSlugs(vec!["acme".to_owned()]);
    let census = Census::take(&catalog, &mut RowReader::new(file()), &filter).unwrap();
    let user = catalog.find("sentry.user").unwrap();
    assert_eq!(census.rows(user.id), ROWS as u64);
    assert_eq!(census.unknown_models().values().sum::<u64>(), ROWS as u64);

    if let Some(peak) = outside::peak_kib() {
        assert!(peak < LIMIT_KIB, "{peak} KiB");
    }
}

/// Users, and rows of as many unknown models, of nearly the longest rows that are read.
fn file() -> impl Read {
    let users = (0..ROWS).map(|pk| {
        let name = format!("{pk}{}", "x".repeat(NAME));
        format!(
            r#"{{"model": "sentry.user", "pk": {pk}, "fields": {{"username": "{name}", "email": "{name}"}}}}"#
        )
    });
    let unknown = (0..ROWS).map(|pk| {
        let model = format!("{pk}{}", "x".repeat(2 * NAME));
        format!(r#"{{"model": "{model}", "pk": {pk}, "fields": {{}}}}"#)
    });
    let rows = users.chain(unknown).enumerate();
    let parts = rows.map(|(position, row)| if position == 0 { format!("[{row}") } else { format!(",{row}") });
    Parts { parts: parts.chain(["]".to_owned()]), part: Cursor::default() }
}

/// Texts one after the other, of which only one is in memory.
struct Parts<P> {
    parts: P,
    part: Cursor<Vec<u8>>,
}

impl<P: Iterator<Item = String>> Read for Parts<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.part.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(next) = self.parts.next() else { return Ok(0) };
            self.part = Cursor::new(next.into_bytes());
        }
    }
}
