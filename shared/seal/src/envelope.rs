//! The key files of a sealed export.

use std::io::{Read, Seek, SeekFrom};

use crate::{Layout, PublicKey, SealError, Span, tarball::MAX_KEY_FILE};

/// What the small members say: with which key the export is sealed, and its data key, still wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The public key that wraps the data key.
    pub public_key: PublicKey,
    /// The data key, encrypted with the public key: input of a [`KeyUnwrapper`](crate::KeyUnwrapper) or of
    /// the key service's Decrypt call.
    pub wrapped_key: Vec<u8>,
}

impl Envelope {
    /// Reads `key.pub` and `data.key`.
    ///
    /// # Errors
    /// [`SealError::BadPublicKey`] when `key.pub` holds no RSA key; [`SealError::Io`] when reading fails.
    pub fn read(source: &mut (impl Read + Seek), layout: &Layout) -> Result<Self, SealError> {
        let public_key = PublicKey::from_pem(&read_small(source, layout.public_key)?)?;
        Ok(Self { public_key, wrapped_key: read_small(source, layout.data_key)? })
    }

    /// Checks that the export is sealed with our key, which makes for a clearer error than a failed unwrap.
    ///
    /// # Errors
    /// [`SealError::ForeignPublicKey`] when it is not.
    pub fn require_key(&self, ours: &PublicKey) -> Result<(), SealError> {
        if self.public_key == *ours { Ok(()) } else { Err(SealError::ForeignPublicKey) }
    }
}

/// Reads a whole member. The limit is checked again: a layout may have been stored and altered.
fn read_small(source: &mut (impl Read + Seek), span: Span) -> Result<Vec<u8>, SealError> {
    if span.size > MAX_KEY_FILE {
        return Err(SealError::TooLarge { what: "a key file", size: span.size, limit: MAX_KEY_FILE });
    }
    source.seek(SeekFrom::Start(span.offset))?;
    let mut bytes = Vec::new();
    source.take(span.size).read_to_end(&mut bytes)?;
    Ok(bytes)
}
