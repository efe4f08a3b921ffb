//! Which organisation here is which of the export's, by their slugs.

use mail::{Moved, Plain};

/// Pairs the wanted slugs with those that the organisations were given. Slugs that stayed are paired first, then
/// the longest ones: `acme-eu-x7` is what became of `acme-eu` rather than of `acme`. `was_suffixed` says whether an import
/// may have made the second of the first.
pub(crate) fn moved(
    wanted: &[String],
    mut here: Vec<String>,
    was_suffixed: impl Fn(&str, &str) -> bool,
) -> Vec<Moved> {
    type IsPair<'a> = &'a dyn Fn(&str, &str) -> bool;
    let stayed = |from: &str, to: &str| from == to;
    let mut open: Vec<&String> = wanted.iter().collect();
    open.sort_by_key(|slug| std::cmp::Reverse(slug.len()));
    let mut pairs = Vec::with_capacity(here.len());
    for is_pair in [&stayed as IsPair<'_>, &was_suffixed] {
        open.retain(|from| match here.iter().position(|to| is_pair(from, to)) {
            Some(position) => {
                pairs.push(Moved { from: Plain::new(from), to: Plain::new(&here.remove(position)) });
                false
            }
            None => true,
        });
    }
    pairs.sort_by_key(|pair| wanted.iter().position(|slug| Plain::new(slug) == pair.from));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use directory::Wanted;
    use rstest::rstest;

    #[rstest]
    #[case::stayed(&["acme"], &["acme"], &[("acme", "acme")])]
    #[case::suffixed(&["acme"], &["acme-x7"], &[("acme", "acme-x7")])]
    #[case::lower_case(&["Acme"], &["acme"], &[("Acme", "acme")])]
    #[case::in_the_order_asked_for(&["b", "a"], &["a", "b"], &[("b", "b"), ("a", "a")])]
    #[case::one_begins_with_the_other(
        &["acme", "acme-eu"],
        &["acme-eu-x7", "acme-eu"],
        &[("acme", "acme-eu-x7"), ("acme-eu", "acme-eu")],
    )]
    #[case::both_suffixed(
        &["acme", "acme-eu"],
        &["acme-q2", "acme-eu-x7"],
        &[("acme", "acme-q2"), ("acme-eu", "acme-eu-x7")],
    )]
    #[case::one_is_gone(&["acme", "umbrella"], &["umbrella"], &[("umbrella", "umbrella")])]
    fn each_organization_is_paired_once(
        #[case] wanted: &[&str],
        #[case] here: &[&str],
        #[case] expected: &[(&str, &str)],
    ) {
        let strings = |slugs: &[&str]| slugs.iter().map(|slug| (*slug).to_owned()).collect::<Vec<_>>();
        let was_suffixed = |from: &str, to: &str| Wanted::slugs([from.to_owned()], 50).covers(to);
        let pairs = moved(&strings(wanted), strings(here), was_suffixed);
        let pairs: Vec<_> =
            pairs.into_iter().map(|pair| (pair.from.to_string(), pair.to.to_string())).collect();
        let expected: Vec<_> =
            expected.iter().map(|(from, to)| (String::from(*from), String::from(*to))).collect();
        assert_eq!(pairs, expected);
    }
}
