//! How fast rows are done, and how long the rest will take.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use pipeline::progress::Progress;
use pipeline::task::OrderedTask;

/// What was seen of a task's rows.
#[derive(Debug, Default)]
pub(super) struct Pace {
    task: Option<OrderedTask>,
    first: Option<(u64, Timestamp)>,
    last: Option<(u64, Timestamp)>,
    total: u64,
}

/// An estimate needs that much to go by.
const SHORTEST: Duration = Duration::from_secs(1);

impl Pace {
    /// So much is done now. The times are the record's, which know when that was so.
    pub(super) fn observe(&mut self, progress: Option<&Progress>) {
        let Some(progress) = progress else {
            *self = Self::default();
            return;
        };
        let seen = Some((progress.rows_done, progress.updated));
        // What begins anew has another pace.
        if self.task != Some(progress.task) || self.last.is_none_or(|(done, _)| done > progress.rows_done) {
            self.task = Some(progress.task);
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
        let left = self.total.checked_sub(done).filter(|left| *left > 0)?;
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
    use std::collections::BTreeMap;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).expect("a time")
    }

    fn progress(task: OrderedTask, rows_done: u64, second: i64) -> Progress {
        Progress { task, rows_done, rows_total: 1_000, models: BTreeMap::new(), updated: at(second) }
    }

    #[test]
    fn the_rest_takes_as_long_as_what_was_done() {
        use OrderedTask::{Importing, ValidatingPoll};
        let mut pace = Pace::default();
        let mut after = |task, rows, second| {
            pace.observe(Some(&progress(task, rows, second)));
            pace.left().map(|Span(left)| left.as_secs())
        };
        assert_eq!(after(ValidatingPoll, 990, 0), None, "one look tells no pace");
        assert_eq!(after(ValidatingPoll, 995, 10), Some(10));
        assert_eq!(after(Importing, 100, 20), None, "another task has another pace");
        assert_eq!(after(Importing, 400, 23), Some(6));
        assert_eq!(after(Importing, 400, 23), Some(6), "a look at the same changes nothing");
        assert_eq!(after(Importing, 1_000, 29), None, "nothing is left");
        assert_eq!(after(Importing, 10, 32), None, "it began anew");
        assert_eq!(after(Importing, 20, 31), None, "clocks may be set back");
        pace.observe(None);
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
