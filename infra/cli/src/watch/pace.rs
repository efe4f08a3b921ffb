//! How fast rows are done, and how long the rest will take.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::Progress;

/// What was seen of a task's rows.
#[derive(Debug, Default)]
pub(super) struct Pace {
    task: String,
    first: Option<(u64, Timestamp)>,
    last: Option<(u64, Timestamp)>,
    total: Option<u64>,
}

/// An estimate needs that much to go by.
const SHORTEST: Duration = Duration::from_secs(1);

impl Pace {
    /// So much is done now.
    pub(super) fn observe(&mut self, progress: Option<&Progress>, now: Timestamp) {
        let Some(progress) = progress else {
            *self = Self::default();
            return;
        };
        let seen = Some((progress.rows_done, now));
        // What begins anew has another pace.
        if self.task != progress.task || self.last.is_none_or(|(done, _)| done > progress.rows_done) {
            self.task.clone_from(&progress.task);
            self.first = seen;
        }
        self.last = seen;
        self.total = progress.rows_total;
    }

    /// How long the rest will take, if it goes on as it did.
    pub(super) fn left(&self) -> Option<Span> {
        let ((first, began), (done, now)) = (self.first?, self.last?);
        let took = between(began, now);
        let rows = done.checked_sub(first).filter(|rows| *rows > 0)?;
        let left = self.total?.checked_sub(done).filter(|left| *left > 0)?;
        if took < SHORTEST {
            return None;
        }
        let seconds = took.as_secs_f64() * left as f64 / rows as f64;
        Duration::try_from_secs_f64(seconds.ceil()).ok().map(Span)
    }
}

/// How long it is from one time to another; nothing, should they be the other way round.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// A span of time in whole seconds, with its two largest units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
        let text = match (days, hours, minutes) {
            (0, 0, 0) => format!("{seconds} s"),
            (0, 0, _) => format!("{minutes} min {:02} s", seconds % 60),
            (0, _, _) => format!("{hours} h {:02} min", minutes % 60),
            _ => format!("{days} d {:02} h", hours % 24),
        };
        out.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn progress(task: &str, done: u64, total: u64) -> Progress {
        Progress { task: task.to_owned(), rows_done: done, rows_total: Some(total) }
    }

    #[test]
    fn the_rest_takes_as_long_as_what_was_done() {
        let mut pace = Pace::default();
        pace.observe(Some(&progress("importing", 100, 1_000)), at(0));
        assert_eq!(pace.left(), None, "one look tells no pace");
        pace.observe(Some(&progress("importing", 400, 1_000)), at(3));
        assert_eq!(pace.left(), Some(Span(Duration::from_secs(6))));
        pace.observe(Some(&progress("importing", 1_000, 1_000)), at(9));
        assert_eq!(pace.left(), None, "nothing is left");
        pace.observe(Some(&progress("importing", 10, 1_000)), at(12));
        assert_eq!(pace.left(), None, "it began anew");
        pace.observe(Some(&progress("importing", 20, 1_000)), at(11));
        assert_eq!(pace.left(), None, "clocks may be set back");
        pace.observe(None, at(20));
        pace.observe(Some(&progress("validation-run", 20, 30)), at(30));
        assert_eq!(pace.left(), None);
    }

    #[test]
    fn spans_have_two_units() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 00 s"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h 00 min"),
            (90_000, "1 d 01 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
