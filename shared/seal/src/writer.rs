//! Writing a sealed export.

use std::{
    fmt,
    io::{self, Read, Write},
};

use aws_lc_rs::{
    cipher::{EncryptingKey, EncryptionContext},
    hmac,
};
use base64::{Engine, engine::general_purpose::URL_SAFE};

use crate::{
    DataKey, Member, PublicKey, SealError, tarball,
    token::{BLOCK, CHUNK_BYTES, HEAD_BYTES, SIGNATURE_BYTES, VERSION, token_len},
};

/// Everything that goes into a sealed export beside the export itself.
#[derive(Debug)]
pub struct SealOptions<'a> {
    /// The key of the receiver.
    pub public_key: &'a PublicKey,
    /// A fresh data key.
    pub data_key: &'a DataKey,
    /// 16 fresh random bytes.
    pub iv: [u8; 16],
    /// When the export is made, in seconds since 1970. Anyone can read it in the token.
    pub created_at: u64,
    /// The export's exact length in bytes: it stands in the tarball before the content does.
    pub plaintext_len: u64,
}

/// Seals all of `plaintext` into `out`, and returns `out`, flushed.
///
/// # Errors
/// [`SealError::WrongLength`] when the plaintext is shorter or longer than announced; otherwise as
/// [`SealWriter::new`].
pub fn seal<W: Write>(mut plaintext: impl Read, out: W, options: &SealOptions<'_>) -> Result<W, SealError> {
    let mut writer = SealWriter::new(out, options)?;
    io::copy(&mut plaintext, &mut writer)?;
    writer.finish()
}

/// How many bytes the whole tarball has, for stores that want to know before the upload.
///
/// # Errors
/// [`SealError::TooLarge`] when no store could hold it.
pub fn sealed_len(plaintext_len: u64, public_key: &PublicKey) -> Result<u64, SealError> {
    let members = [public_key.to_pem().len() as u64, public_key.wrapped_len()?, token_len(plaintext_len)?];
    Ok(members.into_iter().map(tarball::member_len).sum::<u64>() + tarball::END_MARK_LEN)
}

/// Seals what is written to it. It keeps a fixed 112 KiB.
///
/// Without [`SealWriter::finish`], or after any error, what was written is no sealed export.
pub struct SealWriter<W> {
    out: W,
    cipher: EncryptingKey,
    signer: hmac::Context,
    /// The ciphertext block before the next one.
    previous: [u8; BLOCK],
    /// The token's next bytes: the IV, if it is not written yet, and plaintext.
    chunk: Vec<u8>,
    /// How many bytes of the chunk are the IV.
    iv_len: usize,
    chars: String,
    declared: u64,
    written: u64,
    token_len: u64,
}

impl<W: Write> SealWriter<W> {
    /// Writes the key files and begins the export. (The seed of RSA-OAEP is drawn by the cryptographic
    /// library itself; so `data.key` differs each time, and nothing else does.)
    ///
    /// # Errors
    /// [`SealError::TooLarge`] when no store could hold that many bytes, [`SealError::Io`] when writing
    /// fails.
    pub fn new(mut out: W, options: &SealOptions<'_>) -> Result<Self, SealError> {
        let SealOptions { public_key, data_key, iv, created_at, plaintext_len } = *options;
        let token_len = token_len(plaintext_len)?;
        // The key files come first, so that a reader that cannot seek has the key before it needs it.
        write_member(&mut out, Member::PublicKey, public_key.to_pem().as_bytes())?;
        write_member(&mut out, Member::DataKey, &public_key.wrap(data_key)?)?;
        tarball::write_header(&mut out, Member::Export, token_len)?;

        let head = token_head(created_at);
        let mut signer = data_key.signer();
        signer.update(&head);
        signer.update(&iv);
        out.write_all(URL_SAFE.encode(head).as_bytes())?;

        // With the IV at its front, the first chunk too ends between two groups.
        let mut chunk = Vec::with_capacity(CHUNK_BYTES + SIGNATURE_BYTES);
        chunk.extend_from_slice(&iv);
        Ok(Self {
            out,
            cipher: data_key.encrypting_key()?,
            signer,
            previous: iv,
            iv_len: chunk.len(),
            chunk,
            chars: String::new(),
            declared: plaintext_len,
            written: 0,
            token_len,
        })
    }

    /// Writes padding and signature, ends the tarball, and returns the flushed target.
    ///
    /// # Errors
    /// [`SealError::WrongLength`] when fewer bytes came than were announced, [`SealError::Io`] when writing
    /// fails.
    pub fn finish(mut self) -> Result<W, SealError> {
        if self.written != self.declared {
            return Err(SealError::WrongLength { declared: self.declared, actual: self.written });
        }
        // PKCS#7: one to sixteen bytes, each saying how many.
        let padding = BLOCK - self.chunk.len() % BLOCK;
        self.chunk.resize(self.chunk.len() + padding, padding as u8);
        self.encrypt_chunk()?;
        let signature = self.signer.clone().sign();
        self.chunk.extend_from_slice(signature.as_ref());
        self.write_chunk()?;
        tarball::write_padding(&mut self.out, self.token_len)?;
        tarball::write_end(&mut self.out)?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// Encrypts and signs the chunk, which has whole blocks.
    fn encrypt_chunk(&mut self) -> Result<(), SealError> {
        let blocks = self.chunk.get_mut(self.iv_len..).unwrap_or_default();
        self.cipher.less_safe_encrypt(blocks, EncryptionContext::Iv128(self.previous.into()))?;
        self.signer.update(blocks);
        if let Some(last) = blocks.last_chunk() {
            self.previous = *last;
        }
        Ok(())
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        self.chars.clear();
        URL_SAFE.encode_string(&self.chunk, &mut self.chars);
        self.chunk.clear();
        self.iv_len = 0;
        self.out.write_all(self.chars.as_bytes())
    }
}

impl<W: Write> Write for SealWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let actual = self.written + buffer.len() as u64;
        if actual > self.declared {
            return Err(SealError::WrongLength { declared: self.declared, actual }.into());
        }
        let space = CHUNK_BYTES - self.chunk.len();
        let taken = buffer.get(..space).unwrap_or(buffer);
        self.chunk.extend_from_slice(taken);
        if self.chunk.len() == CHUNK_BYTES {
            self.encrypt_chunk()?;
            self.write_chunk()?;
        }
        self.written += taken.len() as u64;
        Ok(taken.len())
    }

    /// Flushes the target. What does not fill a chunk yet stays back until [`SealWriter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W> fmt::Debug for SealWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealWriter")
            .field("declared", &self.declared)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

fn token_head(created_at: u64) -> [u8; HEAD_BYTES] {
    let mut head = [VERSION; HEAD_BYTES];
    if let Some(time) = head.last_chunk_mut() {
        *time = created_at.to_be_bytes();
    }
    head
}

fn write_member(out: &mut impl Write, member: Member, content: &[u8]) -> io::Result<()> {
    let size = content.len() as u64;
    tarball::write_header(out, member, size)?;
    out.write_all(content)?;
    tarball::write_padding(out, size)
}
