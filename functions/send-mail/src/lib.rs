//! `send-mail`: the only function that writes to people. Its queue is fed by the bus, with the events that are told by
//! mail, and by `notifying_users`.
//!
//! A message is an event's envelope and names nobody's address: those are looked up in control when the mail is
//! sent. Each mail is claimed first, so that it is sent once however often its event comes. One that cannot be sent
//! fails no relocation: it is tried again, and ends as a dead letter that calls an operator.

mod letters;
mod moved;

use std::sync::Arc;
use std::time::Duration;

use directory::{User, users};
use jiff::Timestamp;
use mail::{RenderError, Rendered};
use pipeline::event::Envelope;
use pipeline::ids::{Generation, RelocationId, Trace};
use pipeline::port::{
    Clock, Entropy, MailClaim, MailLog, OutgoingMail, PortError, PostponeMessages, Queue, ReadRelocations,
    SendMail,
};
use runtime::config::Waits;
use runtime::telemetry::{self, Chain};
use runtime::{Backoff, Handled, Received};
use silo::{Silo, StoreError};
use tracing::{Instrument, Span, error, info, warn};

use letters::Letter;

/// The function.
pub struct MailSender<R, S, M, Q> {
    /// Where relocations are, and which mails were sent.
    pub store: Arc<R>,
    /// Where imported organisations are.
    pub cell: Arc<S>,
    /// Where users are.
    pub control: Arc<S>,
    /// Takes the mails.
    pub mailer: M,
    /// Where messages are postponed.
    pub queues: Q,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Spreads retries.
    pub entropy: Box<dyn Entropy>,
    /// How long to wait before a retry.
    pub waits: Waits,
    /// Where users claim their accounts.
    pub claim_url: String,
}

/// Why a mail was not sent. None of it names a recipient's address.
#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error("the message is no event")]
    Message(#[from] serde_json::Error),
    #[error("the event is about no relocation")]
    NoSubject,
    #[error("a silo could not be read")]
    Silo(#[from] StoreError),
    #[error("a call failed")]
    Port(#[from] PortError),
    #[error("the mail could not be written")]
    Render(#[from] RenderError),
    #[error("somebody else is sending the mail")]
    Claimed,
}

impl<R, S, M, Q> MailSender<R, S, M, Q>
where
    R: ReadRelocations + MailLog,
    S: Silo,
    M: SendMail,
    Q: PostponeMessages,
{
    /// Sends the mails that an event asks for. Those that were sent before are left out, so that a message whose
    /// second mail failed is safe to deliver again. `time_left` is the function's.
    pub async fn handle(&self, received: &Received, time_left: Duration) -> Handled {
        let span = telemetry::span("send-mail", Some(received.deliveries));
        async {
            let Err(error) = self.send_all(&received.body, time_left).await else { return Handled::Done };
            error!(error = %Chain(&error), "an event's mails were not all sent");
            self.postpone(received, time_left).await;
            Handled::Failed
        }
        .instrument(span)
        .await
    }

    /// Sends each mail, and fails with the last one's error: one recipient does not stand in another's way.
    async fn send_all(&self, body: &str, time_left: Duration) -> Result<(), MailError> {
        let envelope: Envelope = serde_json::from_str(body)?;
        let id = envelope.relocation().ok_or(MailError::NoSubject)?;
        let trace = envelope.trace.unwrap_or(Trace::new(id, Generation::default()));
        telemetry::join(&Span::current(), trace);
        let event = envelope.event()?;
        let Some(relocation) = self.store.relocation(id).await? else {
            warn!("a mail is about a relocation that is gone");
            return Ok(());
        };
        let letters = self.letters(&relocation, event, envelope.sequence);
        let mut outcome = Ok(());
        for letter in letters {
            let sent = self.send(&relocation, &letter, time_left).await;
            if let Err(error) = &sent {
                warn!(mail = letter.key, error = %Chain(error), "a mail was not sent");
            }
            outcome = sent.and(outcome);
        }
        outcome
    }

    /// Sends one mail, unless it was sent, or there is nobody to read it.
    async fn send(
        &self,
        relocation: &pipeline::relocation::Relocation,
        letter: &Letter,
        time_left: Duration,
    ) -> Result<(), MailError> {
        let id = relocation.id;
        let Some((reader, rendered)) = self.written(relocation, letter).await? else {
            info!(mail = letter.key, "a mail has no reader");
            return Ok(());
        };
        let now = self.clock.now();
        // Nobody else may send it while this function could still be at it.
        let lease_ends = now.saturating_add(time_left).unwrap_or(Timestamp::MAX);
        match self.store.claim(id, &letter.key, now, lease_ends).await? {
            MailClaim::Sent => return Ok(()),
            MailClaim::Leased => return Err(MailError::Claimed),
            MailClaim::Ours => {}
        }
        let Rendered { subject, text, html } = rendered;
        self.mailer.send_mail(OutgoingMail { to: reader.email, subject, text, html }).await?;
        self.mark(id, &letter.key).await;
        info!(mail = letter.key, "a mail was sent");
        Ok(())
    }

    /// Notes that a mail was sent. Should that fail, the message is done with all the same: delivering it again
    /// would send the mail again.
    async fn mark(&self, id: RelocationId, key: &str) {
        if let Err(error) = self.store.sent(id, key, self.clock.now()).await {
            error!(mail = key, error = %Chain(&error), "a mail was sent and not marked so");
        }
    }

    /// The reader with an address, and the mail; nothing when either is missing by now.
    async fn written(
        &self,
        relocation: &pipeline::relocation::Relocation,
        letter: &Letter,
    ) -> Result<Option<(User, Rendered)>, MailError> {
        let reader = users(self.control.as_ref(), &[letter.to]).await?.pop().flatten();
        let Some(reader) = reader.filter(|user| !user.email.is_empty()) else { return Ok(None) };
        let rendered = self.render(relocation, letter, &reader).await?;
        Ok(rendered.map(|rendered| (reader, rendered)))
    }

    /// Not before the lease on the message's mail has ended.
    async fn postpone(&self, received: &Received, lease: Duration) {
        let Self { queues, entropy, waits, .. } = self;
        let backoff = Backoff { queues, entropy: entropy.as_ref(), waits: *waits };
        backoff.postpone(Queue::Mail, received, lease).await;
    }
}
