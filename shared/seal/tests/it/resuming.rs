//! Coming back later: stored layouts and proofs, and reading from any byte on.

use std::io::{Cursor, Read};

use rstest::rstest;
use seal::{DataKey, Layout, SealError, Verified};
use serde_json::{Value, json};

use crate::support::{KEY_BYTES, MAX_SIZE, Watched, sealed, text};

fn key() -> DataKey {
    DataKey::from_bytes(&KEY_BYTES)
}

fn verified(tarball: &[u8]) -> Verified {
    let mut source = Cursor::new(tarball);
    let layout = Layout::read(&mut source, MAX_SIZE).unwrap();
    Verified::check(&mut source, &layout, &key()).unwrap()
}

fn read_from(tarball: &[u8], verified: &Verified, offset: u64) -> Result<Vec<u8>, SealError> {
    let mut plaintext = Vec::new();
    verified.open(Cursor::new(tarball), &key(), offset)?.read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

#[rstest]
fn from_every_byte_of_a_short_export(#[values(0, 1, 47, 48, 49, 150)] size: usize) {
    let export = text(size);
    let tarball = sealed(&export);
    let verified = verified(&tarball);
    assert_eq!(verified.plaintext_len(), size as u64);
    for offset in 0..=size {
        assert_eq!(read_from(&tarball, &verified, offset as u64).unwrap(), export[offset..], "{offset}");
    }
}

#[test]
fn from_bytes_around_the_borders_of_a_long_export() {
    let export = text(200_000);
    let tarball = sealed(&export);
    let verified = verified(&tarball);
    for border in [16, 48, 49_136, 49_152, 65_536, 98_288, 98_304, 147_456, 199_990] {
        for offset in border - 3..border + 4 {
            assert!(read_from(&tarball, &verified, offset as u64).unwrap() == export[offset..], "{offset}");
        }
    }
}

#[test]
fn from_behind_the_end() {
    let tarball = sealed(b"hello");
    let error = read_from(&tarball, &verified(&tarball), 6).unwrap_err();
    assert!(matches!(error, SealError::OffsetPastEnd { offset: 6, length: 5 }));
}

#[test]
fn seeking_reads_little_of_the_file() {
    let export = text(1_000_000);
    let tarball = sealed(&export);
    let verified = verified(&tarball);
    let mut source = Watched::new(&tarball);
    let mut last = Vec::new();
    verified.open(&mut source, &key(), 999_990).unwrap().read_to_end(&mut last).unwrap();
    assert_eq!(last, export[999_990..]);
    assert!(source.bytes_read < 1000, "{}", source.bytes_read);
}

#[test]
fn layout_and_proof_survive_storage() {
    let tarball = sealed(b"hello");
    let layout = Layout::read(&mut Cursor::new(&tarball), MAX_SIZE).unwrap();
    let stored = serde_json::to_string(&layout).unwrap();
    assert_eq!(serde_json::from_str::<Layout>(&stored).unwrap(), layout);
    let proof = verified(&tarball);
    let stored = serde_json::to_string(&proof).unwrap();
    let restored: Verified = serde_json::from_str(&stored).unwrap();
    assert_eq!(read_from(&tarball, &restored, 1).unwrap(), b"ello");
}

/// Changes one field of a stored proof.
fn altered(proof: &Verified, field: &str, value: Value) -> Verified {
    let mut stored = serde_json::to_value(proof).unwrap();
    *stored.pointer_mut(field).unwrap() = value;
    serde_json::from_value(stored).unwrap()
}

#[rstest]
#[case("/token/offset", json!(0))]
#[case("/token/offset", json!(u64::MAX))]
#[case("/token/offset", json!(u64::MAX - 200))]
#[case("/token/size", json!(0))]
#[case("/token/size", json!(u64::MAX))]
#[case("/token/size", json!(u64::MAX - 1_000_000 / 64 * 64))]
#[case("/plaintext_len", json!(0))]
#[case("/plaintext_len", json!(6))]
#[case("/plaintext_len", json!(u64::MAX))]
#[case("/proof", json!(""))]
#[case("/proof", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))]
fn an_altered_proof_opens_nothing(#[case] field: &str, #[case] value: Value) {
    let tarball = sealed(b"hello");
    let proof = altered(&verified(&tarball), field, value);
    let code = read_from(&tarball, &proof, 0).unwrap_err().code();
    assert!(["not-verified", "truncated-tarball", "bad-token"].contains(&code), "{code}");
}

#[test]
fn a_proof_of_another_file_opens_nothing() {
    let (hello, world) = (sealed(b"hello"), sealed(b"world"));
    assert_eq!(read_from(&world, &verified(&hello), 0).unwrap_err().code(), "not-verified");
}

#[test]
fn another_key_opens_nothing() {
    let tarball = sealed(b"hello");
    let error =
        verified(&tarball).open(Cursor::new(&tarball), &DataKey::from_bytes(&[0; 32]), 0).unwrap_err();
    assert_eq!(error.code(), "not-verified");
}

#[test]
fn after_a_failed_read_the_stream_does_not_go_on() {
    let export = text(200_000);
    let tarball = sealed(&export);
    let verified = verified(&tarball);
    let mut plaintext = verified.open(Watched::failing_at(&tarball, 150_000), &key(), 0).unwrap();
    let mut got = Vec::new();
    let error = SealError::from(plaintext.read_to_end(&mut got).unwrap_err());
    assert!(error.retryable());
    assert!(!got.is_empty() && got == export[..got.len()]);
    let error = SealError::from(plaintext.read(&mut [0; 10]).unwrap_err());
    assert!(error.retryable());
    // Opened anew where it broke off, it does.
    assert!(read_from(&tarball, &verified, got.len() as u64).unwrap() == export[got.len()..]);
}

#[test]
fn a_file_that_shrank_since_it_was_verified() {
    let export = text(200_000);
    let tarball = sealed(&export);
    let verified = verified(&tarball);
    let error = read_from(&tarball[..150_000], &verified, 0).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("truncated-tarball", false));
}
