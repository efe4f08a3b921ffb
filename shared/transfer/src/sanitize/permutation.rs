//! A keyed permutation of all texts of one shape.
//!
//! A table of who became whom would grow with the file, and random values would collide. A permutation needs no
//! memory and cannot: two values that differ never become equal. This one is a single cycle, so that nothing stays
//! as it is unless its shape has no other value.

use std::mem;

/// Rounds of the Feistel network. Ten are what standards for format-preserving encryption ask of small alphabets.
const ROUNDS: u8 = 10;

/// One place of a text that varies: which of so many values it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) value: u32,
    pub(crate) radix: u32,
}

/// The permutations of a key, one for each shape.
#[derive(Debug, Clone)]
pub(crate) struct Permutation {
    key: [u8; 32],
}

impl Permutation {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: *key }
    }

    /// Replaces the values by those that follow on the cycle through all texts of this shape.
    ///
    /// `shape` tells shapes apart; places with equal shapes have equal radices.
    pub(crate) fn advance(&self, shape: &[u8], places: &mut [Place]) {
        match places {
            [] => {}
            // A network of one place would only add a constant, and leave its neighbour next to it.
            [place] => self.advance_one(shape, place),
            _ => {
                self.encrypt(shape, places);
                increment(places);
                self.decrypt(shape, places);
            }
        }
    }

    /// A number below `bound` that belongs to this text and purpose; `bound` is not 0.
    pub(crate) fn number(&self, purpose: &[u8], bound: u64) -> u64 {
        number(&mut self.stream(b"number", purpose, &[]), bound)
    }

    fn advance_one(&self, shape: &[u8], place: &mut Place) {
        let mut cycle: Vec<u32> = (0..place.radix).collect();
        let mut stream = self.stream(b"cycle", shape, &[]);
        for last in (1..cycle.len()).rev() {
            let chosen = usize::try_from(number(&mut stream, last as u64 + 1)).unwrap_or(0);
            cycle.swap(last, chosen);
        }
        let position = cycle.iter().position(|value| *value == place.value).unwrap_or(0);
        let next = cycle.iter().cycle().nth(position + 1);
        place.value = next.copied().unwrap_or(place.value);
    }

    fn encrypt(&self, shape: &[u8], places: &mut [Place]) {
        for round in 0..ROUNDS {
            self.round(shape, round, places, |value, added, radix| (value + added) % radix);
        }
    }

    fn decrypt(&self, shape: &[u8], places: &mut [Place]) {
        for round in (0..ROUNDS).rev() {
            self.round(shape, round, places, |value, added, radix| (value + radix - added) % radix);
        }
    }

    /// Changes one half of the places by what the other half says, which stays: that can be undone.
    fn round(&self, shape: &[u8], round: u8, places: &mut [Place], combine: impl Fn(u64, u64, u64) -> u64) {
        let (mut changed, mut kept) = places.split_at_mut(places.len() / 2);
        if round % 2 == 1 {
            mem::swap(&mut changed, &mut kept);
        }
        let mut stream = self.stream(&[round], shape, kept);
        for place in changed {
            let radix = u64::from(place.radix.max(1));
            let added = number(&mut stream, radix);
            place.value = u32::try_from(combine(u64::from(place.value), added, radix)).unwrap_or(place.value);
        }
    }

    fn stream(&self, purpose: &[u8], shape: &[u8], places: &[Place]) -> blake3::OutputReader {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // Each part is preceded by its length, so that no two inputs run together to the same bytes.
        for part in [purpose, shape] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        for place in places {
            hasher.update(&place.value.to_le_bytes());
        }
        hasher.finalize_xof()
    }
}

/// The next number below `bound`; that a bound does not divide 2⁶⁴ favours none by more than one in a billion.
fn number(stream: &mut blake3::OutputReader, bound: u64) -> u64 {
    let mut bytes = [0; 8];
    stream.fill(&mut bytes);
    u64::from_le_bytes(bytes) % bound.max(1)
}

/// Counts on by one; behind the last comes the first.
fn increment(places: &mut [Place]) {
    for place in places {
        place.value += 1;
        if place.value < place.radix {
            return;
        }
        place.value = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn texts(radices: &[u32]) -> Vec<Vec<Place>> {
        let mut places: Vec<Place> = radices.iter().map(|radix| Place { value: 0, radix: *radix }).collect();
        let count = radices.iter().product::<u32>();
        let all = (0..count).map(|_| {
            let current = places.clone();
            increment(&mut places);
            current
        });
        all.collect()
    }

    #[test]
    fn every_shape_is_one_cycle_through_all_of_its_texts() {
        for radices in [&[7][..], &[2], &[3, 5], &[10, 10], &[2, 2, 2], &[26, 10, 3], &[1, 9, 1, 2, 6]] {
            let permutation = Permutation::new(&[9; 32]);
            let all = texts(radices);
            let mut seen = HashSet::new();
            let mut current = all[0].clone();
            while seen.insert(current.iter().map(|place| place.value).collect::<Vec<_>>()) {
                permutation.advance(b"shape", &mut current);
            }
            assert_eq!(seen.len(), all.len(), "{radices:?}");
            assert_eq!(current, all[0], "{radices:?}");
        }
    }

    #[test]
    fn keys_and_shapes_decide() {
        let advanced = |key: u8, shape: &[u8]| {
            let mut places = vec![Place { value: 3, radix: 26 }; 12];
            Permutation::new(&[key; 32]).advance(shape, &mut places);
            places
        };
        assert_eq!(advanced(1, b"a"), advanced(1, b"a"));
        assert_ne!(advanced(1, b"a"), advanced(2, b"a"));
        assert_ne!(advanced(1, b"a"), advanced(1, b"b"));
        let alone = |key: u8| {
            let mut place = [Place { value: 3, radix: 200 }];
            Permutation::new(&[key; 32]).advance(b"", &mut place);
            place[0].value
        };
        assert_eq!(alone(1), alone(1));
        assert!((0..20).map(alone).collect::<HashSet<_>>().len() > 10);
    }
}
