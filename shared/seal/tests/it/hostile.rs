//! Tarballs made by people who mean harm, or by accident: each ends in an error of its own.

use std::io::Cursor;

use rstest::rstest;
use seal::{Envelope, Layout, SealError};
use tar::{Builder, EntryType, Header};

use crate::support::{MAX_SIZE, Watched, encrypted, header, member, tarball, tarball_of, token, unsealed};

fn code(tarball: &[u8]) -> &'static str {
    let error = unsealed(tarball).unwrap_err();
    assert!(!error.retryable(), "{error}");
    error.code()
}

/// A good export but for its key files, which no test here reads. (Making real ones takes longer than all
/// of these tests.)
fn good() -> Vec<u8> {
    tarball_of(&token(0x80, [1; 16], &encrypted([&b"hello"[..], &[11; 11]].concat(), [1; 16])))
}

/// Its three members.
fn members() -> [(&'static str, Vec<u8>); 3] {
    let export = member(&good(), "export.json");
    [("export.json", export), ("data.key", b"wrapped".to_vec()), ("key.pub", b"public".to_vec())]
}

/// A good export's members, and one with a header of any kind before, among or after them.
fn with_header(at: usize, extra: &Header) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (index, (name, content)) in members().iter().enumerate() {
        if index == at {
            builder.append(extra, &b""[..]).unwrap();
        }
        builder.append(&header(name, EntryType::Regular, content.len() as u64), content.as_slice()).unwrap();
    }
    if at == 3 {
        builder.append(extra, &b""[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn the_good_one_is_good() {
    assert_eq!(unsealed(&good()).unwrap(), b"hello");
}

#[rstest]
#[case::empty(b"".to_vec())]
#[case::json(b"[]".to_vec())]
#[case::long_json(vec![b'['; 10_000])]
#[case::gzip([&[0x1f, 0x8b, 8][..], &[0; 2000]].concat())]
#[case::random((0..4096_u32).map(|at| (at * 31) as u8).collect())]
fn no_tarball(#[case] bytes: Vec<u8>) {
    assert_eq!(code(&bytes), "not-a-tarball");
}

#[rstest]
fn a_missing_member(#[values(0, 1, 2)] missing: usize) {
    let members = members();
    let left: Vec<_> =
        (0..3).filter(|at| *at != missing).map(|at| (members[at].0, &*members[at].1)).collect();
    let error = unsealed(&tarball(&left)).unwrap_err();
    assert_eq!(error.code(), "missing-member");
    assert_eq!(error.to_string(), format!("the tarball has no `{}`", members[missing].0));
}

#[test]
fn no_members() {
    assert_eq!(code(&[0; 1024]), "missing-member");
}

#[rstest]
fn a_doubled_member(#[values(0, 1, 2)] doubled: usize) {
    let members = members();
    let all: Vec<_> = [0, 1, 2, doubled].map(|at| (members[at].0, &*members[at].1)).to_vec();
    let error = unsealed(&tarball(&all)).unwrap_err();
    assert_eq!(error.code(), "duplicate-member");
    assert_eq!(error.to_string(), format!("the tarball has `{}` more than once", members[doubled].0));
}

#[rstest]
#[case("readme.txt", "unknown-member")]
#[case("./key.pub", "unknown-member")]
#[case("KEY.PUB", "unknown-member")]
#[case("key.pub ", "unknown-member")]
#[case("dir/key.pub", "unknown-member")]
#[case("", "unknown-member")]
#[case("/key.pub", "unsafe-path")]
#[case("../key.pub", "unsafe-path")]
#[case("dir/../../key.pub", "unsafe-path")]
#[case("..", "unsafe-path")]
fn another_member(#[case] name: &str, #[case] expected: &str, #[values(0, 1, 3)] at: usize) {
    assert_eq!(code(&with_header(at, &header(name, EntryType::Regular, 0))), expected);
}

#[rstest]
#[case(EntryType::Link, "hard link")]
#[case(EntryType::Symlink, "symbolic link")]
#[case(EntryType::Directory, "directory")]
#[case(EntryType::Char, "special file")]
#[case(EntryType::Block, "special file")]
#[case(EntryType::Fifo, "special file")]
#[case(EntryType::Continuous, "special file")]
#[case(EntryType::GNUSparse, "sparse file")]
#[case(EntryType::GNULongName, "GNU extended header")]
#[case(EntryType::GNULongLink, "GNU extended header")]
#[case(EntryType::XHeader, "pax extended header")]
#[case(EntryType::XGlobalHeader, "pax extended header")]
#[case(EntryType::new(b'V'), "special file")]
fn a_member_that_is_no_plain_file(
    #[case] kind: EntryType,
    #[case] called: &str,
    #[values("key.pub", "else")] name: &str,
    #[values(0, 2, 3)] at: usize,
) {
    let error = unsealed(&with_header(at, &header(name, kind, 0))).unwrap_err();
    assert_eq!(error.code(), "unsupported-member");
    assert!(error.to_string().contains(called), "{error}");
}

#[test]
fn names_are_shown_escaped() {
    let error = unsealed(&with_header(0, &header("\u{1b}[2J\n\u{202e}", EntryType::Regular, 0))).unwrap_err();
    assert!(error.to_string().chars().all(|letter| (' '..='~').contains(&letter)), "{error}");
}

#[test]
fn a_ustar_prefix_is_part_of_the_path() {
    let mut header = Header::new_ustar();
    header.as_ustar_mut().unwrap().name[..7].copy_from_slice(b"key.pub");
    header.as_ustar_mut().unwrap().prefix[..2].copy_from_slice(b"..");
    header.set_size(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    assert_eq!(code(&with_header(0, &header)), "unsafe-path");
}

#[rstest]
#[case("data.key", 64 * 1024, None)]
#[case("data.key", 64 * 1024 + 1, Some("too-large"))]
#[case("key.pub", 64 * 1024 + 1, Some("too-large"))]
#[case("export.json", 64 * 1024 + 1, None)]
fn large_key_files(#[case] name: &str, #[case] size: usize, #[case] expected: Option<&str>) {
    let content = vec![b'x'; size];
    let mut members = members();
    members.iter_mut().find(|member| member.0 == name).unwrap().1 = content;
    let members: Vec<_> = members.iter().map(|(name, content)| (*name, content.as_slice())).collect();
    let layout = Layout::read(&mut Cursor::new(tarball(&members)), MAX_SIZE);
    assert_eq!(layout.err().map(|error| error.code()), expected);
}

#[test]
fn a_large_tarball() {
    let tarball = good();
    let size = tarball.len() as u64;
    assert!(Layout::read(&mut Cursor::new(&tarball), size).is_ok());
    let error = Layout::read(&mut Cursor::new(&tarball), size - 1).unwrap_err();
    assert_eq!(error.code(), "too-large");
}

#[rstest]
fn a_declared_size_that_is_not_there(
    #[values(1_000_000, 10 << 30, u64::MAX / 2, u64::MAX - 511, u64::MAX)] size: u64,
) {
    let mut tarball = header("export.json", EntryType::Regular, size).as_bytes().to_vec();
    tarball.extend_from_slice(&[0; 100_000]);
    assert_eq!(code(&tarball), "truncated-tarball");
}

#[test]
fn a_size_that_is_no_number() {
    let mut header = header("export.json", EntryType::Regular, 0);
    header.as_old_mut().size = *b"99999999999\0";
    header.set_cksum();
    assert_eq!(code(&with_header(0, &header)), "corrupt-tarball");
}

#[test]
fn cut_off_at_any_block() {
    let tarball = good();
    for length in (512..tarball.len()).step_by(512) {
        assert_eq!(code(&tarball[..length]), "truncated-tarball", "{length}");
    }
}

#[test]
fn a_damaged_header() {
    let good = good();
    let second = 512 + 512;
    for at in [0, 100, 124, 148, 156, 257, 511] {
        let mut tarball = good.clone();
        tarball[second + at] ^= 1;
        assert_eq!(code(&tarball), "corrupt-tarball", "{at}");
    }
}

#[rstest]
#[case::padding(vec![0; 10_240], None)]
#[case::much_padding(vec![0; (1 << 20) - 512], None)]
#[case::too_much_padding(vec![0; 1 << 20], Some("trailing-data"))]
#[case::text(b"and more".to_vec(), Some("trailing-data"))]
#[case::late([&[0; 5000][..], b"x"].concat(), Some("trailing-data"))]
#[case::another_tarball(good(), Some("trailing-data"))]
fn what_follows_the_end(#[case] extra: Vec<u8>, #[case] expected: Option<&str>) {
    let tarball = [good(), extra].concat();
    assert_eq!(unsealed(&tarball).err().map(|error| error.code()), expected);
}

#[test]
fn the_place_of_trailing_data_is_told() {
    let mut tarball = good();
    let length = tarball.len() as u64;
    tarball.extend_from_slice(b"x");
    let error = unsealed(&tarball).unwrap_err();
    assert!(matches!(error, SealError::TrailingData { offset } if offset == length));
}

#[test]
fn a_thousand_members_cost_no_more_than_the_first_surprise() {
    let members: Vec<_> = (0..1000).map(|_| ("export.json", &b""[..])).collect();
    let tarball = tarball(&members);
    let mut source = Watched::new(&tarball);
    assert_eq!(Layout::read(&mut source, MAX_SIZE).unwrap_err().code(), "duplicate-member");
    assert_eq!(source.bytes_read, 2 * 512);
}

#[test]
fn a_public_key_file_that_holds_none() {
    let mut source = Cursor::new(tarball_of("token"));
    let layout = Layout::read(&mut source, MAX_SIZE).unwrap();
    assert_eq!(Envelope::read(&mut source, &layout).unwrap_err().code(), "bad-public-key");
}

#[test]
fn a_stored_layout_that_was_altered_is_refused() {
    let tarball = good();
    let layout = Layout::read(&mut Cursor::new(&tarball), MAX_SIZE).unwrap();
    let mut stored = serde_json::to_value(layout).unwrap();
    stored["public_key"]["size"] = serde_json::json!(u64::MAX);
    let layout: Layout = serde_json::from_value(stored).unwrap();
    assert_eq!(Envelope::read(&mut Cursor::new(&tarball), &layout).unwrap_err().code(), "too-large");
}

#[test]
fn an_unreadable_source_is_worth_a_retry() {
    let tarball = good();
    let error = Layout::read(&mut Watched::failing_at(&tarball, 600), MAX_SIZE);
    assert!(error.is_ok(), "the key files' content is not read for a layout");
    let error = Layout::read(&mut Watched::failing_at(&tarball, 10), MAX_SIZE).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("io", true));
}
