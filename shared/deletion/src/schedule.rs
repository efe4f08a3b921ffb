//! Scheduled deletions (SPEC §10): the record of one, and what may happen to it.
//!
//! What happens is an [`Event`]; [`decide`] says what it makes of the record, and what follows from it. It is pure: who
//! tells of an event stores what was decided, if the record is still the one that it was decided on, and only then does
//! what follows. Killed in between, the message that told of it comes again.

mod call;
#[cfg(feature = "contract")]
pub mod contract;
mod desk;
mod mark;
#[cfg(feature = "memory")]
mod memory;
mod store;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{DeletionJob, RowId};

pub use call::{Called, called};
pub use desk::{Ask, ScheduleError, cancel, schedule};
pub use mark::{begin, find, put_back};
#[cfg(feature = "memory")]
pub use memory::MemorySchedules;
pub use store::{Applied, Schedules, apply};

/// After how many days a deletion is due, unless somebody says otherwise.
pub const DAYS: u32 = 30;

/// How often a deletion that fails is tried again.
pub const RETRIES_MAX: u32 = 5;

/// How long after it was due a deletion in progress is taken up again.
pub const TAKEN_UP_AFTER: Duration = Duration::from_hours(24);

/// For how long nothing may be heard of a deletion that is in progress. One that goes on is heard of every few minutes,
/// so that nobody begins a second time what only takes long.
pub const SILENCE_MAX: Duration = Duration::from_hours(1);

/// A deletion that is scheduled; there is one for each object at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledDeletion {
    /// What is to be deleted.
    pub job: DeletionJob,
    /// Tells it from all others, those of the same object included.
    pub id: Uuid,
    /// The user who asked for it last.
    pub asked_by: u64,
    /// When it was first asked for.
    pub added: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
    /// When it is due.
    pub due: Timestamp,
    /// How it stands.
    pub standing: Standing,
    /// How often it was begun since it last got further.
    pub attempts: u32,
    /// When others were told that it begins; none if they were not.
    pub announced: Option<Timestamp>,
    /// How many rows went so far.
    pub rows: u64,
    /// How many keys were nulled so far.
    pub keys: u64,
    /// Why it did not get further when it last tried to.
    pub failure: Option<Failure>,
    /// What the field that marks the object says again when the deletion is cancelled; none where nothing marks it.
    pub restores: Option<Value>,
    /// Each change is one more.
    pub revision: u64,
}

/// How a scheduled deletion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Standing {
    /// It waits until it is due.
    Waiting,
    /// It has begun, and is not at its end.
    InProgress {
        /// When it began.
        since: Timestamp,
    },
    /// It failed, and is not tried again until somebody asks for it.
    GivenUp {
        /// When it was given up.
        since: Timestamp,
    },
}

/// Why a deletion did not get further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong, with its causes.
    pub error: String,
    /// The rows that stand in the way, or some of them, if rows do.
    pub rows: Vec<RowId>,
}

/// What happens to a scheduled deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody asks for it.
    Asked {
        /// Its id, unless it is scheduled already.
        id: Uuid,
        /// Who asks.
        by: u64,
        /// When it is to be due.
        due: Timestamp,
        /// What the field that marks the object said before.
        restores: Option<Value>,
    },
    /// The object is marked now. Whoever has looked at it before has to look again.
    Marked,
    /// A message wants it to go on, and the object is so.
    Called(Object),
    /// All who have to know of it were told that it begins.
    Announced,
    /// It got further, and more is left.
    Advanced {
        /// How many rows went.
        rows: u64,
        /// How many keys were nulled.
        keys: u64,
    },
    /// The object is gone, with all that depended on it.
    Done,
    /// It did not get further.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether trying again can help.
        can_retry: bool,
    },
    /// Somebody takes it back.
    Cancelled,
}

/// An object, as a deletion looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// It is not there.
    Gone,
    /// It says that it stays: it is neither pending nor in deletion.
    Stays,
    /// It is to go.
    Goes,
}

/// What becomes of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It stays as it is; none, if there is none.
    Same,
    /// It is so.
    Is(Box<ScheduledDeletion>),
    /// It goes.
    Gone,
}

/// What is to be done once it is stored what becomes of the record, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The object is marked as one that is being deleted; unless it says that it stays, which is another call.
    Begin,
    /// Others are told that it begins.
    Announce,
    /// Rows are deleted.
    Delete,
    /// The object is marked as one whose deletion is pending, because nobody goes on with it.
    PutBack,
    /// It is called for, after a while.
    Call(Wait),
}

/// How long it takes until a deletion is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as it takes before a deletion goes on that has more to do.
    Again,
    /// As long as it takes before one is tried again that failed.
    Retry,
}

/// A deletion in progress cannot be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deletion is in progress")]
pub struct InProgress;

impl ScheduledDeletion {
    /// Whether it has begun, and is not at its end.
    pub fn is_in_progress(&self) -> bool {
        matches!(self.standing, Standing::InProgress { .. })
    }

    /// Whether it is to be called for: its time has come, or it was begun a day ago and nobody goes on with it.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let is_past = |time: Timestamp, by: Duration| time.saturating_add(by).is_ok_and(|time| time <= now);
        match self.standing {
            Standing::Waiting => self.due <= now,
            Standing::InProgress { .. } => {
                is_past(self.due, TAKEN_UP_AFTER) && is_past(self.updated, SILENCE_MAX)
            }
            Standing::GivenUp { .. } => false,
        }
    }

    fn new(job: &DeletionJob, id: Uuid, now: Timestamp) -> Self {
        Self {
            job: job.clone(),
            id,
            asked_by: 0,
            added: now,
            updated: now,
            due: now,
            standing: Standing::Waiting,
            attempts: 0,
            announced: None,
            rows: 0,
            keys: 0,
            failure: None,
            restores: None,
            revision: 0,
        }
    }

    /// The record after a change.
    fn changed(mut self, now: Timestamp, change: impl FnOnce(&mut Self)) -> Next {
        change(&mut self);
        self.updated = now;
        self.revision += 1;
        Next::Is(Box::new(self))
    }
}

/// Decides what an event makes of the record of an object's deletion, and what follows.
///
/// # Errors
/// It cannot be taken back any more.
pub fn decide(
    record: Option<&ScheduledDeletion>,
    job: &DeletionJob,
    event: Event,
    now: Timestamp,
) -> Result<(Next, Vec<Effect>), InProgress> {
    let Some(record) = record else {
        return Ok(match event {
            Event::Asked { id, by, due, restores } => {
                let new = ScheduledDeletion::new(job, id, now);
                let asked = |new: &mut ScheduledDeletion| {
                    (new.asked_by, new.due, new.restores) = (by, due, restores);
                };
                (new.changed(now, asked), Vec::new())
            }
            _ => (Next::Same, Vec::new()),
        });
    };
    let record = record.clone();
    Ok(match (event, record.standing) {
        (Event::Asked { by, due, .. }, _) => (record.changed(now, |record| ask(record, by, due)), Vec::new()),
        (Event::Marked, Standing::Waiting) => (record.changed(now, |_| {}), Vec::new()),
        (Event::Called(object), Standing::Waiting) if record.due <= now => call(record, object, now),
        (Event::Called(object), Standing::InProgress { .. }) => call(record, object, now),
        (Event::Announced, Standing::InProgress { .. }) => {
            (record.changed(now, |record| record.announced = record.announced.or(Some(now))), Vec::new())
        }
        (Event::Advanced { rows, keys }, Standing::InProgress { .. }) => {
            let advance = |record: &mut ScheduledDeletion| {
                (record.attempts, record.failure) = (0, None);
                record.rows = record.rows.saturating_add(rows);
                record.keys = record.keys.saturating_add(keys);
            };
            (record.changed(now, advance), vec![Effect::Call(Wait::Again)])
        }
        (Event::Done, Standing::InProgress { .. }) => (Next::Gone, Vec::new()),
        (Event::Failed { failure, can_retry }, Standing::InProgress { .. }) => {
            fail(record, failure, can_retry, now)
        }
        (Event::Cancelled, Standing::InProgress { .. }) => return Err(InProgress),
        (Event::Cancelled, Standing::Waiting | Standing::GivenUp { .. }) => (Next::Gone, Vec::new()),
        // Messages come late and twice: what is not in progress is not to be told how it fares, what is not due waits, and
        // what was given up waits for somebody.
        _ => (Next::Same, Vec::new()),
    })
}

/// Somebody asks again: the date moves, and what was given up has all its attempts again.
fn ask(record: &mut ScheduledDeletion, by: u64, due: Timestamp) {
    (record.asked_by, record.due) = (by, due);
    if let Standing::GivenUp { .. } = record.standing {
        record.standing = Standing::Waiting;
        (record.attempts, record.failure) = (0, None);
    }
}

fn call(record: ScheduledDeletion, object: Object, now: Timestamp) -> (Next, Vec<Effect>) {
    if object != Object::Goes {
        return (Next::Gone, Vec::new());
    }
    // Each attempt so far ended without a word, as when memory runs out.
    if record.attempts > RETRIES_MAX {
        let error = format!("it broke off {} times without saying why", record.attempts);
        return fail(record, Failure { error, rows: Vec::new() }, false, now);
    }
    let mut effects = vec![Effect::Begin];
    effects.extend(record.announced.is_none().then_some(Effect::Announce));
    effects.push(Effect::Delete);
    let begin = |record: &mut ScheduledDeletion| {
        record.attempts += 1;
        if record.standing == Standing::Waiting {
            record.standing = Standing::InProgress { since: now };
        }
    };
    (record.changed(now, begin), effects)
}

fn fail(record: ScheduledDeletion, failure: Failure, can_retry: bool, now: Timestamp) -> (Next, Vec<Effect>) {
    let is_over = !can_retry || record.attempts > RETRIES_MAX;
    let note = |record: &mut ScheduledDeletion| {
        record.failure = Some(failure);
        if is_over {
            record.standing = Standing::GivenUp { since: now };
        }
    };
    let effect = if is_over { Effect::PutBack } else { Effect::Call(Wait::Retry) };
    (record.changed(now, note), vec![effect])
}
