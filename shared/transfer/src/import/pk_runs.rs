//! Maps from primary keys, of which rows that follow each other take one entry: most rows of a file do.

use std::collections::BTreeMap;

use silo::Pk;

/// A map from primary keys to numbers and a tag.
#[derive(Debug, Clone)]
pub(crate) struct PkRuns<T>(BTreeMap<Pk, Run<T>>);

/// Primary keys that follow each other, whose numbers do so too, and whose tags are equal. The map has the first.
#[derive(Debug, Clone, Copy)]
struct Run<T> {
    /// The last primary key.
    last: Pk,
    /// The number of the first.
    number: i64,
    tag: T,
}

impl<T> Default for PkRuns<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Copy + PartialEq> PkRuns<T> {
    /// What a primary key leads to.
    pub(crate) fn get(&self, pk: Pk) -> Option<(i64, T)> {
        let (first, run) = self.0.range(..=pk).next_back()?;
        (pk <= run.last).then(|| (run.number + (pk - first), run.tag))
    }

    /// Adds a primary key; false, and nothing changes, when it is there already.
    pub(crate) fn insert(&mut self, pk: Pk, number: i64, tag: T) -> bool {
        if let Some((first, run)) = self.0.range_mut(..=pk).next_back() {
            if pk <= run.last {
                return false;
            }
            if pk - 1 == run.last && (pk - first).checked_add(run.number) == Some(number) && run.tag == tag {
                run.last = pk;
                return true;
            }
        }
        self.0.insert(pk, Run { last: pk, number, tag });
        true
    }

    /// The lowest and the highest primary key.
    pub(crate) fn bounds(&self) -> Option<(Pk, Pk)> {
        let ((first, _), (_, run)) = (self.0.first_key_value()?, self.0.last_key_value()?);
        Some((*first, run.last))
    }

    /// Everything, by primary key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Pk, i64, T)> + '_ {
        self.0.iter().flat_map(|(&first, &run)| {
            (first..=run.last).map(move |pk| (pk, run.number + (pk - first), run.tag))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs are what is special, so that they are likely: beside each other, far apart, and at the ends.
    fn entry() -> impl Strategy<Value = (Pk, i64, bool)> {
        let pk = prop_oneof![-20..20_i64, Just(Pk::MAX), Just(Pk::MAX - 1), Just(Pk::MIN)];
        (pk, -2..2_i64, any::<bool>()).prop_map(|(pk, offset, tag)| (pk, pk.saturating_add(offset), tag))
    }

    proptest! {
        #[test]
        fn runs_say_what_a_plain_map_says(entries in prop::collection::vec(entry(), 0..60)) {
            let mut runs = PkRuns::default();
            let mut plain = BTreeMap::new();
            for (pk, number, tag) in entries {
                prop_assert_eq!(runs.insert(pk, number, tag), !plain.contains_key(&pk));
                plain.entry(pk).or_insert((number, tag));
            }
            for pk in (-22..22).chain([Pk::MIN, Pk::MIN + 1, Pk::MAX - 2, Pk::MAX - 1, Pk::MAX]) {
                prop_assert_eq!(runs.get(pk), plain.get(&pk).copied());
            }
            prop_assert_eq!(runs.bounds(), plain.keys().next().copied().zip(plain.keys().next_back().copied()));
            let found: Vec<_> = runs.iter().map(|(pk, number, tag)| (pk, (number, tag))).collect();
            prop_assert_eq!(found, plain.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_follows_each_other_takes_one_entry() {
        let mut runs = PkRuns::default();
        assert!((1..=1_000_000).all(|pk| runs.insert(pk, 77 + pk, ())));
        assert_eq!(runs.0.len(), 1);
        assert_eq!(runs.get(1_000_000), Some((1_000_077, ())));
    }
}
