use std::sync::Mutex;
use std::time::Duration;

use super::{Faults, lock};
use crate::commit::{StartRun, StopRun};
use crate::event::Envelope;
use crate::message::{Answer, TaskToken};
use crate::port::{
    AnswerTokens, Delivery, OutgoingMail, PortError, PostponeMessages, PublishEvents, Queue, Runs, SendMail,
    SendMessages,
};

/// A message that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where to.
    pub queue: Queue,
    /// What.
    pub body: String,
    /// After how long it is seen.
    pub delay: Duration,
}

/// A message that was postponed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postponed {
    /// The queue it is in.
    pub queue: Queue,
    /// The receipt it was received with.
    pub receipt: String,
    /// After how long it is seen again.
    pub delay: Duration,
}

/// Queues that only remember.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    sent: Mutex<Vec<Sent>>,
    postponed: Mutex<Vec<Postponed>>,
    faults: Faults,
}

impl MemoryQueues {
    /// Empty queues whose calls may be made to fail.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// All messages that were sent, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.sent).clone()
    }

    /// All messages that were postponed, oldest first.
    #[must_use]
    pub fn postponed(&self) -> Vec<Postponed> {
        lock(&self.postponed).clone()
    }
}

impl SendMessages for MemoryQueues {
    async fn send(&self, queue: Queue, body: String, delay: Duration) -> Result<(), PortError> {
        self.faults.call("send message", || {
            lock(&self.sent).push(Sent { queue, body, delay });
            Ok(())
        })
    }
}

impl PostponeMessages for MemoryQueues {
    async fn postpone(&self, queue: Queue, receipt: &str, delay: Duration) -> Result<(), PortError> {
        self.faults.call("postpone message", || {
            lock(&self.postponed).push(Postponed { queue, receipt: receipt.to_owned(), delay });
            Ok(())
        })
    }
}

/// Task tokens: each takes one answer.
#[derive(Debug, Default)]
pub struct MemoryTokens {
    answers: Mutex<Vec<(TaskToken, Answer)>>,
    faults: Faults,
}

impl MemoryTokens {
    /// Tokens whose calls may be made to fail.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// The answer that a token took.
    #[must_use]
    pub fn answer_of(&self, token: &TaskToken) -> Option<Answer> {
        lock(&self.answers).iter().find(|(answered, _)| answered == token).map(|(_, answer)| answer.clone())
    }
}

impl AnswerTokens for MemoryTokens {
    async fn answer(&self, token: &TaskToken, answer: &Answer) -> Result<Delivery, PortError> {
        self.faults.call("answer token", || {
            let mut answers = lock(&self.answers);
            if answers.iter().any(|(answered, _)| answered == token) {
                return Ok(Delivery::AnsweredAlready);
            }
            answers.push((token.clone(), answer.clone()));
            Ok(Delivery::Accepted)
        })
    }
}

/// A bus that only remembers.
#[derive(Debug, Default)]
pub struct MemoryEvents {
    published: Mutex<Vec<Envelope>>,
    faults: Faults,
}

impl MemoryEvents {
    /// A bus whose calls may be made to fail.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// All events, oldest first.
    #[must_use]
    pub fn published(&self) -> Vec<Envelope> {
        lock(&self.published).clone()
    }
}

impl PublishEvents for MemoryEvents {
    async fn publish(&self, events: &[Envelope]) -> Vec<Result<(), PortError>> {
        let publish = |event: &Envelope| {
            self.faults.call("publish event", || {
                lock(&self.published).push(event.clone());
                Ok(())
            })
        };
        events.iter().map(publish).collect()
    }
}

/// Runs of the state machine, by name.
#[derive(Debug, Default)]
pub struct MemoryRuns {
    started: Mutex<Vec<StartRun>>,
    stopped: Mutex<Vec<StopRun>>,
    faults: Faults,
}

impl MemoryRuns {
    /// Runs whose calls may be made to fail.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// The runs that were started, each once.
    #[must_use]
    pub fn started(&self) -> Vec<StartRun> {
        lock(&self.started).clone()
    }

    /// The runs that were stopped.
    #[must_use]
    pub fn stopped(&self) -> Vec<StopRun> {
        lock(&self.stopped).clone()
    }
}

impl Runs for MemoryRuns {
    async fn start(&self, run: StartRun) -> Result<(), PortError> {
        self.faults.call("start run", || {
            let mut started = lock(&self.started);
            if !started.iter().any(|one| one.execution_name() == run.execution_name()) {
                started.push(run);
            }
            Ok(())
        })
    }

    async fn stop(&self, run: StopRun) -> Result<(), PortError> {
        self.faults.call("stop run", || {
            lock(&self.stopped).push(run);
            Ok(())
        })
    }
}

/// A mail service that only remembers.
#[derive(Default)]
pub struct MemoryMail {
    sent: Mutex<Vec<OutgoingMail>>,
    faults: Faults,
}

impl MemoryMail {
    /// A mail service whose calls may be made to fail.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self { faults, ..Self::default() }
    }

    /// All mails, oldest first.
    #[must_use]
    pub fn sent(&self) -> Vec<OutgoingMail> {
        lock(&self.sent).clone()
    }
}

impl SendMail for MemoryMail {
    async fn send_mail(&self, mail: OutgoingMail) -> Result<(), PortError> {
        self.faults.call("send mail", || {
            lock(&self.sent).push(mail);
            Ok(())
        })
    }
}
