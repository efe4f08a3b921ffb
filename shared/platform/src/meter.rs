//! What DynamoDB was asked, and what it charged.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Counts the requests to a table and the capacity units that they consumed, for benchmarks to print.
///
/// A request that the SDK repeats counts once, and one that fails consumes what the service does not tell.
#[derive(Debug, Default)]
pub struct Meter {
    usage: Mutex<BTreeMap<&'static str, Usage>>,
}

/// Requests of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// How many.
    pub requests: u64,
    /// The read or write units that they consumed, indexes included.
    pub units: f64,
}

impl Meter {
    /// Usage by operation, such as `TransactWriteItems`.
    pub fn usage(&self) -> BTreeMap<&'static str, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn request(&self, operation: &'static str) {
        self.add(operation, Usage { requests: 1, units: 0.0 });
    }

    pub(crate) fn consumed<'a>(
        &self,
        operation: &'static str,
        consumed: impl IntoIterator<Item = &'a ConsumedCapacity>,
    ) {
        let units = consumed.into_iter().filter_map(ConsumedCapacity::capacity_units).sum();
        self.add(operation, Usage { requests: 0, units });
    }

    fn add(&self, operation: &'static str, more: Usage) {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = usage.entry(operation).or_default();
        entry.requests += more.requests;
        entry.units += more.units;
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (operation, usage) in self.usage() {
            writeln!(formatter, "{operation:<20}{:>10} requests{:>14.1} units", usage.requests, usage.units)?;
        }
        Ok(())
    }
}
