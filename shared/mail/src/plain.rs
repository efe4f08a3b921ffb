use std::fmt;

/// The most characters that a name or sentence takes up in a mail.
const MAX_LENGTH: usize = 1_000;

/// Text from outside, on one line and of limited length: without line breaks and other control characters, so
/// that it cannot end a header, begin a paragraph of its own, or turn the direction of what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    /// The text, as one line.
    pub fn new(text: &str) -> Self {
        let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || steers(c)).collect();
        let mut line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = line.char_indices().nth(MAX_LENGTH) {
            line.truncate(end);
            line.push('…');
        }
        Self(line)
    }
}

/// Whether a character steers the display instead of showing: control characters, marks of direction,
/// separators of lines and paragraphs.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl From<&str> for Plain {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
