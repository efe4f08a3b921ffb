//! How much of a value a finding shows (SPEC §9: no secret, e-mail or password ever appears whole).

/// Instead of what is left out.
const GAP: &str = "...";

/// The longest text that is shown, in characters: a reason is for reading.
const TEXT_CHARS_MAX: usize = 200;

/// The first characters of a text, a gap, and the last ones.
fn ends(text: &str, first: usize, last: usize) -> String {
    let length = text.chars().count();
    let head = text.chars().take(first);
    let tail = text.chars().skip(length.saturating_sub(last));
    head.chain(GAP.chars()).chain(tail).collect()
}

/// A hash, token or key.
pub(super) fn hash(text: &str) -> String {
    match text.chars().count() {
        16.. => ends(text, 3, 3),
        8.. => ends(text, 1, 1),
        _ => GAP.to_owned(),
    }
}

/// A password as it is stored: method, rounds, salt and hash.
pub(super) fn password(text: &str) -> String {
    match text.chars().count() {
        81.. => ends(text, 12, 6),
        41.. => ends(text, 6, 4),
        _ => GAP.to_owned(),
    }
}

/// An e-mail address: the first letter, and the last six characters behind the `@` unless they are all there
/// is. What is no address might be anything, and is shown like a hash.
pub(super) fn email(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((name, domain)) if domain.chars().count() > 6 => {
            format!("{}@{}", ends(name, 1, 0), ends(domain, 0, 6))
        }
        Some(_) => GAP.to_owned(),
        None => hash(address),
    }
}

/// Text that is no secret by itself, such as a name. E-mail addresses within it are shown as such; of URLs
/// only the host is shown, since paths, queries and logins in URLs are often secret.
pub(super) fn text(text: &str) -> String {
    let mut shown = String::new();
    for piece in text.split_inclusive(is_delimiter) {
        let word = piece.trim_end_matches(is_delimiter);
        shown.push_str(&match word.split_once("://") {
            Some((scheme, rest)) => format!("{}://{}", hash_unless_scheme(scheme), host(rest)),
            None if word.contains('@') => email(word),
            None => word.to_owned(),
        });
        shown.extend(piece.chars().skip(word.chars().count()));
    }
    shorten(shown)
}

fn is_delimiter(character: char) -> bool {
    character.is_whitespace() || "<>()[]{}\"'`,;|\\".contains(character)
}

/// What stands before `://` without a blank between, unless it is a scheme.
fn hash_unless_scheme(text: &str) -> String {
    let is_scheme = text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
    if is_scheme { text.to_owned() } else { hash(text) }
}

/// The host and port of a URL, and a gap if there is more to it.
fn host(rest: &str) -> String {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.len() == rest.len() { host.to_owned() } else { format!("{host}/{GAP}") }
}

/// The beginning of a text that is too long to be read.
pub(super) fn shorten(text: String) -> String {
    let length = text.chars().count();
    if length <= TEXT_CHARS_MAX {
        return text;
    }
    let head: String = text.chars().take(TEXT_CHARS_MAX).collect();
    format!("{head}{GAP} ({} more characters)", length - TEXT_CHARS_MAX)
}
