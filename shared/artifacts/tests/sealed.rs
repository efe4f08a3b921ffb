//! Sealed files on their way in and out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::io::Read;
use std::sync::Arc;

use artifacts::testing::TestKeys;
use artifacts::{
    Located, SealedFile, Sealing, Spool, ValidationPlan, blocking, catalogue, index, open, refused_rows,
};
use catalog::{Catalog, ImportScope};
use pipeline::code::ErrorCode;
use pipeline::memory::{MemoryObjects, SeededEntropy};
use pipeline::relocation::Place;
use rstest::rstest;
use runtime::TaskError;
use silo::{Filter, MemorySilo, Row, Silos};
use testkit::Export;
use transfer::export::ExportRequest;
use transfer::import::ExportSource;
use transfer::rows::RowReader;

fn stored(objects: &MemoryObjects, content: Vec<u8>) -> Located {
    let bytes = content.len() as u64;
    let info = objects.insert(Place::Artifacts, "a file", content);
    Located { place: Place::Artifacts, key: info.key, version: info.pinned.version, bytes, proof: None }
}

async fn refusal(tarball: Vec<u8>) -> TaskError {
    let objects = Arc::new(MemoryObjects::default());
    let at = stored(&objects, tarball);
    open(&objects, &TestKeys::default(), at).await.err().unwrap()
}

#[tokio::test]
async fn what_was_sealed_is_read_again_as_often_as_wanted() {
    let objects = Arc::new(MemoryObjects::default());
    let keys = TestKeys::default();
    let users = (1..2_000).map(|n| format!("user-{n}"));
    let plaintext = users.fold(Export::new(), |export, name| export.user(&name)).json();
    let at = stored(&objects, keys.sealed(&plaintext));
    index(&objects, &at).await.unwrap();
    let file = open(&objects, &keys, at).await.unwrap();
    let (first, second) = blocking(move || {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut all = Vec::new();
            file.open()?.read_to_end(&mut all)?;
            Ok(all)
        };
        Ok((read().unwrap(), read().unwrap()))
    })
    .await
    .unwrap();
    assert!(first == plaintext && second == plaintext);
}

/// An altered token shows whether it was verified: with the proof of what it was, it is opened all the same.
#[tokio::test]
async fn what_was_verified_before_is_not_verified_again() {
    let objects = Arc::new(MemoryObjects::default());
    let keys = TestKeys::default();
    let tarball = keys.sealed(&Export::acme().json());
    let proof = open(&objects, &keys, stored(&objects, tarball.clone())).await.unwrap().proof().unwrap();

    let altered = stored(&objects, with_another_byte(tarball, EXPORT + 512 + 200));
    let error = open(&objects, &keys, altered.clone()).await.err().unwrap();
    assert!(matches!(error, TaskError::Verdict(failure) if failure.code == ErrorCode::BadToken));
    let with_proof = Located { proof: Some(proof.clone()), ..altered };
    assert!(first_bytes(open(&objects, &keys, with_proof).await.unwrap()).await.is_ok());

    let other = stored(&objects, keys.sealed(&Export::new().user("ada").json()));
    let with_proof = Located { proof: Some(proof), ..other };
    assert!(first_bytes(open(&objects, &keys, with_proof).await.unwrap()).await.is_err());
}

async fn first_bytes(file: SealedFile<MemoryObjects>) -> std::io::Result<()> {
    blocking(move || Ok(file.open().map(drop))).await.unwrap()
}

fn with_another_byte(mut tarball: Vec<u8>, at: usize) -> Vec<u8> {
    tarball[at] = if tarball[at] == b'A' { b'B' } else { b'A' };
    tarball
}

/// Where `data.key` and `export.json` begin: behind `key.pub`, each with a header of 512 bytes.
const DATA_KEY: usize = 2 * 512;
const EXPORT: usize = DATA_KEY + 2 * 512;

fn no_tarball(_: Vec<u8>) -> Vec<u8> {
    b"hello".repeat(1_000)
}

fn cut_off(mut tarball: Vec<u8>) -> Vec<u8> {
    tarball.truncate(4_000);
    tarball
}

fn without_a_member(mut tarball: Vec<u8>) -> Vec<u8> {
    tarball.split_off(DATA_KEY)
}

fn with_an_unknown_member(mut tarball: Vec<u8>) -> Vec<u8> {
    // The letters' sum, which the header states, stays.
    tarball[..7].copy_from_slice(b"key.bup");
    tarball
}

fn with_a_member_twice(mut tarball: Vec<u8>) -> Vec<u8> {
    let member = tarball[..DATA_KEY].to_vec();
    tarball.splice(..0, member);
    tarball
}

fn for_others(_: Vec<u8>) -> Vec<u8> {
    TestKeys::default().sealed_for_others(b"[]")
}

fn without_a_public_key(mut tarball: Vec<u8>) -> Vec<u8> {
    tarball[512..700].fill(b'x');
    tarball
}

fn with_another_data_key(mut tarball: Vec<u8>) -> Vec<u8> {
    tarball[DATA_KEY + 512 + 8] ^= 1;
    tarball
}

fn altered(mut tarball: Vec<u8>) -> Vec<u8> {
    tarball[EXPORT + 512 + 40] ^= 1;
    tarball
}

#[rstest]
#[case(no_tarball, ErrorCode::InvalidTarball)]
#[case(cut_off, ErrorCode::InvalidTarball)]
#[case(without_a_member, ErrorCode::MissingMember)]
#[case(with_an_unknown_member, ErrorCode::UnknownMember)]
#[case(with_a_member_twice, ErrorCode::DuplicateMember)]
#[case(for_others, ErrorCode::ForeignPublicKey)]
#[case(without_a_public_key, ErrorCode::ForeignPublicKey)]
#[case(with_another_data_key, ErrorCode::WrongKey)]
#[case(altered, ErrorCode::BadToken)]
#[tokio::test]
async fn each_fault_of_a_file_has_its_code(#[case] damage: fn(Vec<u8>) -> Vec<u8>, #[case] code: ErrorCode) {
    match refusal(damage(TestKeys::default().sealed(b"[]"))).await {
        TaskError::Verdict(failure) => assert_eq!(failure.code, code, "{}", failure.detail),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_service_that_does_not_answer_is_no_verdict() {
    let objects = Arc::new(MemoryObjects::default());
    let keys = TestKeys::default();
    let at = stored(&objects, keys.sealed(b"[]"));
    keys.set_unreachable(true);
    let error = open(&objects, &keys, at).await.err().unwrap();
    assert!(matches!(error, TaskError::Broken { retryable: true, .. }), "{error:?}");
}

#[tokio::test]
async fn a_version_that_is_not_there_may_appear() {
    let objects = Arc::new(MemoryObjects::default());
    let keys = TestKeys::default();
    let at = Located { version: "2".to_owned(), ..stored(&objects, keys.sealed(b"[]")) };
    let error = open(&objects, &keys, at).await.err().unwrap();
    assert!(matches!(error, TaskError::Broken { retryable: true, .. }), "{error:?}");
}

#[test]
fn bad_rows_are_named_without_what_they_say() {
    let mut rows = RowReader::new(&br#"[{"model": 1, "pk": "hunter2", "fields": {}}]"#[..]);
    match refused_rows(rows.next_row().unwrap_err()) {
        TaskError::Verdict(failure) => {
            assert_eq!(failure.code, ErrorCode::InvalidJson);
            assert!(failure.detail.contains("row 1, at byte 1"), "{}", failure.detail);
            assert!(!failure.detail.contains("hunter2"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_export_is_spooled_sealed_and_stored() {
    let catalog = Catalog::builtin();
    let (cell, control) = (MemorySilo::new(Arc::clone(&catalog)), MemorySilo::new(Arc::clone(&catalog)));
    let model = catalog.find("sentry.user").unwrap();
    let fields: silo::Fields = [("username".to_owned(), "ann".into())].into_iter().collect();
    control.load(model, Row::new(3, fields)).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let request =
        ExportRequest { scope: ImportScope::User, filter: Filter::Usernames(vec!["ann".to_owned()]) };
    let silos = Silos { cell: &cell, control: &control };
    let spool = Spool::export(silos, &request, folder.path()).await.unwrap();
    assert_eq!(spool.rows().unwrap().next_row().unwrap().unwrap().pk, 3);

    let (objects, keys) = (MemoryObjects::default(), TestKeys::default());
    let public_key = artifacts::public_key(&keys).await.unwrap();
    let sealing = Sealing::new(public_key, &SeededEntropy::default(), jiff::Timestamp::UNIX_EPOCH);
    let stored = spool.store(&objects, "a file", sealing).await.unwrap();
    let tarball = objects.content(Place::Artifacts, "a file").unwrap();
    assert_eq!(stored.bytes, tarball.len() as u64);
    let plaintext = keys.unsealed(&tarball);
    assert_eq!(RowReader::new(&plaintext[..]).next_row().unwrap().unwrap().fields["username"], "ann");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the temporary file has no name");
}

#[tokio::test]
async fn a_cell_may_have_a_catalogue_of_its_own() {
    let objects = MemoryObjects::default();
    assert!(catalogue(&objects, None).await.unwrap().find("sentry.user").is_some());
    let missing = catalogue(&objects, Some("catalog.toml")).await.unwrap_err();
    assert!(matches!(missing, TaskError::Broken { retryable: true, .. }), "{missing:?}");
    objects.insert(Place::Artifacts, "catalog.toml", "[[model]]\nname = 7");
    let broken = catalogue(&objects, Some("catalog.toml")).await.unwrap_err();
    assert!(matches!(broken, TaskError::Broken { retryable: false, .. }), "{broken:?}");
}

#[test]
fn the_plan_reads_well() {
    insta::assert_json_snapshot!(ValidationPlan::new(vec!["acme".to_owned()]));
}
