//! The in-memory store passes the suite that every store passes.

use futures::executor::block_on;
use pipeline::contract;
use pipeline::memory::{MemoryRelocations, SeededEntropy};

#[test]
fn memory_keeps_the_contract() {
    block_on(contract::all(&MemoryRelocations::default(), &SeededEntropy::default()));
}
