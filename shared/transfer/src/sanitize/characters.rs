//! Characters by class: what may stand in the place of which.

use std::sync::OnceLock;

use super::permutation::Place;

/// What may stand in one place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// So many ASCII characters from this one on.
    Ascii { first: u8, count: u8 },
    /// Characters of one class whose code points differ in the last 8 bits alone, which is about a script.
    Script { page: u32, class: Class },
    /// Numbers in decimal digits: the parts of an IPv4 address that have as many digits.
    Octet { min: u8, max: u8 },
}

pub(crate) const DIGIT: Alphabet = Alphabet::Ascii { first: b'0', count: 10 };
pub(crate) const NONZERO: Alphabet = Alphabet::Ascii { first: b'1', count: 9 };
pub(crate) const LETTER: Alphabet = Alphabet::Ascii { first: b'a', count: 26 };
pub(crate) const HEX_LETTER: Alphabet = Alphabet::Ascii { first: b'a', count: 6 };
/// The digits and the letters that the variant of a UUID (RFC 9562) begins with.
pub(crate) const VARIANT_DIGIT: Alphabet = Alphabet::Ascii { first: b'8', count: 2 };
pub(crate) const VARIANT_LETTER: Alphabet = Alphabet::Ascii { first: b'a', count: 2 };

/// The class of a character beyond ASCII; letters that have two cases are of the class of their lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// It has one upper case, which leads back to it.
    cased: bool,
    lower: bool,
    upper: bool,
    numeric: bool,
}

/// A piece of a text: what stands there, and what may.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece {
    /// It stays.
    Fixed(char),
    /// It varies; letters keep their case.
    Varied { alphabet: Alphabet, place: Place, upper: bool },
}

impl Piece {
    /// A character that may become any other of its class; others than letters and digits stay.
    pub(crate) fn of(character: char) -> Self {
        if character.is_ascii() {
            return match character {
                '0'..='9' => Self::within(DIGIT, character),
                'a'..='z' | 'A'..='Z' => Self::within(LETTER, character),
                _ => Self::Fixed(character),
            };
        }
        match class(character) {
            Some((folded, class, upper)) => {
                let page = u32::from(folded) >> 8;
                let members = members(page, class);
                let value = members.iter().position(|member| *member == folded);
                let place = Place { value: size(value.unwrap_or(0)), radix: size(members.len()) };
                Self::Varied { alphabet: Alphabet::Script { page, class }, place, upper }
            }
            None => Self::Fixed(character),
        }
    }

    /// A hexadecimal digit that stays one.
    pub(crate) fn hex(character: char) -> Self {
        let alphabet = if character.is_ascii_digit() { DIGIT } else { HEX_LETTER };
        Self::within(alphabet, character)
    }

    /// An ASCII character of an alphabet; one that is none of it stays.
    pub(crate) fn within(alphabet: Alphabet, character: char) -> Self {
        let folded = u8::try_from(character.to_ascii_lowercase()).unwrap_or(0);
        match alphabet {
            Alphabet::Ascii { first, count } if (first..first + count).contains(&folded) => Self::Varied {
                alphabet,
                place: Place { value: u32::from(folded - first), radix: u32::from(count) },
                upper: character.is_ascii_uppercase(),
            },
            _ => Self::Fixed(character),
        }
    }

    /// A part of an IPv4 address, of which there are three lengths.
    pub(crate) fn octet(value: u8) -> Self {
        let (min, max) = match value {
            0..=9 => (0, 9),
            10..=99 => (10, 99),
            100..=255 => (100, 255),
        };
        let radix = u32::from(max - min) + 1;
        let place = Place { value: u32::from(value - min), radix };
        Self::Varied { alphabet: Alphabet::Octet { min, max }, place, upper: false }
    }

    /// Writes what stands there.
    pub(crate) fn write(&self, out: &mut Vec<char>) {
        match *self {
            Self::Fixed(character) => out.push(character),
            Self::Varied { alphabet: Alphabet::Octet { min, .. }, place, .. } => {
                out.extend((u32::from(min) + place.value).to_string().chars());
            }
            Self::Varied { alphabet: Alphabet::Ascii { first, .. }, place, upper } => {
                let character = char::from(first.saturating_add(u8::try_from(place.value).unwrap_or(0)));
                out.push(if upper { character.to_ascii_uppercase() } else { character });
            }
            Self::Varied { alphabet: Alphabet::Script { page, class }, place, upper } => {
                let position = usize::try_from(place.value).unwrap_or(0);
                match members(page, class).get(position) {
                    Some(character) if upper => out.extend(character.to_uppercase()),
                    character => out.extend(character),
                }
            }
        }
    }
}

impl Alphabet {
    /// Tells alphabets apart, as bytes.
    pub(crate) fn identity(self) -> [u8; 5] {
        match self {
            Self::Ascii { first, count } => [0, first, count, 0, 0],
            Self::Octet { min, max } => [1, min, max, 0, 0],
            Self::Script { page, class } => {
                let [low, high, ..] = page.to_le_bytes();
                let flags = [class.cased, class.lower, class.upper, class.numeric];
                [2, low, high, flags.iter().fold(0, |bits, flag| bits << 1 | u8::from(*flag)), 0]
            }
        }
    }
}

/// Pages of 256 code points.
const PAGES: usize = 0x11_0000 >> 8;

/// The characters of a page by class.
type Page = Vec<(Class, Vec<char>)>;

/// The characters of one class on one page.
fn members(number: u32, class: Class) -> &'static [char] {
    // What Unicode says, looked up page by page once.
    static TABLE: [OnceLock<Page>; PAGES] = [const { OnceLock::new() }; PAGES];
    let page = usize::try_from(number).ok().and_then(|number| TABLE.get(number));
    let page = page.map(|page| page.get_or_init(|| read_page(number)));
    let members = page.and_then(|page| page.iter().find(|(of, _)| *of == class));
    members.map(|(_, members)| members.as_slice()).unwrap_or_default()
}

fn read_page(number: u32) -> Page {
    let mut page = Page::new();
    let characters = (number << 8..(number + 1) << 8).filter_map(char::from_u32);
    for character in characters.filter(|character| !character.is_ascii()) {
        let Some((folded, class, false)) = class(character) else { continue };
        match page.iter_mut().find(|(of, _)| *of == class) {
            Some((_, members)) => members.push(folded),
            None => page.push((class, vec![folded])),
        }
    }
    page
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The class of a letter or number beyond ASCII, with the letter in lower case and whether it was in upper case.
fn class(character: char) -> Option<(char, Class, bool)> {
    if !character.is_alphanumeric() {
        return None;
    }
    let (folded, cased) = match lower_case(character) {
        Some(lower) => (lower, true),
        None => (character, false),
    };
    let class = Class {
        cased,
        lower: folded.is_lowercase(),
        upper: folded.is_uppercase(),
        numeric: folded.is_numeric(),
    };
    Some((folded, class, folded != character))
}

/// The lower case of a letter that has two cases, each of which leads to the other.
fn lower_case(character: char) -> Option<char> {
    let lower = single(character.to_lowercase())?;
    let upper = single(lower.to_uppercase())?;
    let back = single(upper.to_lowercase())?;
    (lower != upper && back == lower && (character == lower || character == upper) && !lower.is_ascii())
        .then_some(lower)
}

fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next();
    if characters.next().is_some() { None } else { first }
}
