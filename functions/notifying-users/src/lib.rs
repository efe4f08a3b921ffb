//! `notifying_users` (SPEC §3, 14): imported users are asked to claim their accounts.

mod claims;
mod slugs;

use std::sync::Arc;
use std::time::Duration;

use directory::{Roles, User, broken, inserted, plan, roles, several};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pipeline::code::ErrorCode;
use pipeline::event::{ClaimRequested, Event, Recorded};
use pipeline::ids::UserId;
use pipeline::message::Visit;
use pipeline::port::{Entropy, Queue, SendMessages};
use pipeline::relocation::{Failure, Relocation};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};
use silo::{Pk, Silo};

use slugs::Slugs;

/// How many users are looked after between two looks at the fence.
const USERS_PER_GROUP: usize = 100;

/// How many messages are on their way at a time.
const SENDS_AT_A_TIME: usize = 16;

/// The task.
pub struct NotifyingUsers<S, Q> {
    /// The cell's name: the source of events.
    pub cell_name: String,
    /// Where organisations and memberships are.
    pub cell: Arc<S>,
    /// Where users and their claims are.
    pub control: Arc<S>,
    /// Where mails are asked for.
    pub queues: Arc<Q>,
    /// Makes what nobody can guess.
    pub entropy: Box<dyn Entropy>,
}

impl<S: Silo, Q: SendMessages> Task for NotifyingUsers<S, Q> {
    const TASK: OrderedTask = OrderedTask::NotifyingUsers;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let relocation = &context.relocation;
        let users = self.users(relocation).await?;
        let (control, import) = (self.control.as_ref(), relocation.id.uuid());
        check_usernames(roles(control).map_err(broken)?, relocation, &users)?;
        let slugs = Slugs::read(self.cell.as_ref(), import).await.map_err(broken)?;
        let plan = plan(control, import).await.map_err(broken)?;
        let unclaimed: Vec<Pk> =
            users.iter().filter(|(_, user)| user.is_unclaimed).map(|(pk, _)| *pk).collect();
        for users in unclaimed.chunks(USERS_PER_GROUP) {
            context.fence.check().await?;
            let hashed = claims::ensure(control, &plan, users, context.now, self.entropy.as_ref());
            let hashed = hashed.await.map_err(broken)?;
            let claims: Vec<(Pk, Timestamp)> = users.iter().copied().zip(hashed).collect();
            self.ask(context, &claims, &slugs).await?;
        }
        let unclaimed_emails_sent_at = Some(context.now);
        Ok(Finished::next().with(Changes { unclaimed_emails_sent_at, ..Changes::default() }))
    }
}

impl<S: Silo, Q: SendMessages> NotifyingUsers<S, Q> {
    /// The users that the import inserted and that nobody has deleted since.
    async fn users(&self, relocation: &Relocation) -> Result<Vec<(Pk, User)>, TaskError> {
        let control = self.control.as_ref();
        let roles = roles(control).map_err(broken)?;
        let pks = inserted(self.cell.as_ref(), relocation.id.uuid(), roles.users()).await.map_err(broken)?;
        let rows = several(control, roles.users(), &pks).await.map_err(broken)?;
        Ok(rows.into_iter().flatten().map(|stored| (stored.row.pk, roles.user(&stored.row))).collect())
    }

    /// Asks for a mail to each user. A message that is sent again does no harm: who sends the mail claims it
    /// first.
    async fn ask(
        &self,
        context: &TaskContext,
        claims: &[(Pk, Timestamp)],
        slugs: &Slugs,
    ) -> Result<(), TaskError> {
        let messages = claims.iter().map(|claim| self.message(&context.relocation, *claim, slugs));
        let messages = messages.collect::<Result<Vec<_>, _>>().map_err(TaskError::permanent)?;
        stream::iter(messages)
            .map(|message| self.queues.send(Queue::Mail, message, Duration::ZERO))
            .buffer_unordered(SENDS_AT_A_TIME)
            .try_collect::<()>()
            .await?;
        Ok(())
    }

    /// The event that asks for a mail. It goes to the queue of mails directly: 2,000 of them would not fit the
    /// transaction that an outbox entry has to be part of.
    fn message(
        &self,
        relocation: &Relocation,
        (user, hashed_at): (Pk, Timestamp),
        slugs: &Slugs,
    ) -> Result<String, serde_json::Error> {
        let id = relocation.id;
        let visit = Visit { generation: relocation.generation, task: Self::TASK, turn: Default::default() };
        let recorded = Recorded {
            id: format!("{id}-claim-{user}"),
            time: relocation.date_updated,
            subject: id.to_string(),
            sequence: relocation.sequence,
            causation: visit.to_string(),
            trace: Some(relocation.trace()),
            event: Event::ClaimRequested(ClaimRequested {
                user_id: UserId(user.unsigned_abs()),
                organization_slugs: slugs.of_user(user),
                hashed_at,
            }),
        };
        serde_json::to_string(&recorded.into_envelope(&self.cell_name)?)
    }
}

/// Nobody is to be written to whom nobody asked for.
fn check_usernames(roles: Roles<'_>, relocation: &Relocation, users: &[(Pk, User)]) -> Result<(), TaskError> {
    let wanted = roles.wanted_usernames(relocation.want_usernames.iter().flatten().cloned());
    match users.iter().find(|(_, user)| !wanted.covers(&user.username)) {
        None => Ok(()),
        // A username may be an address, so that the primary key has to do.
        Some((pk, _)) => {
            let detail = format!(
                "The user with the primary key {pk} was imported, for whom nobody asked. Support has to look at \
                 it before anyone is told."
            );
            Err(TaskError::Verdict(Failure::new(ErrorCode::UnexpectedUser, detail)))
        }
    }
}
