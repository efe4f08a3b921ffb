//! The in-memory silo keeps the contract of every silo.

use catalog::Catalog;
use silo::MemorySilo;

async fn empty() -> Option<MemorySilo> {
    Some(MemorySilo::new(Catalog::builtin()))
}

silo::silo_contract!(empty);
