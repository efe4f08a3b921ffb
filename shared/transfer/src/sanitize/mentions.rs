//! Names and addresses within texts that otherwise stay, such as searches.

use std::collections::HashSet;

use super::lexer::{Token, TokenKind, tokens};
use super::replace::Replacer;

/// The most words of a name that is found within other texts.
const NAME_WORDS_MAX: usize = 8;

/// The shortest name, in characters, that is found within other texts: shorter ones are words of every text.
const NAME_LENGTH_MIN: usize = 3;

/// The names of an export: what tells one from another, so that long ones cost no more memory than short ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    digests: HashSet<[u8; 16]>,
}

impl Names {
    /// Remembers a name, without what stands around its words.
    pub(crate) fn insert(&mut self, name: &str) {
        let name: Vec<char> = name.chars().collect();
        let words = tokens(&name);
        if let (Some(first), Some(last)) = (words.first(), words.last())
            && words.len() <= NAME_WORDS_MAX
            && last.at.end - first.at.start >= NAME_LENGTH_MIN
        {
            self.digests.insert(digest(name.get(first.at.start..last.at.end).unwrap_or_default()));
        }
    }

    fn contain(&self, text: &[char]) -> bool {
        self.digests.contains(&digest(text))
    }
}

fn digest(name: &[char]) -> [u8; 16] {
    let name: String = name.iter().collect();
    let mut digest = [0; 16];
    blake3::Hasher::new().update(name.to_lowercase().as_bytes()).finalize_xof().fill(&mut digest);
    digest
}

/// Replaces what a text mentions, and nothing else: names, if there are any to look for, e-mail and IP addresses,
/// UUIDs and long numbers.
pub(crate) fn replace(replacer: &Replacer, names: Option<&Names>, text: &str) -> String {
    let text: Vec<char> = text.chars().collect();
    let tokens = tokens(&text);
    let mut replaced = String::with_capacity(text.len());
    let (mut done, mut rest) = (0, tokens.as_slice());
    while let Some(first) = rest.first() {
        let count = mentioned(names, &text, rest);
        let last = rest.get(count.saturating_sub(1)).unwrap_or(first);
        let mention = text.get(first.at.start..last.at.end).unwrap_or_default();
        replaced.extend(text.get(done..first.at.start).unwrap_or_default());
        match count {
            0 => replaced.extend(mention),
            _ => replaced.extend(replacer.replaced(mention)),
        }
        done = last.at.end;
        rest = rest.get(count.max(1)..).unwrap_or_default();
    }
    replaced.extend(text.get(done..).unwrap_or_default());
    replaced
}

/// How many tokens from the first on are a mention, at most.
fn mentioned(names: Option<&Names>, text: &[char], tokens: &[Token]) -> usize {
    let span = |first: &Token, last: &Token| text.get(first.at.start..last.at.end).unwrap_or_default();
    let Some(first) = tokens.first() else { return 0 };
    let address = address(text, tokens);
    let longest = tokens.iter().take(NAME_WORDS_MAX).zip(1..);
    let name = longest.filter(|(last, count)| {
        *count > address && names.is_some_and(|names| names.contain(span(first, last)))
    });
    let name = name.map(|(_, count)| count).last().unwrap_or(0);
    let is_number = !matches!(first.kind, TokenKind::Word | TokenKind::Kept);
    name.max(address).max(usize::from(is_number))
}

/// How many tokens from the first on are an e-mail address.
fn address(text: &[char], tokens: &[Token]) -> usize {
    let between = |pair: &[Token]| match pair {
        [one, other] => text.get(one.at.end..other.at.start).unwrap_or_default(),
        _ => &[],
    };
    let joined = |joints: &[char]| matches!(joints, ['.' | '_' | '-' | '+' | '@']);
    let joints: Vec<&[char]> = tokens.windows(2).map(between).take_while(|joints| joined(joints)).collect();
    if joints.contains(&&['@'][..]) { joints.len() + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::permutation::Permutation;
    use super::*;

    #[test]
    fn what_is_mentioned_becomes_what_it_becomes_elsewhere() {
        let replacer = Replacer::new(Permutation::new(&[5; 32]));
        let mut names = Names::default();
        for name in ["ada", "[Ann Lee]", "acme-web", "is", "", "one two three four five six seven eight nine"]
        {
            names.insert(name);
        }
        let new = |text: &str| replacer.replace(text);
        for (text, mentions) in [
            ("is:unresolved assigned:ada", vec!["ada"]),
            ("ADA or ann lee, not ann", vec!["ADA", "ann lee"]),
            ("project:acme-web adam", vec!["acme-web"]),
            ("*.rb joe.doe+x@some-where.example #team", vec!["joe.doe+x@some-where.example"]),
            ("from 10.1.2.3 and fe80::1", vec!["10.1.2.3", "fe80::1"]),
            (
                "{\"id\": \"7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37\"}",
                vec!["7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37"],
            ),
            ("rev 87a06b29a69748cc8b166d123a0fe88f", vec!["87a06b29a69748cc8b166d123a0fe88f"]),
            ("one two three four five six seven eight nine", vec![]),
            ("a @ b, c@, @d", vec![]),
            ("", vec![]),
        ] {
            let expected =
                mentions.iter().fold(text.to_owned(), |text, mention| text.replace(mention, &new(mention)));
            assert_eq!(replace(&replacer, Some(&names), text), expected, "{text}");
        }
        assert_eq!(replace(&replacer, None, "assigned:ada"), "assigned:ada");
    }
}
