use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use jiff::Timestamp;
use pipeline::memory::SeededEntropy;
use pipeline::port::{PortError, PublicKey, UnwrapError, UnwrapKeys};

use crate::Sealing;

/// A key service. All of them have the same key, which is made once in a test run.
#[derive(Debug, Default)]
pub struct TestKeys {
    unreachable: AtomicBool,
}

struct Pair {
    private: OaepPrivateDecryptingKey,
    public: seal::PublicKey,
}

impl Pair {
    fn generate() -> Self {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a new key");
        let der: PublicKeyX509Der<'_> = private.public_key().as_der().expect("its public half");
        let public = seal::PublicKey::from_der(der.as_ref()).expect("a public key");
        Self { private: OaepPrivateDecryptingKey::new(private).expect("a key that decrypts"), public }
    }
}

static OURS: LazyLock<Pair> = LazyLock::new(Pair::generate);
static THEIRS: LazyLock<Pair> = LazyLock::new(Pair::generate);

impl TestKeys {
    /// Lets no call get through until told otherwise.
    pub fn set_unreachable(&self, unreachable: bool) {
        self.unreachable.store(unreachable, Ordering::SeqCst);
    }

    /// An export sealed for this key.
    #[must_use]
    pub fn sealed(&self, plaintext: &[u8]) -> Vec<u8> {
        sealed(&OURS.public, plaintext)
    }

    /// An export sealed for another cell.
    #[must_use]
    pub fn sealed_for_others(&self, plaintext: &[u8]) -> Vec<u8> {
        sealed(&THEIRS.public, plaintext)
    }

    /// The plaintext of an export sealed for this key.
    #[must_use]
    pub fn unsealed(&self, tarball: &[u8]) -> Vec<u8> {
        let mut plaintext = Vec::new();
        let mut reader = seal::open(std::io::Cursor::new(tarball), u64::MAX, self).expect("a sealed export");
        std::io::Read::read_to_end(&mut reader, &mut plaintext).expect("its plaintext");
        plaintext
    }

    fn call<T>(&self, operation: &str, answer: T) -> Result<T, PortError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(PortError::transient(operation, "the key service does not answer"));
        }
        Ok(answer)
    }
}

fn sealed(public_key: &seal::PublicKey, plaintext: &[u8]) -> Vec<u8> {
    let sealing = Sealing::new(public_key.clone(), &SeededEntropy::default(), Timestamp::UNIX_EPOCH);
    seal::seal(plaintext, Vec::new(), &sealing.options(plaintext.len() as u64)).expect("a sealed export")
}

fn decrypt(wrapped: &[u8]) -> Option<Vec<u8>> {
    let private = &OURS.private;
    let mut text = vec![0; private.min_output_size()];
    private.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut text, None).ok().map(|text| text.to_vec())
}

impl PublicKey for TestKeys {
    async fn public_key(&self) -> Result<String, PortError> {
        self.call("read the public key", OURS.public.to_pem())
    }
}

impl UnwrapKeys for TestKeys {
    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<Vec<u8>, UnwrapError> {
        self.call("unwrap a data key", decrypt(wrapped))?.ok_or(UnwrapError::WrongKey)
    }
}

impl seal::KeyUnwrapper for TestKeys {
    fn public_key(&self) -> &seal::PublicKey {
        &OURS.public
    }

    fn unwrap_key(&self, wrapped: &[u8]) -> Result<seal::DataKey, seal::SealError> {
        seal::DataKey::from_text(&decrypt(wrapped).ok_or(seal::SealError::WrongKey)?)
    }
}
