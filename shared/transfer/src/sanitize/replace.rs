//! Texts into look-alikes.

use super::characters::{NONZERO, Piece, VARIANT_DIGIT, VARIANT_LETTER};
use super::lexer::{Token, TokenKind, is_variant, is_version, tokens, word_kind};
use super::permutation::{Permutation, Place};

/// Replaces texts: equal ones by equal ones, different ones by different ones, also where case is ignored.
#[derive(Debug, Clone)]
pub(crate) struct Replacer {
    permutation: Permutation,
}

impl Replacer {
    pub(crate) fn new(permutation: Permutation) -> Self {
        Self { permutation }
    }

    /// What a text becomes: as long, with the same classes of characters in the same places, and with what was
    /// well-formed in it (addresses, UUIDs, URLs) well-formed still.
    pub(crate) fn replace(&self, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        self.replaced(&characters).into_iter().collect()
    }

    /// See [`Replacer::replace`].
    pub(crate) fn replaced(&self, text: &[char]) -> Vec<char> {
        let layout = tokens(text);
        let mut current = text.to_vec();
        // Words that happen to become parts of a UUID, say, would meet what a UUID becomes. Going on until the text
        // has the layout again keeps the whole a permutation; it comes back to the text itself if all else fails.
        loop {
            current = self.step(&layout, &current);
            if tokens(&current) == layout {
                return current;
            }
        }
    }

    fn step(&self, layout: &[Token], text: &[char]) -> Vec<char> {
        let mut replaced = Vec::with_capacity(text.len());
        let mut done = 0;
        for token in layout {
            replaced.extend(text.get(done..token.at.start).unwrap_or_default());
            self.advance(token.kind, text.get(token.at.clone()).unwrap_or_default(), &mut replaced);
            done = token.at.end;
        }
        replaced.extend(text.get(done..).unwrap_or_default());
        replaced
    }

    fn advance(&self, kind: TokenKind, token: &[char], out: &mut Vec<char>) {
        let mut current = token.to_vec();
        loop {
            current = self.permuted(pieces(kind, &current));
            if is_still(kind, &current) {
                out.append(&mut current);
                return;
            }
        }
    }

    fn permuted(&self, mut pieces: Vec<Piece>) -> Vec<char> {
        let mut shape = Vec::new();
        let mut places: Vec<Place> = Vec::new();
        for piece in &pieces {
            if let Piece::Varied { alphabet, place, .. } = piece {
                shape.extend(alphabet.identity());
                places.push(*place);
            }
        }
        self.permutation.advance(&shape, &mut places);
        let mut places = places.into_iter();
        let mut text = Vec::with_capacity(pieces.len());
        for piece in &mut pieces {
            if let Piece::Varied { place, .. } = piece {
                *place = places.next().unwrap_or(*place);
            }
            piece.write(&mut text);
        }
        text
    }
}

/// Whether what a token became is of its kind: a word can become a number, which only numbers may.
fn is_still(kind: TokenKind, token: &[char]) -> bool {
    match kind {
        TokenKind::Word | TokenKind::Hex => word_kind(token) == kind,
        TokenKind::Uuid { .. } => {
            let digits: Vec<char> = token.iter().copied().filter(|character| *character != '-').collect();
            word_kind(&digits) == kind
        }
        TokenKind::Ipv4 | TokenKind::Ipv6 | TokenKind::Kept => true,
    }
}

/// What varies in a token, and how.
fn pieces(kind: TokenKind, token: &[char]) -> Vec<Piece> {
    match kind {
        TokenKind::Word => token.iter().map(|character| Piece::of(*character)).collect(),
        TokenKind::Hex => token.iter().map(|character| Piece::hex(*character)).collect(),
        TokenKind::Kept => token.iter().map(|character| Piece::Fixed(*character)).collect(),
        TokenKind::Uuid { versioned } => uuid(token, versioned),
        TokenKind::Ipv4 => ipv4(token),
        TokenKind::Ipv6 => ipv6(token),
    }
}

fn uuid(token: &[char], versioned: bool) -> Vec<Piece> {
    let mut digits = 0;
    let piece = |character: &char| {
        let digit = digits;
        digits += usize::from(*character != '-');
        match character {
            '-' => Piece::Fixed('-'),
            version if versioned && is_version(digit) => Piece::Fixed(*version),
            variant if versioned && is_variant(digit) => {
                let alphabet = if variant.is_ascii_digit() { VARIANT_DIGIT } else { VARIANT_LETTER };
                Piece::within(alphabet, *variant)
            }
            digit => Piece::hex(*digit),
        }
    };
    token.iter().map(piece).collect()
}

fn ipv4(token: &[char]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (position, octet) in token.split(|character| *character == '.').enumerate() {
        if position > 0 {
            pieces.push(Piece::Fixed('.'));
        }
        let text: String = octet.iter().collect();
        match text.parse() {
            Ok(value) => pieces.push(Piece::octet(value)),
            Err(_) => pieces.extend(octet.iter().map(|character| Piece::Fixed(*character))),
        }
    }
    pieces
}

/// Groups keep their leading zeros or the lack of them, so that addresses that differ as texts differ as addresses.
fn ipv6(token: &[char]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (position, group) in token.split(|character| *character == ':').enumerate() {
        if position > 0 {
            pieces.push(Piece::Fixed(':'));
        }
        if group.contains(&'.') {
            pieces.extend(ipv4(group));
            continue;
        }
        let mut is_leading = true;
        for character in group {
            pieces.push(match character {
                '0' if is_leading => Piece::Fixed('0'),
                digit if is_leading && digit.is_ascii_digit() => Piece::within(NONZERO, *digit),
                digit => Piece::hex(*digit),
            });
            is_leading &= *character == '0';
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
