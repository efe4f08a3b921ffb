//! The first pass over an export: is the token genuine?

use std::io::{Read, Seek};

use aws_lc_rs::{cipher::DecryptionContext, constant_time::verify_slices_are_equal};
use base64::{Engine, engine::general_purpose::URL_SAFE};
use serde::{Deserialize, Serialize};

use crate::{
    DataKey, Layout, Plaintext, SealError, Span, TokenFault,
    token::{BLOCK, Ending, Token, VERSION},
};

/// Keeps proofs apart from tokens, which are signed with the same key but begin with [`VERSION`].
const PROOF_CONTEXT: &[u8] = b"verified export\0";

/// The proof that an export's token was verified, without which none of its plaintext can be read.
///
/// It is small and serialisable: a later run that has the same version of the file opens it with
/// [`Verified::open`] and skips the pass. The proof is signed with the data key over the token's place,
/// length and signature, so a proof that was altered, or is of another file or key, is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    token: Span,
    plaintext_len: u64,
    proof: String,
}

impl Verified {
    /// Reads the whole token once, and checks alphabet, version, signature and padding.
    ///
    /// # Errors
    /// [`SealError::BadToken`] says what is wrong with the token; [`SealError::Truncated`] and
    /// [`SealError::Io`] when it cannot be read whole.
    pub fn check(source: &mut (impl Read + Seek), layout: &Layout, key: &DataKey) -> Result<Self, SealError> {
        let token = Token::new(layout.export)?;
        let ending = token.ending(source)?;
        check_signature(source, token, &ending, key)?;
        // Only now: an answer about the padding of an unverified token would tell its plaintext bit by bit.
        let padding = padding_len(&ending, key)?;
        let plaintext_len = token.ciphertext_blocks() * BLOCK as u64 - padding;
        let proof = sign_proof(layout.export, plaintext_len, &ending, key);
        Ok(Self { token: layout.export, plaintext_len, proof })
    }

    /// How many bytes the export has.
    #[must_use]
    pub const fn plaintext_len(&self) -> u64 {
        self.plaintext_len
    }

    /// Opens the export for reading from plaintext byte `offset` on.
    ///
    /// # Errors
    /// [`SealError::NotVerified`] when source, key and proof do not belong together,
    /// [`SealError::OffsetPastEnd`] when there is no such byte (the end itself is fine),
    /// [`SealError::Io`] when reading fails.
    pub fn open<R: Read + Seek>(
        &self,
        mut source: R,
        key: &DataKey,
        offset: u64,
    ) -> Result<Plaintext<R>, SealError> {
        let token = Token::new(self.token).map_err(|_| SealError::NotVerified)?;
        let ending = token.ending(&mut source)?;
        let proof = sign_proof(self.token, self.plaintext_len, &ending, key);
        verify_slices_are_equal(proof.as_bytes(), self.proof.as_bytes())
            .map_err(|_| SealError::NotVerified)?;
        let length = self.plaintext_len;
        let left = length.checked_sub(offset).ok_or(SealError::OffsetPastEnd { offset, length })?;
        Plaintext::new(source, token, key, offset, left)
    }
}

fn check_signature(
    source: &mut (impl Read + Seek),
    token: Token,
    ending: &Ending,
    key: &DataKey,
) -> Result<(), SealError> {
    let head = token.head(source)?;
    let [version, ..] = head;
    if version != VERSION {
        return Err(TokenFault::Version(version).into());
    }
    let mut signer = key.signer();
    signer.update(&head);
    let mut reader = token.blocks_from(source, 0)?;
    let mut left = token.signed_blocks() * BLOCK as u64;
    while left > 0 {
        let chunk = reader.next_chunk()?;
        let signed = chunk.get(..left as usize).unwrap_or(chunk);
        signer.update(signed);
        left -= signed.len() as u64;
    }
    verify_slices_are_equal(signer.sign().as_ref(), &ending.signature)
        .map_err(|_| TokenFault::Signature.into())
}

/// How many bytes of PKCS#7 padding end the plaintext.
fn padding_len(ending: &Ending, key: &DataKey) -> Result<u64, SealError> {
    let mut block = ending.last;
    let iv = DecryptionContext::Iv128(ending.last_but_one.into());
    key.decrypting_key()?.decrypt(&mut block, iv)?;
    let [.., count] = block;
    let padding = BLOCK.checked_sub(count.into()).and_then(|start| block.get(start..));
    match padding {
        Some(bytes) if count > 0 && bytes.iter().all(|byte| *byte == count) => Ok(count.into()),
        _ => Err(TokenFault::Padding.into()),
    }
}

fn sign_proof(token: Span, plaintext_len: u64, ending: &Ending, key: &DataKey) -> String {
    let mut signer = key.signer();
    signer.update(PROOF_CONTEXT);
    for number in [token.offset, token.size, plaintext_len] {
        signer.update(&number.to_be_bytes());
    }
    signer.update(&ending.signature);
    URL_SAFE.encode(signer.sign())
}
