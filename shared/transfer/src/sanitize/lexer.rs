//! What a text consists of: words, and what has a form of its own that must stay well-formed.
//!
//! The text between tokens stays, so that e-mail addresses, URLs, names and slugs keep their form of themselves, and
//! whatever has a word in common with them stays consistent: `Ann Lee`, `ann-lee` and `ann.lee@ann-lee.example`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A part of a text, in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: Range<usize>,
}

/// What forms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Letters and digits.
    Word,
    /// Many hexadecimal digits.
    Hex,
    /// 32 hexadecimal digits, with the dashes of a UUID or without; `versioned` if version and variant are those of
    /// RFC 9562.
    Uuid { versioned: bool },
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// The scheme or the port of a URL, or an escaped byte of it: it stays.
    Kept,
}

/// From how many digits on a word of hexadecimal digits is a number: no English word is as long.
const HEX_MIN: usize = 16;
const UUID_DIGITS: usize = 32;
/// Where the dashes of a UUID are.
const UUID_DASHES: [usize; 4] = [8, 13, 18, 23];
const UUID_LENGTH: usize = 36;
const VERSION: usize = 12;
const VARIANT: usize = 16;

/// The tokens of a text, in order.
pub(crate) fn tokens(text: &[char]) -> Vec<Token> {
    let mut lexer = Lexer { text, at: 0, url: Url::Outside };
    let mut tokens = Vec::new();
    while lexer.at < text.len() {
        match lexer.token() {
            Some(token) => {
                lexer.at = token.at.end;
                tokens.push(token);
            }
            None => lexer.pass(),
        }
    }
    tokens
}

/// What a word is, on its own.
pub(crate) fn word_kind(word: &[char]) -> TokenKind {
    let is_hex = word.iter().all(char::is_ascii_hexdigit);
    match word.len() {
        UUID_DIGITS if is_hex => TokenKind::Uuid { versioned: is_versioned(word) },
        HEX_MIN.. if is_hex => TokenKind::Hex,
        _ => TokenKind::Word,
    }
}

/// Where version and variant stand among the digits of a UUID.
pub(crate) fn is_version(digit: usize) -> bool {
    digit == VERSION
}

/// See [`is_version`].
pub(crate) fn is_variant(digit: usize) -> bool {
    digit == VARIANT
}

fn is_versioned(digits: &[char]) -> bool {
    matches!(digits.get(VERSION), Some('1'..='8'))
        && matches!(digits.get(VARIANT), Some('8' | '9' | 'a' | 'b' | 'A' | 'B'))
}

struct Lexer<'t> {
    text: &'t [char],
    at: usize,
    url: Url,
}

/// Where in a URL the lexer is.
#[derive(PartialEq)]
enum Url {
    Outside,
    /// Behind `://`, up to the path.
    Authority,
    /// Behind that, up to a blank.
    Path,
}

impl Lexer<'_> {
    /// The token that begins here.
    fn token(&mut self) -> Option<Token> {
        let kinds = [Self::ipv6, Self::uuid, Self::ipv4, Self::escape, Self::word];
        kinds
            .iter()
            .find_map(|kind| kind(self))
            .map(|(kind, length)| Token { kind, at: self.at..self.at + length })
    }

    /// Goes past a character that belongs to no token.
    fn pass(&mut self) {
        match self.peek(0) {
            Some(character) if character.is_whitespace() => self.url = Url::Outside,
            Some('/' | '?' | '#') if self.url == Url::Authority && !self.is_behind_scheme() => {
                self.url = Url::Path
            }
            _ => {}
        }
        self.at += 1;
    }

    /// Whether this slash is one of the two behind a scheme.
    fn is_behind_scheme(&self) -> bool {
        self.peek(0) == Some('/') && matches!(self.behind(1), Some(':' | '/')) && self.behind(2) != Some('/')
    }

    fn peek(&self, distance: usize) -> Option<char> {
        self.text.get(self.at + distance).copied()
    }

    fn behind(&self, distance: usize) -> Option<char> {
        self.text.get(self.at.checked_sub(distance)?).copied()
    }

    fn rest(&self) -> &[char] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// How many characters from here on are of a kind.
    fn run(&self, is_of_it: impl Fn(char) -> bool) -> usize {
        self.rest().iter().take_while(|character| is_of_it(**character)).count()
    }

    fn begins_word(&self) -> bool {
        !self.behind(1).is_some_and(char::is_alphanumeric)
    }

    fn ends_word(&self, length: usize) -> bool {
        !self.peek(length).is_some_and(char::is_alphanumeric)
    }

    fn ipv6(&mut self) -> Option<(TokenKind, usize)> {
        if !self.begins_word() || self.behind(1) == Some(':') {
            return None;
        }
        let run = self.run(|character| character.is_ascii_hexdigit() || matches!(character, ':' | '.'));
        let address: String = self.rest().iter().take(run).collect();
        let address = address.trim_end_matches('.');
        let is_address = address.contains(':') && address.parse::<Ipv6Addr>().is_ok();
        (is_address && self.ends_word(run)).then_some((TokenKind::Ipv6, address.len()))
    }

    fn uuid(&mut self) -> Option<(TokenKind, usize)> {
        let text = self.rest().get(..UUID_LENGTH)?;
        let is_formed = text.iter().enumerate().all(|(position, character)| {
            if UUID_DASHES.contains(&position) { *character == '-' } else { character.is_ascii_hexdigit() }
        });
        let digits: Vec<char> = text.iter().copied().filter(char::is_ascii_hexdigit).collect();
        let kind = TokenKind::Uuid { versioned: is_versioned(&digits) };
        (is_formed && self.begins_word() && self.ends_word(UUID_LENGTH)).then_some((kind, UUID_LENGTH))
    }

    fn ipv4(&mut self) -> Option<(TokenKind, usize)> {
        if !self.begins_word() || self.behind(1) == Some('.') {
            return None;
        }
        let run = self.run(|character| character.is_ascii_digit() || character == '.');
        let address: String = self.rest().iter().take(run).collect();
        let address = address.trim_end_matches('.');
        let is_address = address.parse::<Ipv4Addr>().is_ok();
        (is_address && self.ends_word(run)).then_some((TokenKind::Ipv4, address.len()))
    }

    /// `%20` in a URL: the two digits, which are the beginning of a word only by looks.
    fn escape(&mut self) -> Option<(TokenKind, usize)> {
        let is_escape = self.url != Url::Outside
            && self.behind(1) == Some('%')
            && [0, 1].iter().all(|digit| self.peek(*digit).is_some_and(|digit| digit.is_ascii_hexdigit()));
        is_escape.then_some((TokenKind::Kept, 2))
    }

    fn word(&mut self) -> Option<(TokenKind, usize)> {
        let length = self.run(char::is_alphanumeric);
        if length == 0 {
            return None;
        }
        if self.is_scheme(length) {
            self.url = Url::Authority;
            return Some((TokenKind::Kept, length));
        }
        if self.is_port(length) {
            return Some((TokenKind::Kept, length));
        }
        Some((word_kind(self.rest().get(..length)?), length))
    }

    fn is_scheme(&self, length: usize) -> bool {
        self.url == Url::Outside
            && self.peek(0).is_some_and(|first| first.is_ascii_alphabetic())
            && self.run(|character| character.is_ascii_alphanumeric()) == length
            && [':', '/', '/']
                .iter()
                .zip(length..)
                .all(|(wanted, distance)| self.peek(distance) == Some(*wanted))
    }

    fn is_port(&self, length: usize) -> bool {
        self.url == Url::Authority
            && self.behind(1) == Some(':')
            && self.run(|character| character.is_ascii_digit()) == length
            && self.peek(length) != Some('@')
    }
}
