//! Names that were asked for, and what an import may have made of them (SPEC §7, *Suffix*).

use std::collections::BTreeSet;

/// How long the suffixes are that an import gives, without their dash.
const SUFFIX_LENGTHS: [usize; 4] = [2, 3, 5, 12];

/// The names that were asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    names: BTreeSet<String>,
    length_max: usize,
}

impl Wanted {
    /// Usernames, as they are in the export, of which an import keeps so many characters.
    pub fn usernames(names: impl IntoIterator<Item = String>, length_max: usize) -> Self {
        Self { names: names.into_iter().collect(), length_max }
    }

    /// Slugs of organisations, of which an import keeps so many characters. It writes them in lower case, with
    /// dashes for underscores.
    pub fn slugs(slugs: impl IntoIterator<Item = String>, length_max: usize) -> Self {
        let normalised = |slug: String| slug.to_lowercase().replace('_', "-");
        Self { names: slugs.into_iter().map(normalised).collect(), length_max }
    }

    /// Whether a name begins with a wanted one, with as much of it as the suffix left room for.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.begins_with_whole(name) || self.begins_with_cut(name)
    }

    fn begins_with_whole(&self, name: &str) -> bool {
        let ends = name.char_indices().map(|(at, character)| at + character.len_utf8());
        ends.filter_map(|end| name.get(..end)).any(|beginning| self.names.contains(beginning))
    }

    /// A wanted name is cut only when the whole would be too long, and then only as far as needed.
    fn begins_with_cut(&self, name: &str) -> bool {
        name.chars().count() == self.length_max
            && SUFFIX_LENGTHS.into_iter().any(|length| {
                let Some(kept) = self.length_max.checked_sub(length + 1) else { return false };
                let Some((end, '-')) = name.char_indices().nth(kept) else { return false };
                let base = name.get(..end).unwrap_or_default();
                let mut longer = self.names.range(base.to_owned()..);
                longer.next().is_some_and(|wanted| wanted.starts_with(base))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::as_it_is("acme", true)]
    #[case::with_a_suffix("acme-x7", true)]
    #[case::in_lower_case("initech-labs", true)]
    #[case::another("umbrella", false)]
    #[case::only_the_beginning("acm", false)]
    #[case::nothing("", false)]
    fn a_slug_begins_with_a_wanted_one(#[case] slug: &str, #[case] is_covered: bool) {
        let wanted = Wanted::slugs(["acme".to_owned(), "Initech_Labs".to_owned()], 50);
        assert_eq!(wanted.covers(slug), is_covered);
    }

    #[test]
    fn a_long_slug_may_be_cut_for_its_suffix_and_no_further() {
        let wanted = Wanted::slugs(["a".repeat(50)], 50);
        let cut = |kept: usize, suffix: &str| format!("{}-{suffix}", "a".repeat(kept));
        assert!(wanted.covers(&cut(47, "x7")));
        assert!(wanted.covers(&cut(37, "0123456789ab")));
        assert!(!wanted.covers(&cut(46, "x7")), "room for one more was left");
        assert!(!wanted.covers(&cut(45, "1234")), "no suffix has four characters");
        assert!(!wanted.covers(&"b".repeat(50)));
    }

    #[test]
    fn nobody_is_wanted() {
        assert!(!Wanted::usernames([], 128).covers("anyone"));
    }

    proptest! {
        /// Whatever an import makes of a wanted username is covered; the cut counts characters.
        #[test]
        fn every_suffix_is_covered(name in "\\PC{1,128}", length in 0..4_usize, fill in "[a-z0-9]{12}") {
            let length = SUFFIX_LENGTHS[length];
            let base: String = name.chars().take(128 - length - 1).collect();
            let suffixed = format!("{base}-{}", &fill[..length]);
            let wanted = Wanted::usernames([name.clone(), "somebody".to_owned()], 128);
            prop_assert!(wanted.covers(&name));
            prop_assert!(wanted.covers(&suffixed));
        }
    }
}
