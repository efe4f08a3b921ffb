//! The rules for an organisation's slug (SPEC, "What the scan refuses").

/// The longest slug, in characters.
pub const MAX_LENGTH: usize = 50;

/// Whether a slug is well-formed: letters, digits and dashes; begins with a letter or digit, does not end
/// in a dash, is not all digits, 50 characters at most.
#[must_use]
pub fn is_well_formed(slug: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !slug.is_empty()
        && slug.len() <= MAX_LENGTH
        && slug.chars().all(allowed)
        && !slug.starts_with('-')
        && !slug.ends_with('-')
        && !slug.chars().all(|c| c.is_ascii_digit())
}

/// The slugs in a comma-separated list, trimmed. An empty part stays, as it is a malformed slug.
#[must_use]
pub fn split_list(list: &str) -> Vec<String> {
    list.split(',').map(|slug| slug.trim().to_owned()).collect()
}
