//! What was seen of a relocation's tasks: which are done, and how long they took.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::kinds::Status;
use pipeline::task::OrderedTask;

use super::pace::between;
use crate::api::Record;

/// The tasks as they were seen to follow each other. Times are those of the record, so that a clock that is wrong here
/// changes none of them.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// How many tasks were done when, ascending.
    seen: Vec<(usize, Timestamp)>,
    /// The tasks that were done when the first look was taken.
    before: usize,
    status: Option<Status>,
}

/// How a task fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    ToCome,
    Running,
    Paused,
    Failed,
    Done,
}

/// How long a task took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// That long.
    Exactly(Duration),
    /// Together with others that long: they came and went between two looks.
    AtMost(Duration),
    /// It runs since then.
    Since(Timestamp),
    /// Nobody looked.
    Unknown,
}

impl Timeline {
    /// What a record says now.
    pub(super) fn observe(&mut self, record: &Record) {
        let view = &record.view;
        let at = view.date_updated;
        let latest = view.latest_task.map(index);
        let done = match view.status {
            Status::Success => OrderedTask::ALL.len(),
            _ => latest.unwrap_or(0),
        };
        if self.status.is_none() {
            self.before = done;
        }
        // A validation that is run again goes back.
        self.seen.retain(|(seen, _)| *seen <= done);
        self.before = self.before.min(done);
        let went_on = self.status == Some(Status::Pause) && view.status != Status::Pause;
        let is_new = self.seen.last().is_none_or(|(seen, _)| *seen != done);
        if latest.is_some() && (is_new || went_on) {
            self.seen.push((done, at));
        }
        if view.status == Status::Failure && self.status != Some(Status::Failure) && !self.seen.is_empty() {
            self.seen.push((done + 1, at));
        }
        self.status = Some(view.status);
    }

    /// How a task fares.
    pub(super) fn mark(&self, task: OrderedTask, latest: Option<OrderedTask>) -> Mark {
        let Some(latest) = latest else { return Mark::ToCome };
        match self.status {
            Some(Status::Success) => Mark::Done,
            _ if task < latest => Mark::Done,
            _ if task > latest => Mark::ToCome,
            Some(Status::Failure) => Mark::Failed,
            Some(Status::Pause) => Mark::Paused,
            _ => Mark::Running,
        }
    }

    /// How long a task took, or since when it runs.
    pub(super) fn took(&self, task: OrderedTask) -> Took {
        let task = index(task);
        if task < self.before {
            return Took::Unknown;
        }
        let Some(begun) = self.seen.iter().rposition(|(seen, _)| *seen <= task) else { return Took::Unknown };
        let (Some((from, since)), until) = (self.seen.get(begun), self.seen.get(begun + 1)) else {
            return Took::Unknown;
        };
        match until {
            None if *from == task => Took::Since(*since),
            None => Took::Unknown,
            Some((to, until)) if to - from == 1 => Took::Exactly(between(*since, *until)),
            Some((_, until)) => Took::AtMost(between(*since, *until)),
        }
    }
}

fn index(task: OrderedTask) -> usize {
    OrderedTask::ALL.iter().position(|one| *one == task).unwrap_or(0)
}
