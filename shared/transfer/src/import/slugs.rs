//! Slugs of organisations, and suffixes for names that are taken (SPEC §7, organization and *Suffix*).

use catalog::Catalog;

use super::error::RowProblem;
use super::random::RowRandom;

/// The longest slug, in characters.
const SLUG_LENGTH_MAX: usize = 50;

/// Lower case, with dashes for underscores.
pub(crate) fn normalised(slug: &str) -> String {
    slug.to_lowercase().replace('_', "-")
}

/// Whether a normalised slug is well-formed; all digits pass, they get a suffix.
pub(crate) fn check(field: &str, slug: &str) -> Result<(), RowProblem> {
    let is_allowed =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let well_formed = !slug.is_empty()
        && slug.len() <= SLUG_LENGTH_MAX
        && slug.chars().all(is_allowed)
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    if well_formed {
        return Ok(());
    }
    Err(RowProblem::validation(format!("`{field}` is malformed")))
}

/// Whether a slug cannot stay even if nobody has it.
pub(crate) fn needs_suffix(catalog: &Catalog, slug: &str) -> bool {
    catalog.is_reserved_slug(slug) || slug.chars().all(|character| character.is_ascii_digit())
}

/// Lengths of the suffixes to try, in order: one of 2 characters, five of 3, twenty of 5, one of 12.
const SUFFIXES: [(u32, usize); 4] = [(1, 2), (5, 3), (20, 5), (1, 12)];

/// The name with its `attempt`-th suffix, cut so that the whole has at most `length_max` characters; none
/// when all attempts are spent.
pub(crate) fn suffixed(
    name: &str,
    field: &str,
    attempt: u32,
    length_max: usize,
    random: RowRandom<'_>,
) -> Option<String> {
    let mut first = 0;
    for (attempts, length) in SUFFIXES {
        if attempt < first + attempts {
            let suffix = random.draw(field, attempt).lower_alnum(length);
            let base: String = name.chars().take(length_max.saturating_sub(length + 1)).collect();
            return Some(format!("{base}-{suffix}"));
        }
        first += attempts;
    }
    None
}
