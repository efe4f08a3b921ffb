//! What the state machine and a task's function say to each other: the message that starts a task, and the
//! answer that its token is given.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::ErrorCode;
use crate::ids::{BuildId, Generation, RelocationId, Trace, Turn};
use crate::task::OrderedTask;

/// The longest a run may loop before it ends and a new one takes over, because the history of one
/// execution holds 25,000 events.
pub const MAX_TURNS: Turn = Turn(2_000);

/// A state machine's request to run a task, as it stands in the task's queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMessage {
    /// The relocation.
    pub uuid: RelocationId,
    /// The run that asks.
    pub generation: Generation,
    /// The task to run.
    pub task: OrderedTask,
    /// How often the run has looped back so far.
    pub turn: Turn,
    /// What to answer with.
    pub token: TaskToken,
    /// The validation run that a poll is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
}

impl TaskMessage {
    /// The run that asks.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::new(self.uuid, self.generation)
    }

    /// The visit that this message asks for.
    #[must_use]
    pub const fn visit(&self) -> Visit {
        Visit { generation: self.generation, task: self.task, turn: self.turn }
    }
}

/// What the state machine reports when a run ends in a way nobody foresaw: no answer came in time, or a
/// message could not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// The relocation.
    pub uuid: RelocationId,
    /// The run that ended.
    pub generation: Generation,
    /// The task it ended at.
    pub task: OrderedTask,
    /// The machine's name for what went wrong, such as `States.Timeout`.
    pub error: String,
}

impl RunFailure {
    /// The run that ended.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::new(self.uuid, self.generation)
    }
}

/// One visit of a run to a task. Its outcome is decided once and stored under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Visit {
    /// The run.
    pub generation: Generation,
    /// The task.
    pub task: OrderedTask,
    /// The turn of the run.
    pub turn: Turn,
}

impl fmt::Display for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.generation, self.task, self.turn)
    }
}

/// The state machine's task token. It is a credential: it never shows in debug output.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskToken(String);

impl TaskToken {
    /// Wraps a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for the call that answers it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(…)")
    }
}

/// How a visit ended, as the machine's Choice reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Go on with the task in `next`; end well when there is none.
    Next,
    /// Wait for `waitSeconds`, then visit the same task again.
    Again,
    /// End the run; something else starts another one when it is time.
    Paused,
    /// End the run; the record has moved on without it.
    Stopped,
    /// End the run as failed, for the reason in `code`.
    Failed,
}

/// The answer to a task's token. It is stored with the outcome, so that a message that comes again gets
/// the same answer again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// How the visit ended.
    pub outcome: Verdict,
    /// The task to go on with.
    pub next: Option<OrderedTask>,
    /// The turn that the next message has to carry.
    pub turn: Turn,
    /// How long to wait before the next message.
    pub wait_seconds: u32,
    /// Why the relocation failed.
    pub code: Option<ErrorCode>,
    /// The validation run that the next messages are about.
    pub build: Option<BuildId>,
}

impl Answer {
    /// An answer that ends the run.
    #[must_use]
    pub const fn end(outcome: Verdict, turn: Turn) -> Self {
        Self { outcome, next: None, turn, wait_seconds: 0, code: None, build: None }
    }

    /// The run ends because the record has moved on.
    #[must_use]
    pub const fn stopped(turn: Turn) -> Self {
        Self::end(Verdict::Stopped, turn)
    }

    /// The run ends because the relocation failed.
    #[must_use]
    pub const fn failed(turn: Turn, code: ErrorCode) -> Self {
        Self { code: Some(code), ..Self::end(Verdict::Failed, turn) }
    }

    /// The run goes on with another task, or ends well when there is none.
    #[must_use]
    pub const fn next(turn: Turn, next: Option<OrderedTask>) -> Self {
        Self { next, ..Self::end(Verdict::Next, turn) }
    }

    /// The run visits the same task again, on the given turn.
    #[must_use]
    pub const fn again(turn: Turn, task: OrderedTask, wait_seconds: u32) -> Self {
        Self { next: Some(task), wait_seconds, ..Self::end(Verdict::Again, turn) }
    }
}
