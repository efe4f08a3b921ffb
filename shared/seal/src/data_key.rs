//! The symmetric key of one export.

use std::fmt;

use aws_lc_rs::{
    cipher::{AES_128, DecryptingKey, EncryptingKey, UnboundCipherKey},
    hmac,
};
use base64::{Engine, engine::general_purpose::URL_SAFE};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::SealError;

/// A Fernet key: one half signs, the other encrypts. Wiped from memory when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DataKey {
    signing: [u8; 16],
    encryption: [u8; 16],
}

impl DataKey {
    /// Makes a key from 32 bytes, which must be random and used for one export only.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut key = Self { signing: [0; 16], encryption: [0; 16] };
        let (signing, encryption) = bytes.split_at(key.signing.len());
        key.signing.copy_from_slice(signing);
        key.encryption.copy_from_slice(encryption);
        key
    }

    /// Reads the key's text, 32 bytes in URL-safe base64: what unwrapping `data.key` yields.
    ///
    /// # Errors
    /// [`SealError::BadDataKey`] when the text is anything else.
    pub fn from_text(text: &[u8]) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(URL_SAFE.decode(text).map_err(|_| SealError::BadDataKey)?);
        bytes.as_slice().try_into().map(Self::from_bytes).map_err(|_| SealError::BadDataKey)
    }

    /// The inverse of [`DataKey::from_text`].
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.signing, self.encryption].concat());
        Zeroizing::new(URL_SAFE.encode(&bytes))
    }

    pub(crate) fn signer(&self) -> hmac::Context {
        hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.signing))
    }

    pub(crate) fn encrypting_key(&self) -> Result<EncryptingKey, SealError> {
        Ok(EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, &self.encryption)?)?)
    }

    pub(crate) fn decrypting_key(&self) -> Result<DecryptingKey, SealError> {
        Ok(DecryptingKey::cbc(UnboundCipherKey::new(&AES_128, &self.encryption)?)?)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}
