//! Ctrl-C, for what has something to say before the program ends.

use std::sync::{Arc, Mutex, PoisonError};

type Farewell = Box<dyn FnOnce() -> u8 + Send>;

/// While it lives, an interruption is answered with a farewell; after it, the program ends without a word.
pub(crate) struct Farewells(Arc<Mutex<Option<Farewell>>>);

/// How a program ends that was interrupted and has nothing to say, as shells have it.
const INTERRUPTED: u8 = 130;

impl Farewells {
    /// Has this said when somebody presses Ctrl-C, or the system asks the program to end; its answer is the exit code.
    /// The program ends wherever it is, so it is for what keeps on the disk all that another run needs.
    pub(crate) fn say(farewell: impl FnOnce() -> u8 + Send + 'static) -> Self {
        let farewells = Arc::new(Mutex::new(Some(Box::new(farewell) as Farewell)));
        let said = Arc::clone(&farewells);
        // Should the system refuse it, an interruption ends the program as ever, and loses nothing.
        let _ = ctrlc::set_handler(move || {
            let farewell = said.lock().unwrap_or_else(PoisonError::into_inner).take();
            std::process::exit(farewell.map_or(INTERRUPTED, |farewell| farewell()).into());
        });
        Self(farewells)
    }
}

impl Drop for Farewells {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
