//! Options, remembered for a moment: a request looks at several, and they hardly ever change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use pipeline::port::{Options, PortError};

/// What options were when they were last read. Each process has its own, so that what somebody sets elsewhere holds
/// here once what is remembered has expired.
#[derive(Debug)]
pub struct OptionCache {
    valid_for: Duration,
    /// By name: when an option was read, and its text.
    known: Mutex<HashMap<String, (Timestamp, Option<String>)>>,
}

impl OptionCache {
    /// Remembers an option for so long; not at all for no time.
    #[must_use]
    pub fn new(valid_for: Duration) -> Self {
        Self { valid_for, known: Mutex::default() }
    }

    /// The options of a store, as they are remembered at a time.
    pub(crate) const fn over<'a, S>(&'a self, store: &'a S, now: Timestamp) -> Remembered<'a, S> {
        Remembered { cache: self, store, now }
    }

    /// Forgets an option that was set.
    pub(crate) fn forget(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn recent(&self, name: &str, now: Timestamp) -> Option<Option<String>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, text) = known.get(name)?;
        let age = Duration::try_from(now.duration_since(*read)).ok()?;
        (age < self.valid_for).then(|| text.clone())
    }

    fn keep(&self, name: &str, now: Timestamp, text: Option<String>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), (now, text));
    }
}

/// A store's options, read again only when they are not remembered.
pub(crate) struct Remembered<'a, S> {
    cache: &'a OptionCache,
    store: &'a S,
    now: Timestamp,
}

impl<S: Options> Options for Remembered<'_, S> {
    async fn option(&self, name: &str) -> Result<Option<String>, PortError> {
        if let Some(text) = self.cache.recent(name, self.now) {
            return Ok(text);
        }
        let text = self.store.option(name).await?;
        self.cache.keep(name, self.now, text.clone());
        Ok(text)
    }
}
