//! Sets of primary keys, of which those that follow each other take one entry: as most do that came into being together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use silo::Pk;

/// The first primary key of each run, and the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Pks(BTreeMap<Pk, Pk>);

impl Pks {
    pub(super) fn contains(&self, pk: Pk) -> bool {
        self.0.range(..=pk).next_back().is_some_and(|(_, last)| pk <= *last)
    }

    /// Adds a primary key; false when it is there already.
    pub(super) fn insert(&mut self, pk: Pk) -> bool {
        if self.contains(pk) {
            return false;
        }
        let last = pk.checked_add(1).and_then(|next| self.0.remove(&next)).unwrap_or(pk);
        match self.0.range_mut(..pk).next_back().filter(|(_, end)| end.checked_add(1) == Some(pk)) {
            Some((_, end)) => *end = last,
            None => drop(self.0.insert(pk, last)),
        }
        true
    }

    /// Those above one, ascending.
    pub(super) fn above(&self, after: Option<Pk>) -> impl Iterator<Item = Pk> + '_ {
        let from = after.map_or(Some(Pk::MIN), |after| after.checked_add(1));
        from.into_iter().flat_map(move |from| {
            let first = self.0.range(..from).next_back().map_or(from, |(first, _)| *first);
            let runs = self.0.range(first..);
            runs.flat_map(move |(first, last)| from.max(*first)..=*last)
        })
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last.abs_diff(*first).saturating_add(1)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn pk() -> impl Strategy<Value = Pk> {
        prop_oneof![-12..12_i64, Just(Pk::MAX), Just(Pk::MAX - 1), Just(Pk::MIN)]
    }

    proptest! {
        #[test]
        fn runs_say_what_a_plain_set_says(pks in prop::collection::vec(pk(), 0..40), after in pk()) {
            let (mut runs, mut plain) = (Pks::default(), BTreeSet::new());
            for pk in pks {
                prop_assert_eq!(runs.insert(pk), plain.insert(pk));
                prop_assert_eq!(runs.len(), plain.len() as u64);
            }
            for pk in (-14..14).chain([Pk::MIN, Pk::MIN + 1, Pk::MAX - 2, Pk::MAX - 1, Pk::MAX]) {
                prop_assert_eq!(runs.contains(pk), plain.contains(&pk));
            }
            prop_assert!(runs.above(None).eq(plain.iter().copied()));
            prop_assert!(runs.above(Some(after)).eq(plain.iter().copied().filter(|pk| *pk > after)));
            let text = serde_json::to_string(&runs).unwrap();
            prop_assert_eq!(serde_json::from_str::<Pks>(&text).unwrap(), runs);
        }
    }
}
