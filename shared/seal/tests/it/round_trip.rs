//! What goes in comes out, whatever its size and however it is handed over.

use std::io::{Cursor, Read, Write};

use aws_lc_rs::rsa::KeySize;
use rstest::rstest;
use seal::{DataKey, Layout, Plaintext, SealError, SealOptions, SealWriter, sealed_len};

use crate::support::{
    KEY_BYTES, MAX_SIZE, OURS, Pair, STRANGER, Watched, member, opened_with, sealed, sealed_for, tarball,
    text, unsealed,
};

const CHUNK: usize = 48 * 1024;

#[rstest]
fn any_size(
    #[values(
        0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 65_535, 65_536, 65_537,
        CHUNK - 17, CHUNK - 16, CHUNK - 15, CHUNK - 1, CHUNK, CHUNK + 1, CHUNK + 16, 2 * CHUNK - 16, 2 * CHUNK + 7,
        1_000_003
    )]
    size: usize,
) {
    let export = text(size);
    let tarball = sealed(&export);
    assert!(unsealed(&tarball).unwrap() == export);
    assert_eq!(tarball.len() as u64, sealed_len(size as u64, &STRANGER).unwrap());
}

#[rstest]
fn any_order_of_members(
    #[values([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])] order: [usize; 3],
) {
    let export = text(100_000);
    let ours = sealed(&export);
    let files = ["export.json", "data.key", "key.pub"].map(|name| (name, member(&ours, name)));
    let members = order.map(|index| (files[index].0, files[index].1.as_slice()));
    assert!(unsealed(&tarball(&members)).unwrap() == export);
}

#[test]
fn the_key_size_of_the_product() {
    let pair = Pair::generate(KeySize::Rsa4096);
    let data_key = DataKey::from_bytes(&KEY_BYTES);
    let options = SealOptions {
        public_key: &pair.public,
        data_key: &data_key,
        iv: [0; 16],
        created_at: 0,
        plaintext_len: 5,
    };
    let tarball = seal::seal(&b"hello"[..], Vec::new(), &options).unwrap();
    assert_eq!(member(&tarball, "data.key").len(), 512);
    assert_eq!(opened_with(&tarball, &pair.private).unwrap(), b"hello");
    assert_eq!(tarball.len() as u64, sealed_len(5, &pair.public).unwrap());
}

#[test]
fn tarballs_look_as_the_original_ones_do() {
    let tarball = sealed(b"[]");
    let mut archive = tar::Archive::new(tarball.as_slice());
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert!(header.as_ustar().is_some());
        assert_eq!((header.mode().unwrap(), header.mtime().unwrap()), (0o644, 0));
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
    }
}

fn writer(plaintext_len: u64) -> SealWriter<Vec<u8>> {
    let data_key = DataKey::from_bytes(&KEY_BYTES);
    let options = SealOptions {
        public_key: &STRANGER,
        data_key: &data_key,
        iv: [3; 16],
        created_at: 1_700_000_000,
        plaintext_len,
    };
    SealWriter::new(Vec::new(), &options).unwrap()
}

#[rstest]
fn the_pieces_do_not_matter(#[values(1, 7, 16, 1000, 49_151, 49_152, 49_153)] piece: usize) {
    let export = text(120_000);
    let mut writer = writer(export.len() as u64);
    for piece in export.chunks(piece) {
        writer.write_all(piece).unwrap();
    }
    let tarball = writer.finish().unwrap();
    // All but `data.key`, whose padding is random, is the same however the export is handed over.
    assert_eq!(member(&tarball, "export.json"), member(&sealed(&export), "export.json"));
}

#[test]
fn a_byte_too_few() {
    let mut writer = writer(10);
    writer.write_all(&[0; 9]).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, SealError::WrongLength { declared: 10, actual: 9 }));
}

#[test]
fn a_byte_too_many() {
    let mut writer = writer(10);
    writer.write_all(&[0; 6]).unwrap();
    let error = SealError::from(writer.write_all(&[0; 5]).unwrap_err());
    assert!(matches!(error, SealError::WrongLength { declared: 10, actual: 11 }));
}

#[test]
fn an_export_that_no_store_could_hold() {
    assert!(sealed_len(1 << 60, &STRANGER).is_ok());
    assert_eq!(sealed_len((1 << 60) + 1, &STRANGER).unwrap_err().code(), "too-large");
    assert_eq!(sealed_len(u64::MAX, &STRANGER).unwrap_err().code(), "too-large");
}

#[test]
fn a_failing_target_is_worth_a_retry() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let data_key = DataKey::from_bytes(&KEY_BYTES);
    let options = SealOptions {
        public_key: &STRANGER,
        data_key: &data_key,
        iv: [3; 16],
        created_at: 0,
        plaintext_len: 0,
    };
    let error = SealWriter::new(Full, &options).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("io", true));
}

#[test]
fn a_source_that_gives_little_at_a_time() {
    let export = text(150_000);
    let tarball = sealed_for(&OURS.public, &export);
    let mut plaintext = Vec::new();
    let mut reader = seal::open(Watched::new(&tarball), MAX_SIZE, &OURS.private).unwrap();
    reader.read_to_end(&mut plaintext).unwrap();
    assert!(plaintext == export);
}

#[test]
fn a_layout_costs_four_headers_and_the_end() {
    let tarball = sealed(&text(1_000_000));
    let mut source = Watched::new(&tarball);
    Layout::read(&mut source, MAX_SIZE).unwrap();
    assert_eq!(source.bytes_read, 5 * 512);
}

#[test]
fn streams_can_move_between_threads() {
    fn movable<T: Send>() {}
    movable::<Plaintext<Cursor<Vec<u8>>>>();
    movable::<SealWriter<Vec<u8>>>();
    movable::<DataKey>();
}
