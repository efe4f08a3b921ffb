//! Dates that move without overtaking each other.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::permutation::Permutation;

/// How far a date may move, in milliseconds, that has no neighbour to be kept apart from.
const ALONE: u64 = 24 * 60 * 60 * 1_000;

/// All instants of an export, in milliseconds as exports have them (SPEC §8), in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeline {
    instants: Vec<i64>,
}

/// Why a date has no new place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// It is not on the timeline.
    Unknown,
    /// It would be outside of the years −9999 to 9999.
    OutOfRange,
}

impl Timeline {
    pub(crate) fn new(instants: HashSet<i64>) -> Self {
        let mut instants: Vec<i64> = instants.into_iter().collect();
        instants.sort_unstable();
        Self { instants }
    }

    /// Where an instant moves to: less than half-way to either neighbour, so that all keep their order; then by so
    /// many days. The first and the last, which have a neighbour on one side, move as far to the other side.
    pub(crate) fn moved(
        &self,
        permutation: &Permutation,
        instant: Timestamp,
        days_offset: i64,
    ) -> Result<Timestamp, NoPlace> {
        let here = instant.as_millisecond();
        let position = self.instants.binary_search(&here).map_err(|_| NoPlace::Unknown)?;
        let gap = |position: Option<usize>| {
            position.and_then(|position| self.instants.get(position)).map(|there| here.abs_diff(*there))
        };
        let (before, after) = (gap(position.checked_sub(1)), gap(position.checked_add(1)));
        let alone = before.or(after).unwrap_or(ALONE);
        let (back, forth) = (reach(before.unwrap_or(alone)), reach(after.unwrap_or(alone)));
        let step = permutation.number(&here.to_le_bytes(), back + forth + 1);
        let moved = i128::from(here) - i128::from(back) + i128::from(step);
        let moved = i64::try_from(moved).map_err(|_| NoPlace::OutOfRange)?;
        let hours = days_offset.checked_mul(24).ok_or(NoPlace::OutOfRange)?;
        let offset = SignedDuration::try_from_hours(hours).ok_or(NoPlace::OutOfRange)?;
        let moved = Timestamp::from_millisecond(moved).map_err(|_| NoPlace::OutOfRange)?;
        moved.checked_add(offset).map_err(|_| NoPlace::OutOfRange)
    }
}

/// The most that one of two neighbours may move if neither is to reach the other.
fn reach(gap: u64) -> u64 {
    gap.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timestamp(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(millisecond).unwrap()
    }

    proptest! {
        #[test]
        fn dates_keep_their_order_and_stay_within_half_of_their_gaps(
            instants in proptest::collection::hash_set(
                prop_oneof![-1_000_000_000_000i64..4_000_000_000_000, 0i64..40],
                1..40,
            ),
            key in any::<[u8; 32]>(),
            days in -3_000i64..3_000,
        ) {
            let timeline = Timeline::new(instants);
            let permutation = Permutation::new(&key);
            let moved = |days| {
                let moved = timeline.instants.iter().map(|instant| {
                    timeline.moved(&permutation, timestamp(*instant), days).unwrap().as_millisecond()
                });
                moved.collect::<Vec<i64>>()
            };
            let still = moved(0);
            for (before, after) in timeline.instants.iter().zip(timeline.instants.iter().skip(1)) {
                let middle = |place: i64| 2 * place - (before + after);
                let place = |instant| still[timeline.instants.binary_search(instant).unwrap()];
                prop_assert!(middle(place(before)) < 0, "less than half-way forth");
                prop_assert!(middle(place(after)) > 0, "less than half-way back");
            }
            prop_assert!(still.is_sorted_by(|before, after| before < after));
            let by_offset: Vec<i64> = still.iter().map(|instant| instant + days * 86_400_000).collect();
            prop_assert_eq!(moved(days), by_offset);
        }
    }

    #[test]
    fn what_cannot_move_says_why() {
        let timeline = Timeline::new(HashSet::from([0, 1_000]));
        let moved = |instant, days| timeline.moved(&Permutation::new(&[1; 32]), timestamp(instant), days);
        assert_eq!(moved(5, 0), Err(NoPlace::Unknown));
        for days in [i64::MAX, i64::MIN, 4_000_000, -5_000_000] {
            assert_eq!(moved(0, days), Err(NoPlace::OutOfRange), "{days}");
        }
    }

    #[test]
    fn a_date_that_is_alone_moves_too() {
        let timeline = Timeline::new(HashSet::from([1_700_000_000_000]));
        let moved = |key| {
            let moved =
                timeline.moved(&Permutation::new(&[key; 32]), timestamp(1_700_000_000_000), 0).unwrap();
            moved.as_millisecond() - 1_700_000_000_000
        };
        assert!((0..9).all(|key| moved(key).unsigned_abs() < ALONE / 2));
        assert_ne!(moved(1), moved(2));
    }
}
