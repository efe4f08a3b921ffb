//! The second pass over an export: its plaintext, as a stream.

use std::{
    fmt,
    io::{self, BufRead, Read, Seek},
    ops::Range,
};

use aws_lc_rs::cipher::{DecryptingKey, DecryptionContext};

use crate::{
    DataKey, SealError,
    token::{BLOCK, BlockReader, GROUP_BLOCKS, Token},
};

/// Plaintext bytes of a group.
const GROUP_BYTES: u64 = GROUP_BLOCKS * BLOCK as u64;

/// The plaintext of a verified export, decrypted while it is read.
///
/// It keeps a fixed 112 KiB and needs no `BufReader` around it. A [`SealError`] travels inside its
/// `io::Error`s; `SealError::from` takes it out again. After an error every further read fails: the stream
/// never goes on behind a gap. To try again, open it anew where the last good byte was.
pub struct Plaintext<R> {
    blocks: BlockReader<R>,
    cipher: DecryptingKey,
    /// The ciphertext block before the next chunk; none before the first chunk, which brings its own.
    previous: Option<[u8; BLOCK]>,
    /// How many bytes of the first chunk lie before the byte asked for.
    skip: usize,
    /// How many bytes are still encrypted.
    left: u64,
    /// Which of the blocks' bytes are decrypted and not yet handed out.
    ready: Range<usize>,
}

impl<R: Read + Seek> Plaintext<R> {
    /// Opens `left` bytes from plaintext byte `offset` on; both must lie within the token.
    pub(crate) fn new(
        source: R,
        token: Token,
        key: &DataKey,
        offset: u64,
        left: u64,
    ) -> Result<Self, SealError> {
        // A group begins with the block that is needed to decrypt the one after it: for the very first
        // that is the IV, and so plaintext and groups run in step.
        let group = offset / GROUP_BYTES;
        Ok(Self {
            blocks: token.blocks_from(source, group)?,
            cipher: key.decrypting_key()?,
            previous: None,
            skip: (offset % GROUP_BYTES) as usize,
            left,
            ready: 0..0,
        })
    }
}

impl<R: Read> Plaintext<R> {
    /// Decrypts the next chunk in place.
    fn fill(&mut self) -> Result<(), SealError> {
        let chunk = self.blocks.next_chunk()?;
        let (start, previous, ciphertext) = match self.previous {
            Some(block) => (0, block, chunk),
            None => {
                let (block, rest) = chunk.split_first_chunk_mut().ok_or_else(broken_off)?;
                (BLOCK, *block, rest)
            }
        };
        self.previous = Some(*ciphertext.last_chunk().ok_or_else(broken_off)?);
        let plaintext = self.cipher.decrypt(ciphertext, DecryptionContext::Iv128(previous.into()))?;
        // The signature's blocks at the end were "decrypted" as well; `left` cuts them and the padding off.
        let wanted =
            plaintext.len().saturating_sub(self.skip).min(self.left.try_into().unwrap_or(usize::MAX));
        let start = start + self.skip;
        self.ready = start..start + wanted;
        self.left -= wanted as u64;
        self.skip = 0;
        Ok(())
    }
}

/// The blocks are at an end before the plaintext is: an earlier chunk failed.
fn broken_off() -> SealError {
    SealError::Io(io::Error::other("an earlier read of the export failed"))
}

impl<R: Read> BufRead for Plaintext<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ready.is_empty() && self.left > 0 {
            self.fill()?;
        }
        Ok(self.blocks.bytes(self.ready.clone()))
    }

    fn consume(&mut self, count: usize) {
        self.ready.start = self.ready.end.min(self.ready.start.saturating_add(count));
    }
}

impl<R: Read> Read for Plaintext<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R> fmt::Debug for Plaintext<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plaintext").field("left", &self.left).finish_non_exhaustive()
    }
}
