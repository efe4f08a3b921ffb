//! The shape of a Fernet token, and how to read it as a stream.
//!
//! A token is base64 over version (1 byte), time (8), IV (16), ciphertext (16 a block) and signature (32).
//! Version and time together are nine bytes and hence exactly twelve characters; all that follows is blocks
//! of 16 bytes, of which three make 64 characters. So a token is a *head* of twelve characters and *groups*
//! of 64, and whoever reads whole groups never meets half a block. The last group has one, two or three
//! blocks, and base64 pads it to 24, 44 or 64 characters.
//!
//! Blocks are counted from the IV, which is block 0. To decrypt block n one needs block n − 1, whichever n.

use std::{
    io::{Read, Seek, SeekFrom},
    mem,
    ops::Range,
};

use base64::{DecodeError, DecodeSliceError, Engine, engine::general_purpose::URL_SAFE};

use crate::{SealError, Span, TokenFault};

/// The only version there is.
pub(crate) const VERSION: u8 = 0x80;
/// Bytes and characters of the head.
pub(crate) const HEAD_BYTES: usize = 9;
const HEAD_CHARS: u64 = 12;
/// Bytes of a block.
pub(crate) const BLOCK: usize = 16;
/// Blocks and characters of a group.
pub(crate) const GROUP_BLOCKS: u64 = 3;
const GROUP_CHARS: u64 = 64;
/// Bytes and blocks of the signature.
pub(crate) const SIGNATURE_BYTES: usize = 32;
const SIGNATURE_BLOCKS: u64 = 2;
/// Blocks of the shortest token: IV, one block of padding, signature.
const MIN_BLOCKS: u64 = 4;
/// More than any store holds, and far from where sums overflow.
const MAX_PLAINTEXT: u64 = 1 << 60;
/// How many groups are read or written at once: 64 KiB of characters, 48 KiB of bytes.
const CHUNK_GROUPS: u64 = 1024;
const CHUNK_CHARS: usize = (CHUNK_GROUPS * GROUP_CHARS) as usize;
pub(crate) const CHUNK_BYTES: usize = (CHUNK_GROUPS * GROUP_BLOCKS) as usize * BLOCK;

/// The last two blocks of IV and ciphertext, and the signature.
pub(crate) struct Ending {
    pub(crate) last_but_one: [u8; BLOCK],
    pub(crate) last: [u8; BLOCK],
    pub(crate) signature: [u8; SIGNATURE_BYTES],
}

/// Where a token lies, and how many blocks it has. Only of a length that a token can have.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    span: Span,
    blocks: u64,
}

impl Token {
    pub(crate) fn new(span: Span) -> Result<Self, SealError> {
        let fault = TokenFault::Length(span.size);
        let chars = span.size.checked_sub(HEAD_CHARS).ok_or(fault)?;
        let rest = match chars % GROUP_CHARS {
            0 => 0,
            24 => 1,
            44 => 2,
            _ => return Err(fault.into()),
        };
        let blocks = chars / GROUP_CHARS * GROUP_BLOCKS + rest;
        if blocks < MIN_BLOCKS || span.offset.checked_add(span.size).is_none() {
            return Err(fault.into());
        }
        Ok(Self { span, blocks })
    }

    /// The blocks of IV and ciphertext: all that is signed, but for the head.
    pub(crate) const fn signed_blocks(self) -> u64 {
        self.blocks - SIGNATURE_BLOCKS
    }

    /// The blocks of ciphertext.
    pub(crate) const fn ciphertext_blocks(self) -> u64 {
        self.signed_blocks() - 1
    }

    /// Version and time.
    pub(crate) fn head(self, source: &mut (impl Read + Seek)) -> Result<[u8; HEAD_BYTES], SealError> {
        source.seek(SeekFrom::Start(self.span.offset))?;
        let mut chars = [0; HEAD_CHARS as usize];
        read_exact(source, &mut chars, self.span)?;
        let mut head = [0; HEAD_BYTES];
        decode(&chars, &mut head, 0)?;
        Ok(head)
    }

    /// The last four blocks, wherever the groups divide them.
    pub(crate) fn ending(self, source: &mut (impl Read + Seek)) -> Result<Ending, SealError> {
        let first = self.blocks - MIN_BLOCKS;
        let mut reader = self.blocks_from(source, first / GROUP_BLOCKS)?;
        let blocks = reader.next_chunk()?;
        let fault = TokenFault::Length(self.span.size);
        let (rest, signature) = blocks.split_last_chunk::<SIGNATURE_BYTES>().ok_or(fault)?;
        let (rest, last) = rest.split_last_chunk::<BLOCK>().ok_or(fault)?;
        let last_but_one = rest.last_chunk::<BLOCK>().ok_or(fault)?;
        Ok(Ending { last_but_one: *last_but_one, last: *last, signature: *signature })
    }

    /// Reads all blocks from a group's first one on.
    pub(crate) fn blocks_from<R: Read + Seek>(
        self,
        mut source: R,
        group: u64,
    ) -> Result<BlockReader<R>, SealError> {
        let position = HEAD_CHARS + group * GROUP_CHARS;
        source.seek(SeekFrom::Start(self.span.offset + position))?;
        Ok(BlockReader {
            source,
            span: self.span,
            position,
            blocks_left: self.blocks - group * GROUP_BLOCKS,
            chars: vec![0; CHUNK_CHARS],
            bytes: vec![0; CHUNK_BYTES],
        })
    }
}

/// Reads and decodes a token's blocks, some thousand at a time.
pub(crate) struct BlockReader<R> {
    source: R,
    span: Span,
    /// The next character, counted from the token's beginning.
    position: u64,
    blocks_left: u64,
    chars: Vec<u8>,
    bytes: Vec<u8>,
}

impl<R: Read> BlockReader<R> {
    /// The next blocks; none at the end. Nor are there any more after a failure, for the place in the
    /// source is unknown then.
    pub(crate) fn next_chunk(&mut self) -> Result<&mut [u8], SealError> {
        let left = mem::take(&mut self.blocks_left);
        let blocks = left.min(CHUNK_GROUPS * GROUP_BLOCKS);
        let byte_count = blocks as usize * BLOCK;
        let char_count = byte_count.div_ceil(3) * 4;
        let chars = self.chars.get_mut(..char_count).unwrap_or_default();
        let bytes = self.bytes.get_mut(..byte_count).unwrap_or_default();
        read_exact(&mut self.source, chars, self.span)?;
        decode(chars, bytes, self.position)?;
        self.position += char_count as u64;
        self.blocks_left = left - blocks;
        Ok(bytes)
    }

    /// Some bytes of the last chunk.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }
}

/// Reads characters of the token. That they are there was seen when the layout was read; if they are not,
/// the file was changed, or is another one.
fn read_exact(source: &mut impl Read, chars: &mut [u8], span: Span) -> Result<(), SealError> {
    source.read_exact(chars).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => SealError::Truncated { expected: span.offset + span.size },
        _ => error.into(),
    })
}

/// Decodes `chars`, which begin at character `position` of the token, and must fill `bytes`.
fn decode(chars: &[u8], bytes: &mut [u8], position: u64) -> Result<(), SealError> {
    let offset = match URL_SAFE.decode_slice(chars, bytes) {
        Ok(count) if count == bytes.len() => return Ok(()),
        Err(DecodeSliceError::DecodeError(
            DecodeError::InvalidByte(offset, _) | DecodeError::InvalidLastSymbol { offset, .. },
        )) => offset,
        // Padding where the token goes on, or none where it ends: the last character is at fault.
        _ => chars.len().saturating_sub(1),
    };
    Err(TokenFault::NotBase64(position + offset as u64).into())
}

/// How many characters the token of a plaintext of so many bytes has.
pub(crate) fn token_len(plaintext_len: u64) -> Result<u64, SealError> {
    if plaintext_len > MAX_PLAINTEXT {
        let (what, size, limit) = ("the export", plaintext_len, MAX_PLAINTEXT);
        return Err(SealError::TooLarge { what, size, limit });
    }
    // PKCS#7 always adds at least one byte, so a plaintext of whole blocks gets one block more.
    let ciphertext_blocks = plaintext_len / BLOCK as u64 + 1;
    let blocks = 1 + ciphertext_blocks + SIGNATURE_BLOCKS;
    let rest = match blocks % GROUP_BLOCKS {
        0 => 0,
        1 => 24,
        _ => 44,
    };
    Ok(HEAD_CHARS + blocks / GROUP_BLOCKS * GROUP_CHARS + rest)
}
