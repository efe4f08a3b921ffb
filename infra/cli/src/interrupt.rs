//! Ctrl-C, for what wants to say how it can be continued.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// Whether somebody asked this process to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicU8>);

/// Nobody has to be asked: the process ends at once.
const IDLE: u8 = 0;
/// Something runs that stops by itself when it is asked to.
const BUSY: u8 = 1;
/// It was asked to; who asks again does not want to wait.
const REQUESTED: u8 = 2;

/// How a process ends that was interrupted and has nothing to say, as shells have it.
const EXIT_INTERRUPTED: i32 = 130;
/// How long a sleep may go on when somebody asks to stop.
const SLICE: Duration = Duration::from_millis(50);

impl Interrupt {
    /// Notices Ctrl-C, a hang-up and a request to end from now on, and while the guard lives does not end the process.
    pub(crate) fn listen(&self) -> Busy {
        self.0.store(BUSY, Ordering::SeqCst);
        let state = Arc::clone(&self.0);
        // Should somebody listen already, they go on to; an interruption then ends the process, which loses nothing.
        let _ = ctrlc::set_handler(move || {
            if state.compare_exchange(BUSY, REQUESTED, Ordering::SeqCst, Ordering::SeqCst).is_err() {
                std::process::exit(EXIT_INTERRUPTED);
            }
        });
        Busy(self.clone())
    }

    /// Whether to stop.
    pub(crate) fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) == REQUESTED
    }

    /// Sleeps, but not beyond a request to stop.
    pub(crate) fn sleep(&self, mut time: Duration) {
        while !time.is_zero() && !self.is_requested() {
            let slice = time.min(SLICE);
            std::thread::sleep(slice);
            time -= slice;
        }
    }
}

/// Lives as long as something runs that stops by itself.
pub(crate) struct Busy(Interrupt);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.store(IDLE, Ordering::SeqCst);
    }
}
