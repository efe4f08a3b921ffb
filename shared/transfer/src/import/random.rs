//! Values nobody can guess, which a repeated import nevertheless finds again.
//!
//! Every random value is a keyed function of the row and of what it is for (DESIGN §3), so that a run that
//! was killed half-way and one that resumes it agree.

use uuid::{Builder, Uuid};

const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWER_ALNUM: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";

/// Where the random values of one row come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRandom<'a> {
    pub(crate) key: &'a [u8; 32],
    pub(crate) model: &'a str,
    pub(crate) ordinal: u64,
    /// For a row that is made with another one: the model of that one, whose ordinal it has. Empty for rows of
    /// the file.
    pub(crate) maker: &'a str,
}

impl RowRandom<'_> {
    /// The values for one purpose; `attempt` tells repeated attempts apart.
    pub(crate) fn draw(&self, purpose: &str, attempt: u32) -> Draw {
        let mut hasher = blake3::Hasher::new_keyed(self.key);
        // Each text is preceded by its length, so that no two inputs run together to the same bytes.
        for text in [self.model, self.maker, purpose] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.update(&self.ordinal.to_le_bytes());
        hasher.update(&attempt.to_le_bytes());
        Draw { blocks: hasher.finalize_xof(), block: [0; 64], used: 64 }
    }
}

/// An endless stream of random values.
pub(crate) struct Draw {
    blocks: blake3::OutputReader,
    /// The block that is given out: the hash makes 64 bytes at a time, however few are asked for.
    block: [u8; 64],
    used: usize,
}

impl Draw {
    /// So many random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        [(); N].map(|()| self.byte())
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            self.blocks.fill(&mut self.block);
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }

    /// Random letters and digits.
    pub(crate) fn alnum(&mut self, length: usize) -> String {
        self.text(ALNUM, length)
    }

    /// Random lower-case letters and digits.
    pub(crate) fn lower_alnum(&mut self, length: usize) -> String {
        self.text(LOWER_ALNUM, length)
    }

    /// Random lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text(HEX, length)
    }

    /// A random version 4 UUID.
    pub(crate) fn uuid4(&mut self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        // Bytes past the largest multiple of the alphabet's size would favour its first characters.
        let fair = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let byte = usize::from(self.byte());
            if byte < fair
                && let Some(character) = alphabet.get(byte % alphabet.len())
            {
                text.push(char::from(*character));
            }
        }
        text
    }
}
