//! How numbers and strangers' names are written.

use transfer::import::NAME_CHARS_MAX;

/// A number with its thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (left, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if left > 0 && left % 3 == 0 {
            text.push(',');
        }
    }
    text
}

/// A number of things.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(number)) }
}

/// Text from a file, of limited length and with a mark in place of whatever would steer the display.
pub(crate) fn visible(text: &str) -> String {
    let mut chars = text.chars().map(|char| if steers(char) { '\u{fffd}' } else { char });
    let mut shown: String = chars.by_ref().take(NAME_CHARS_MAX + 1).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a character steers the display instead of showing: control characters, marks of direction, separators of
/// lines and paragraphs, and those that take no room.
fn steers(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(char, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_000, "1,000")]
    #[case(123_456, "123,456")]
    #[case(1_234_567, "1,234,567")]
    fn thousands_are_set_apart(#[case] number: u64, #[case] text: &str) {
        assert_eq!(grouped(number), text);
    }

    #[rstest]
    #[case("ada", "ada")]
    #[case("a\u{1b}[2Jb\nc", "a\u{fffd}[2Jb\u{fffd}c")]
    #[case("a\u{202e}b\u{2066}c\u{feff}", "a\u{fffd}b\u{fffd}c\u{fffd}")]
    fn what_steers_the_display_is_marked(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(visible(text), shown);
    }

    #[test]
    fn a_name_as_the_engine_cuts_it_is_shown_as_it_is() {
        let kept = format!("{}…", "x".repeat(NAME_CHARS_MAX));
        assert_eq!(visible(&kept), kept);
        assert_eq!(visible(&"x".repeat(1_000)).chars().count(), NAME_CHARS_MAX + 2);
    }
}
