use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Faults, MemoryEvents, MemoryMail, MemoryObjects, MemoryQueues, MemoryRelocations, MemoryRuns,
    MemoryTokens, lock,
};
use crate::port::{Clock, Entropy, PortError, PublicKey, UnwrapError, UnwrapKeys};

/// Every adapter, with one fault switch for all of them.
#[derive(Default)]
pub struct World {
    /// Fails calls on demand.
    pub faults: Faults,
    /// The relocation store.
    pub relocations: MemoryRelocations,
    /// The buckets.
    pub objects: MemoryObjects,
    /// The queues.
    pub queues: MemoryQueues,
    /// The task tokens.
    pub tokens: MemoryTokens,
    /// The bus.
    pub events: MemoryEvents,
    /// The state machine's runs.
    pub runs: MemoryRuns,
    /// The mail service.
    pub mail: MemoryMail,
    /// The time.
    pub clock: ManualClock,
    /// The source of random values.
    pub entropy: SeededEntropy,
}

impl World {
    /// An empty world at the beginning of time.
    #[must_use]
    pub fn new() -> Self {
        let faults = Faults::default();
        Self {
            relocations: MemoryRelocations::with_faults(faults.clone()),
            objects: MemoryObjects::with_faults(faults.clone()),
            queues: MemoryQueues::with_faults(faults.clone()),
            tokens: MemoryTokens::with_faults(faults.clone()),
            events: MemoryEvents::with_faults(faults.clone()),
            runs: MemoryRuns::with_faults(faults.clone()),
            mail: MemoryMail::with_faults(faults.clone()),
            clock: ManualClock::default(),
            entropy: SeededEntropy::default(),
            faults,
        }
    }
}

/// A clock that moves only when told to. It begins at the Unix epoch.
#[derive(Debug, Default)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        *lock(&self.0) = now;
    }

    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        let mut now = lock(&self.0);
        *now = now.saturating_add(by).unwrap_or(Timestamp::MAX);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}

/// Values that look random and are the same in every run.
#[derive(Debug, Default)]
pub struct SeededEntropy(Mutex<u64>);

impl Entropy for SeededEntropy {
    fn bytes(&self) -> [u8; 32] {
        let mut state = lock(&self.0);
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&split_mix(&mut state).to_le_bytes());
        }
        bytes
    }
}

/// SplitMix64: one step of a counter, scrambled.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A key service that knows its answers beforehand.
#[derive(Clone, Debug, Default)]
pub struct FixedKeys {
    /// The public key as PEM.
    pub public_key: String,
    /// What each wrapped data key unwraps to.
    pub wrapped: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl PublicKey for FixedKeys {
    async fn public_key(&self) -> Result<String, PortError> {
        Ok(self.public_key.clone())
    }
}

impl UnwrapKeys for FixedKeys {
    async fn unwrap_key(&self, wrapped: &[u8]) -> Result<Vec<u8>, UnwrapError> {
        self.wrapped.get(wrapped).cloned().ok_or(UnwrapError::WrongKey)
    }
}
