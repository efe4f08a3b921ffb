//! The RSA key pair that wraps data keys.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{
        KeyPair, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
        PrivateDecryptingKey, PublicEncryptingKey,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer, pem, pem::PemObject};
use zeroize::Zeroizing;

use crate::{DataKey, SealError};

/// The line length that PEM prescribes (RFC 7468).
const PEM_LINE: usize = 64;

/// An RSA public key. Two are equal when they are the same key, however their PEM is laid out.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The `SubjectPublicKeyInfo`, re-encoded by us and therefore canonical.
    der: Vec<u8>,
}

impl PublicKey {
    /// Reads a PEM text with a `PUBLIC KEY` section.
    ///
    /// # Errors
    /// [`SealError::BadPublicKey`] when there is none, or it holds no RSA key of 2048 to 8192 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SealError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(SealError::bad_public_key)?;
        Self::from_der(&der)
    }

    /// Reads a DER-encoded `SubjectPublicKeyInfo`, the form in which KMS hands out public keys.
    ///
    /// # Errors
    /// [`SealError::BadPublicKey`] when it holds no RSA key of 2048 to 8192 bits.
    pub fn from_der(der: &[u8]) -> Result<Self, SealError> {
        let key = PublicEncryptingKey::from_der(der).map_err(SealError::bad_public_key)?;
        Self::canonical(&key)
    }

    fn canonical(key: &PublicEncryptingKey) -> Result<Self, SealError> {
        let der: PublicKeyX509Der<'_> = key.as_der()?;
        Ok(Self { der: der.as_ref().to_vec() })
    }

    /// The key as a PEM text.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let body = STANDARD.encode(&self.der);
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for (column, letter) in body.chars().enumerate() {
            if column > 0 && column % PEM_LINE == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END PUBLIC KEY-----\n");
        pem
    }

    /// Encrypts the data key's text for the owner of the private key.
    pub(crate) fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>, SealError> {
        let key = self.encrypting_key()?;
        let mut wrapped = vec![0; key.ciphertext_size()];
        let size =
            key.encrypt(&OAEP_SHA256_MGF1SHA256, data_key.to_text().as_bytes(), &mut wrapped, None)?.len();
        wrapped.truncate(size);
        Ok(wrapped)
    }

    /// How many bytes a wrapped data key has: as many as the modulus.
    pub(crate) fn wrapped_len(&self) -> Result<u64, SealError> {
        Ok(self.encrypting_key()?.ciphertext_size() as u64)
    }

    fn encrypting_key(&self) -> Result<OaepPublicEncryptingKey, SealError> {
        let key = PublicEncryptingKey::from_der(&self.der).map_err(SealError::bad_public_key)?;
        Ok(OaepPublicEncryptingKey::new(key)?)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", STANDARD.encode(&self.der))
    }
}

/// Whoever holds the private key: a PEM file, or a key service.
///
/// A caller that asks its key service asynchronously needs no unwrapper: it sends the bytes of
/// [`Envelope::wrapped_key`](crate::Envelope::wrapped_key) there and gives the answer to
/// [`DataKey::from_text`].
pub trait KeyUnwrapper {
    /// The public half: exports must be sealed with it.
    fn public_key(&self) -> &PublicKey;

    /// Decrypts a wrapped data key (RSA-OAEP with SHA-256 for hash and MGF1, no label).
    ///
    /// # Errors
    /// [`SealError::WrongKey`] when the key does not fit, [`SealError::BadDataKey`] when what comes out is
    /// no Fernet key, [`SealError::KeyService`] when a remote key cannot be used right now.
    fn unwrap_key(&self, wrapped: &[u8]) -> Result<DataKey, SealError>;
}

/// An RSA private key held in memory.
pub struct PrivateKey {
    key: OaepPrivateDecryptingKey,
    public: PublicKey,
}

impl PrivateKey {
    /// Reads a PEM text with a `PRIVATE KEY` (PKCS#8) or `RSA PRIVATE KEY` (PKCS#1) section.
    ///
    /// # Errors
    /// [`SealError::BadPrivateKey`] when there is none, it is encrypted, or holds no RSA key of 2048 to
    /// 8192 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SealError> {
        let key = match PrivateKeyDer::from_pem_slice(pem).map_err(SealError::bad_private_key)? {
            PrivateKeyDer::Pkcs8(der) => PrivateDecryptingKey::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()).and_then(|pair| {
                let pkcs8: Pkcs8V1Der<'_> = pair.as_der()?;
                PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref())
            }),
            _ => return Err(SealError::bad_private_key(pem::Error::NoItemsFound)),
        }
        .map_err(SealError::bad_private_key)?;
        let public = PublicKey::canonical(&key.public_key())?;
        Ok(Self { key: OaepPrivateDecryptingKey::new(key)?, public })
    }
}

impl KeyUnwrapper for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn unwrap_key(&self, wrapped: &[u8]) -> Result<DataKey, SealError> {
        let mut text = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let text = self
            .key
            .decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut text, None)
            .map_err(|_| SealError::WrongKey)?;
        DataKey::from_text(text)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}
