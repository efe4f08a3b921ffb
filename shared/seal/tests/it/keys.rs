//! Key pairs and data keys in every form that is taken, and in those that are not.

use std::error::Error;

use base64::{Engine, engine::general_purpose::URL_SAFE};
use seal::{DataKey, KeyUnwrapper, PrivateKey, PublicKey, SealError};

use crate::support::{
    KEY_BYTES, OURS, STRANGER, member, opened, opened_with, pem, sealed, sealed_for, tarball, wrapped,
};

#[test]
fn a_public_key_is_the_same_however_its_pem_is_laid_out() {
    let text = OURS.public.to_pem();
    let padded = format!("a note before\n\n{}and one after\n", text.replace('\n', "\r\n"));
    assert_eq!(PublicKey::from_pem(text.as_bytes()).unwrap(), OURS.public);
    assert_eq!(PublicKey::from_pem(padded.as_bytes()).unwrap(), OURS.public);
    assert_eq!(*OURS.private.public_key(), OURS.public);
    assert_ne!(OURS.public, *STRANGER);
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
    assert_eq!(opened_with(&sealed_for(&OURS.public, b"hello"), &key).unwrap(), b"hello");
}

#[test]
fn no_public_key() {
    let texts = [
        ("nothing", String::new()),
        ("no PEM", "hello".to_owned()),
        ("no DER", pem("PUBLIC KEY", b"hello")),
        ("cut off", OURS.public.to_pem()[..300].to_owned()),
        ("private", OURS.private_pem.clone()),
    ];
    for (what, text) in texts {
        let error = PublicKey::from_pem(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("bad-public-key", false), "{what}");
        assert!(error.source().is_some(), "{what}");
    }
}

#[test]
fn no_private_key() {
    let texts = [
        ("nothing", String::new()),
        ("no PEM", "hello".to_owned()),
        ("no PKCS#8", pem("PRIVATE KEY", b"hello")),
        ("no PKCS#1", pem("RSA PRIVATE KEY", b"hello")),
        ("elliptic", pem("EC PRIVATE KEY", b"hello")),
        ("encrypted", pem("ENCRYPTED PRIVATE KEY", &OURS.pkcs8)),
        ("public", OURS.public.to_pem()),
    ];
    for (what, text) in texts {
        let error = PrivateKey::from_pem(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("bad-private-key", false), "{what}");
        assert!(error.source().is_some(), "{what}");
    }
}

/// A good export for us, but for its wrapped data key.
fn with_data_key_file(content: &[u8]) -> Vec<u8> {
    let ours = sealed_for(&OURS.public, b"hello");
    let (export, public) = (member(&ours, "export.json"), member(&ours, "key.pub"));
    tarball(&[("export.json", &export), ("data.key", content), ("key.pub", &public)])
}

#[test]
fn no_data_key() {
    let texts: [(&str, &[u8]); 6] = [
        ("nothing", b""),
        ("too short", b"MDEyMzQ1Njc4OWFiY2RlZg=="),
        ("not padded", b"MDEyMzQ1Njc4OWFiY2RlZkFCQ0RFRkdISUpLTE1OT1A"),
        ("a line break", b"MDEyMzQ1Njc4OWFiY2RlZkFCQ0RFRkdISUpLTE1OT1A=\n"),
        ("another alphabet", b"///////////////////////////////////////////="),
        ("not base64", b"0123456789abcdefABCDEFGHIJKLMNOP"),
    ];
    for (what, text) in texts {
        assert_eq!(DataKey::from_text(text).unwrap_err().code(), "bad-data-key", "{what}");
        // The same comes out when it arrives in a tarball.
        let tarball = with_data_key_file(&wrapped(&OURS.public, text));
        assert_eq!(opened(&tarball).unwrap_err().code(), "bad-data-key", "{what}");
    }
}

#[test]
fn a_data_key_that_our_key_cannot_unwrap() {
    let files = [
        ("for another key", wrapped(&STRANGER, URL_SAFE.encode(KEY_BYTES).as_bytes())),
        ("nothing", vec![]),
        ("too short", vec![1; 255]),
        ("too long", vec![1; 257]),
        ("noise", vec![1; 256]),
        ("above the modulus", vec![255; 256]),
    ];
    for (what, file) in files {
        let error = opened(&with_data_key_file(&file)).unwrap_err();
        assert_eq!((error.code(), error.retryable()), ("wrong-key", false), "{what}");
    }
    let right = wrapped(&OURS.public, URL_SAFE.encode(KEY_BYTES).as_bytes());
    assert_eq!(opened(&with_data_key_file(&right)).unwrap(), b"hello");
}

#[test]
fn an_export_for_somebody_else() {
    let error = opened(&sealed(b"hello")).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("foreign-public-key", false));
}

/// A key service that is down.
struct Unreachable;

impl KeyUnwrapper for Unreachable {
    fn public_key(&self) -> &PublicKey {
        &STRANGER
    }

    fn unwrap_key(&self, _: &[u8]) -> Result<DataKey, SealError> {
        Err(SealError::KeyService("connection refused".into()))
    }
}

#[test]
fn a_key_service_that_cannot_be_asked_is_worth_a_retry() {
    let error = opened_with(&sealed(b"hello"), &Unreachable).unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("key-service-unreachable", true));
}

#[test]
fn secrets_do_not_show() {
    assert_eq!(format!("{:?}", DataKey::from_bytes(&[65; 32])), "DataKey(…)");
    let shown = format!("{:?}", OURS.private);
    // The first lines hold the public half as well.
    assert!(OURS.private_pem.lines().skip(9).all(|line| !shown.contains(line)));
}
