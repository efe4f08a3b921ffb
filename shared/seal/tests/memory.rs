//! An export far larger than the memory it may take, both ways. It has a process of its own, so that the
//! peak is its own too.

use std::io::{self, Read, Seek};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::{KeySize, PrivateDecryptingKey},
};
use seal::{DataKey, Layout, PublicKey, SealOptions, Verified, seal};

const EXPORT: u64 = 256 << 20;
const LIMIT_KIB: u64 = 32 << 10;

#[test]
fn a_large_export_passes_in_little_memory() {
    let pair = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let options = SealOptions {
        public_key: &PublicKey::from_der(der.as_ref()).unwrap(),
        data_key: &DataKey::from_bytes(&[7; 32]),
        iv: [9; 16],
        created_at: 0,
        plaintext_len: EXPORT,
    };
    let mut file = tempfile::tempfile().unwrap();
    seal(io::repeat(b'x').take(EXPORT), &mut file, &options).unwrap();
    file.rewind().unwrap();

    let layout = Layout::read(&mut file, u64::MAX).unwrap();
    let verified = Verified::check(&mut file, &layout, options.data_key).unwrap();
    let mut plaintext = verified.open(file, options.data_key, 0).unwrap();
    assert_eq!(io::copy(&mut plaintext, &mut io::sink()).unwrap(), EXPORT);

    if let Some(peak) = outside::peak_kib() {
        assert!(peak < LIMIT_KIB, "{peak} KiB");
    }
}
