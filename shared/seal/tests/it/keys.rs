//! Key pairs and data keys in every form that is taken, and in those that are not.

use std::error::Error;

use rstest::rstest;
use seal::{DataKey, KeyUnwrapper, PrivateKey, PublicKey};

use crate::support::{OURS, THEIRS, pem, sealed, tarball, wrapped};
use crate::support::{member, opened, opened_with};

#[test]
fn a_public_key_is_the_same_however_its_pem_is_laid_out() {
    let text = OURS.public.to_pem();
    let padded = format!("a note before\n\n{}and one after\n", text.replace('\n', "\r\n"));
    assert_eq!(PublicKey::from_pem(text.as_bytes()).unwrap(), OURS.public);
    assert_eq!(PublicKey::from_pem(padded.as_bytes()).unwrap(), OURS.public);
    assert_eq!(*OURS.private.public_key(), OURS.public);
    assert_ne!(OURS.public, THEIRS.public);
}

#[test]
fn pem_lines_have_64_characters() {
    let text = OURS.public.to_pem();
    let lines: Vec<_> = text.lines().collect();
    let (last, full) = lines[1..lines.len() - 1].split_last().unwrap();
    assert!(full.iter().all(|line| line.len() == 64));
    assert!((1..=64).contains(&last.len()));
    assert!(
        text.starts_with("-----BEGIN PUBLIC KEY-----\n") && text.ends_with("\n-----END PUBLIC KEY-----\n")
    );
}

#[test]
fn a_pkcs1_private_key_opens_too() {
    // In PKCS#8 the PKCS#1 structure follows 26 bytes of header, for keys of this size.
    let pkcs1 = pem("RSA PRIVATE KEY", &OURS.pkcs8[26..]);
    let key = PrivateKey::from_pem(pkcs1.as_bytes()).unwrap();
    assert_eq!(opened_with(&sealed(b"hello"), &key).unwrap(), b"hello");
}

#[rstest]
#[case::empty(String::new())]
#[case::no_pem("hello".to_owned())]
#[case::no_der(pem("PUBLIC KEY", b"hello"))]
#[case::cut_off(OURS.public.to_pem()[..300].to_owned())]
#[case::private(OURS.private_pem.clone())]
fn no_public_key(#[case] text: String) {
    let error = PublicKey::from_pem(text.as_bytes()).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("bad-public-key", false));
    assert!(error.source().is_some());
}

#[rstest]
#[case::empty(String::new())]
#[case::no_pem("hello".to_owned())]
#[case::no_pkcs8(pem("PRIVATE KEY", b"hello"))]
#[case::no_pkcs1(pem("RSA PRIVATE KEY", b"hello"))]
#[case::elliptic(pem("EC PRIVATE KEY", b"hello"))]
#[case::encrypted(pem("ENCRYPTED PRIVATE KEY", &OURS.pkcs8))]
#[case::public(OURS.public.to_pem())]
fn no_private_key(#[case] text: String) {
    let error = PrivateKey::from_pem(text.as_bytes()).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("bad-private-key", false));
    assert!(error.source().is_some());
}

#[rstest]
#[case::empty(b"")]
#[case::short(b"MDEyMzQ1Njc4OWFiY2RlZg==")]
#[case::unpadded(b"MDEyMzQ1Njc4OWFiY2RlZkFCQ0RFRkdISUpLTE1OT1A")]
#[case::line_break(b"MDEyMzQ1Njc4OWFiY2RlZkFCQ0RFRkdISUpLTE1OT1A=\n")]
#[case::other_alphabet(b"////////////////////////////////////////////")]
#[case::raw(b"0123456789abcdefABCDEFGHIJKLMNOP")]
fn no_data_key(#[case] text: &[u8]) {
    assert_eq!(DataKey::from_text(text).unwrap_err().code(), "bad-data-key");
    // The same comes out when it arrives in a tarball.
    let key_file = wrapped(&OURS.public, text);
    let public = OURS.public.to_pem();
    let tarball = tarball(&[("export.json", b""), ("data.key", &key_file), ("key.pub", public.as_bytes())]);
    assert_eq!(opened(&tarball).unwrap_err().code(), "bad-data-key");
}

#[test]
fn an_export_for_somebody_else() {
    let error = opened_with(&sealed(b"hello"), &THEIRS.private).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("foreign-public-key", false));
}

#[rstest]
#[case::for_another_key(wrapped(&THEIRS.public, &[b'A'; 44]))]
#[case::empty(vec![])]
#[case::short(vec![1; 255])]
#[case::long(vec![1; 257])]
#[case::noise(vec![1; 256])]
#[case::large(vec![255; 256])]
fn a_data_key_that_our_key_cannot_unwrap(#[case] key_file: Vec<u8>) {
    let ours = sealed(b"hello");
    let (export, public) = (member(&ours, "export.json"), member(&ours, "key.pub"));
    let tarball = tarball(&[("export.json", &export), ("data.key", &key_file), ("key.pub", &public)]);
    let error = opened(&tarball).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("wrong-key", false));
}

#[test]
fn secrets_do_not_show() {
    assert_eq!(format!("{:?}", DataKey::from_bytes(&[65; 32])), "DataKey(…)");
    let shown = format!("{:?}", OURS.private);
    // The first lines hold the public half as well.
    assert!(OURS.private_pem.lines().skip(9).all(|line| !shown.contains(line)));
}
