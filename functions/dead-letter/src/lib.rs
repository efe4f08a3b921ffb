//! `dead-letter`: what died without a word ends all the same, so that no relocation waits for ever.
//!
//! It is fed by the dead-letter queue of every ordered task, by the queue `failures`, to which the state machine
//! reports runs that ended unforeseen, and by the dead-letter queues of validation runs and of undoing. Dead mails
//! are not its business: they fail nothing, and stay in their queue until an operator, whom an alarm calls, looks at
//! them.

use std::sync::Arc;

use pipeline::code::ErrorCode;
use pipeline::commit::Validate;
use pipeline::ids::{Generation, Trace};
use pipeline::message::{RunFailure, TaskMessage};
use pipeline::port::{AnswerTokens, Clock, CommitError, CommitRelocations, ReadRelocations};
use pipeline::relocation::Relocation;
use pipeline::transition::undo;
use pipeline::transition::validation::broke_off;
use pipeline::undo::{CameTo, UndoCall};
use runtime::telemetry::{self, Chain};
use runtime::{Handled, Received, give_up_run, give_up_visit, update};
use tracing::{Instrument, Span, error, warn};

/// The function.
pub struct DeadLetter<R, T> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Where tokens are answered.
    pub tokens: Arc<T>,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
}

/// What died.
#[derive(Debug)]
enum Letter {
    /// A visit to a task.
    Visit(TaskMessage),
    /// A run of the state machine.
    Run(RunFailure),
    /// A validation run.
    Validation(Validate),
    /// Undoing.
    Undo(UndoCall),
}

impl Letter {
    /// Tells letters apart by what only they have: a task's message its token, the machine's report its error, a validation
    /// run its build.
    fn read(body: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body)
            .map(Self::Visit)
            .or_else(|_| serde_json::from_str(body).map(Self::Run))
            .or_else(|_| serde_json::from_str(body).map(Self::Validation))
            .or_else(|_| serde_json::from_str(body).map(Self::Undo))
    }

    /// The run that it died in.
    fn trace(&self) -> Trace {
        match self {
            Self::Visit(message) => message.trace(),
            Self::Run(report) => report.trace(),
            Self::Validation(validate) => validate.trace(),
            Self::Undo(call) => Trace::new(call.uuid, Generation::default()),
        }
    }
}

impl<R, T> DeadLetter<R, T>
where
    R: ReadRelocations + CommitRelocations,
    T: AnswerTokens,
{
    /// Handles one letter. One that cannot be read stays in its queue, whose age calls an operator.
    pub async fn handle(&self, received: &Received) -> Handled {
        let span = telemetry::span("dead-letter", Some(received.deliveries));
        self.bury(received).instrument(span).await
    }

    async fn bury(&self, received: &Received) -> Handled {
        let letter = match Letter::read(&received.body) {
            Ok(letter) => letter,
            Err(error) => {
                error!(error = %Chain(&error), "the dead letter cannot be read");
                return Handled::Failed;
            }
        };
        telemetry::join(&Span::current(), letter.trace());
        warn!(?letter, "something died without a word");
        match self.give_up(&letter).await {
            Ok(()) => Handled::Done,
            Err(error) => {
                error!(error = %Chain(&error), "the dead letter is tried again later");
                Handled::Failed
            }
        }
    }

    async fn give_up(&self, letter: &Letter) -> Result<(), CommitError> {
        let (store, clock) = (self.store.as_ref(), self.clock.as_ref());
        match letter {
            Letter::Visit(message) => give_up_visit(store, self.tokens.as_ref(), clock, message).await,
            Letter::Run(report) => give_up_run(store, clock, report).await,
            Letter::Validation(Validate { uuid, build, .. }) => {
                let died = |relocation: &Relocation| {
                    Ok::<_, CommitError>(broke_off(relocation, *build, self.clock.now()))
                };
                update(store, *uuid, died).await.map(|_| ())
            }
            Letter::Undo(call) => {
                let died = |relocation: &Relocation| {
                    let came_to = CameTo::BrokeOff(ErrorCode::UndoBrokeOff.into());
                    Ok::<_, CommitError>(undo::end(relocation, *call, came_to, self.clock.now()))
                };
                update(store, call.uuid, died).await.map(|_| ())
            }
        }
    }
}
