//! An export that the original application sealed.

use std::io::Cursor;

use seal::{Envelope, KeyUnwrapper, Layout, PrivateKey, PublicKey};
use serde_json::Value;

use crate::support::{MAX_SIZE, opened, opened_with};

fn reference(name: &str) -> Option<Vec<u8>> {
    outside::reference_bytes(&format!("sealed/{name}"))
}

#[test]
fn it_opens_value_for_value() {
    let (Some(tarball), Some(key), Some(plain)) =
        (reference("organizations.tar"), reference("private.pem"), reference("organizations.json"))
    else {
        return;
    };
    let opened = opened_with(&tarball, &PrivateKey::from_pem(&key).unwrap()).unwrap();
    let (left, right): (Value, Value) =
        (serde_json::from_slice(&opened).unwrap(), serde_json::from_slice(&plain).unwrap());
    assert_eq!(left, right);
}

#[test]
fn its_keys_are_read() {
    let (Some(tarball), Some(private), Some(public)) =
        (reference("organizations.tar"), reference("private.pem"), reference("public.pem"))
    else {
        return;
    };
    let public = PublicKey::from_pem(&public).unwrap();
    assert_eq!(*PrivateKey::from_pem(&private).unwrap().public_key(), public);
    let mut source = Cursor::new(&tarball);
    let layout = Layout::read(&mut source, MAX_SIZE).unwrap();
    let envelope = Envelope::read(&mut source, &layout).unwrap();
    assert_eq!(envelope.public_key, public);
    assert_eq!(envelope.wrapped_key.len(), 512);
}

#[test]
fn it_is_not_for_us() {
    let Some(tarball) = reference("organizations.tar") else { return };
    assert_eq!(opened(&tarball).unwrap_err().code(), "foreign-public-key");
}
