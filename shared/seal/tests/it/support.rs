//! Keys, tarballs and tokens for the tests, made by other means than the crate's own.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom},
    sync::LazyLock,
};

use aws_lc_rs::{
    cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey},
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    hmac,
    rsa::{
        KeySize, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use seal::{DataKey, KeyUnwrapper, Layout, PrivateKey, PublicKey, SealError, SealOptions, Verified};
use tar::{Builder, EntryType, Header};

/// More than any test's tarball has.
pub(crate) const MAX_SIZE: u64 = 1 << 30;

pub(crate) const KEY_BYTES: [u8; 32] = *b"0123456789abcdefABCDEFGHIJKLMNOP";

/// A key pair in all its forms.
pub(crate) struct Pair {
    pub(crate) private: PrivateKey,
    pub(crate) public: PublicKey,
    pub(crate) private_pem: String,
    pub(crate) pkcs8: Vec<u8>,
}

impl Pair {
    pub(crate) fn generate(size: KeySize) -> Self {
        let key = PrivateDecryptingKey::generate(size).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let pkcs8 = der.as_ref().to_vec();
        let private_pem = pem("PRIVATE KEY", &pkcs8);
        let private = PrivateKey::from_pem(private_pem.as_bytes()).unwrap();
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
        Self { private, public: PublicKey::from_der(der.as_ref()).unwrap(), private_pem, pkcs8 }
    }
}

/// Making a key takes a while; tests that never unwrap a data key do with [`STRANGER`].
pub(crate) static OURS: LazyLock<Pair> = LazyLock::new(|| Pair::generate(KeySize::Rsa2048));

/// A public key whose private half nobody kept.
pub(crate) static STRANGER: LazyLock<PublicKey> = LazyLock::new(|| {
    let pem = b"\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA8i7mGm1SZr0Bsmoyjvi7
hjKictnqEy3ulikVdfBOleVNqybPqtEtvxONHiyJR1+qyF53bEFqFCLQhAHvulVy
hpVBgFXLSskfW+EzObvyO9Y5LvD3mYynsUG58B9MPg29eWLGr7FrMjDiReyyDw3o
F2jzNwocLBM/eeYiQY2vUmPQzWjdan1PnBIm0gVgiyZ+Wu27ByD7LQN5/v7oXCm5
kFCWX2/8CyLjYLOZ4e17arZlgIYnzbDFFk3dIXytHqOPv19O1yOasWtDXMc41luT
TXyaa7kTpqpPvHi7qL4ZRadkoD9RibOjQgG7xoIvWBXZY+6xJ2eQuoHREUY5mgSi
IQIDAQAB
-----END PUBLIC KEY-----
";
    PublicKey::from_pem(pem).unwrap()
});

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A text of so many bytes in which no two neighbouring blocks are alike.
pub(crate) fn text(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Seals with `KEY_BYTES` for a stranger.
pub(crate) fn sealed(plaintext: &[u8]) -> Vec<u8> {
    sealed_for(&STRANGER, plaintext)
}

/// Seals with `KEY_BYTES`.
pub(crate) fn sealed_for(public_key: &PublicKey, plaintext: &[u8]) -> Vec<u8> {
    let data_key = DataKey::from_bytes(&KEY_BYTES);
    let options = SealOptions {
        public_key,
        data_key: &data_key,
        iv: [3; 16],
        created_at: 1_700_000_000,
        plaintext_len: plaintext.len() as u64,
    };
    seal::seal(plaintext, Vec::new(), &options).unwrap()
}

/// Opens with `KEY_BYTES`, whatever the key files say, and reads to the end.
pub(crate) fn unsealed(tarball: &[u8]) -> Result<Vec<u8>, SealError> {
    unsealed_with(tarball, &DataKey::from_bytes(&KEY_BYTES))
}

pub(crate) fn unsealed_with(tarball: &[u8], key: &DataKey) -> Result<Vec<u8>, SealError> {
    let mut source = Cursor::new(tarball);
    let layout = Layout::read(&mut source, MAX_SIZE)?;
    let mut plaintext = Vec::new();
    Verified::check(&mut source, &layout, key)?.open(source, key, 0)?.read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

/// Opens for `OURS` and reads to the end.
pub(crate) fn opened(tarball: &[u8]) -> Result<Vec<u8>, SealError> {
    opened_with(tarball, &OURS.private)
}

pub(crate) fn opened_with(tarball: &[u8], unwrapper: &impl KeyUnwrapper) -> Result<Vec<u8>, SealError> {
    let mut plaintext = Vec::new();
    seal::open(Cursor::new(tarball), MAX_SIZE, unwrapper)?.read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

/// Encrypts a data key's text, or anything else, for somebody.
pub(crate) fn wrapped(public: &PublicKey, text: &[u8]) -> Vec<u8> {
    let der =
        STANDARD.decode(public.to_pem().lines().filter(|line| !line.contains("--")).collect::<String>());
    let key = PublicEncryptingKey::from_der(&der.unwrap()).unwrap();
    let key = OaepPublicEncryptingKey::new(key).unwrap();
    let mut out = vec![0; key.ciphertext_size()];
    key.encrypt(&OAEP_SHA256_MGF1SHA256, text, &mut out, None).unwrap();
    out
}

/// A token over any blocks, rightly signed with `KEY_BYTES`: bytes of version, time, IV and ciphertext.
pub(crate) fn token_bytes(version: u8, iv: [u8; 16], ciphertext: &[u8]) -> Vec<u8> {
    let mut bytes = [&[version], &[0; 8][..], &iv, ciphertext].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY_BYTES[..16]);
    bytes.extend_from_slice(hmac::sign(&key, &bytes).as_ref());
    bytes
}

pub(crate) fn token(version: u8, iv: [u8; 16], ciphertext: &[u8]) -> String {
    URL_SAFE.encode(token_bytes(version, iv, ciphertext))
}

/// Encrypts whole blocks with `KEY_BYTES`, adding no padding.
pub(crate) fn encrypted(mut blocks: Vec<u8>, iv: [u8; 16]) -> Vec<u8> {
    let key = EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, &KEY_BYTES[16..]).unwrap()).unwrap();
    key.less_safe_encrypt(&mut blocks, EncryptionContext::Iv128(iv.into())).unwrap();
    blocks
}

/// A tarball of plain files.
pub(crate) fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in members {
        builder.append(&header(name, EntryType::Regular, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A tarball around any token, whose key files hold no keys.
pub(crate) fn tarball_of(token: &str) -> Vec<u8> {
    tarball(&[("export.json", token.as_bytes()), ("data.key", b"wrapped"), ("key.pub", b"public")])
}

/// A header with a right checksum, whatever the name.
pub(crate) fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_mode(0o644);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    header
}

/// The content of a member, found by another reader than ours.
pub(crate) fn member(tarball: &[u8], name: &str) -> Vec<u8> {
    for entry in tar::Archive::new(tarball).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.path_bytes() == name.as_bytes() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            return content;
        }
    }
    panic!("no {name}");
}

/// A source that counts what is read, and fails once when it comes to byte `fails_at`.
pub(crate) struct Watched<'a> {
    source: Cursor<&'a [u8]>,
    pub(crate) bytes_read: u64,
    fails_at: Option<u64>,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { source: Cursor::new(bytes), bytes_read: 0, fails_at: None }
    }

    pub(crate) fn failing_at(bytes: &'a [u8], at: u64) -> Self {
        Self { fails_at: Some(at), ..Self::new(bytes) }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A short read each time, as a network gives.
        let wanted = buffer.len().min(1000);
        let position = self.source.position();
        if let Some(at) = self.fails_at
            && (position..position + wanted as u64).contains(&at)
        {
            self.fails_at = None;
            self.source.set_position(at);
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = self.source.read(&mut buffer[..wanted])?;
        self.bytes_read += count as u64;
        Ok(count)
    }
}

impl Seek for Watched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}
