//! What the API needs from the world.

use std::sync::Arc;

use catalog::{Model, SiloKind};
use deletion::schedule::Schedules;
use directory::User;
use pipeline::api::{Person, RelocationView, Surroundings};
use pipeline::code::ErrorCode;
use pipeline::commit::Commit;
use pipeline::ids::{RelocationId, UserId};
use pipeline::port::{
    AuditLog, Clock, CommitError, CommitRelocations, CountUploads, Entropy, KeepProgress, ListRelocations,
    Options, PresignDownloads, PublicKey, ReadObjects, ReadRelocations, SendMessages, SetOptions, UnwrapKeys,
    Uploads, WriteObjects,
};
use pipeline::relocation::{Relocation, RelocationFile};
use pipeline::task::OrderedTask;
use silo::Reconcile;

use crate::{Caller, OptionCache, Refusal};

/// What the API does with relocations and options.
pub trait Store:
    ReadRelocations
    + ListRelocations
    + CommitRelocations
    + CountUploads
    + AuditLog
    + KeepProgress
    + Options
    + SetOptions
{
}

impl<T> Store for T where
    T: ReadRelocations
        + ListRelocations
        + CommitRelocations
        + CountUploads
        + AuditLog
        + KeepProgress
        + Options
        + SetOptions
{
}

/// The kinds of adapters that the API works with; a tuple of them is one.
pub trait World: Send + Sync + 'static {
    /// Where relocations and options are.
    type Store: Store + 'static;
    /// Direct uploads.
    type Uploads: Uploads + 'static;
    /// Where a file within the request goes, and artifacts are.
    type Objects: ReadObjects + WriteObjects + PresignDownloads + 'static;
    /// The cell's key.
    type Key: PublicKey + UnwrapKeys + 'static;
    /// Where users and imports are.
    type Silo: Reconcile + 'static;
    /// Where deletions are scheduled.
    type Schedules: Schedules + 'static;
    /// Where deletions are called for.
    type Queues: SendMessages + 'static;
}

impl<R, U, O, K, S, D, Q> World for (R, U, O, K, S, D, Q)
where
    R: Store + 'static,
    U: Uploads + 'static,
    O: ReadObjects + WriteObjects + PresignDownloads + 'static,
    K: PublicKey + UnwrapKeys + 'static,
    S: Reconcile + 'static,
    D: Schedules + 'static,
    Q: SendMessages + 'static,
{
    type Store = R;
    type Uploads = U;
    type Objects = O;
    type Key = K;
    type Silo = S;
    type Schedules = D;
    type Queues = Q;
}

/// The API's adapters.
pub struct Api<W: World> {
    /// Where relocations and options are.
    pub store: W::Store,
    /// Direct uploads.
    pub uploads: W::Uploads,
    /// Where a file within the request goes, and artifacts are.
    pub objects: Arc<W::Objects>,
    /// The cell's key.
    pub key: W::Key,
    /// The cell's silo, which knows what imports brought.
    pub cell: Arc<W::Silo>,
    /// Control's silo, which knows users.
    pub control: Arc<W::Silo>,
    /// Where deletions are scheduled.
    pub schedules: W::Schedules,
    /// Where deletions are called for.
    pub queues: W::Queues,
    /// What options were a moment ago.
    pub options: OptionCache,
    /// How many days after a relocation's end its files are kept.
    pub artifact_retention_days: u32,
    /// Tells the time.
    pub clock: Box<dyn Clock>,
    /// Makes ids.
    pub entropy: Box<dyn Entropy>,
}

impl<W: World> Api<W> {
    /// The options, of which some may be a moment old.
    pub(crate) fn options(&self) -> impl Options {
        self.options.over(&self.store, self.clock.now())
    }

    /// The silo of a kind.
    pub(crate) fn silo(&self, kind: SiloKind) -> &W::Silo {
        match kind {
            SiloKind::Cell => &self.cell,
            SiloKind::Control => &self.control,
        }
    }

    /// The relocation at an address; whoever asks may know whether it is there.
    pub(crate) async fn relocation(&self, uuid: &str) -> Result<Relocation, Refusal> {
        // What is no uuid is nobody's.
        let id: RelocationId = uuid.parse().map_err(|_| Refusal::from(ErrorCode::NotFound))?;
        self.store.relocation(id).await?.ok_or_else(|| ErrorCode::NotFound.into())
    }

    /// The relocation at an address, for staff.
    pub(crate) async fn for_staff(&self, caller: &Caller, uuid: &str) -> Result<Relocation, Refusal> {
        caller.require_staff()?;
        self.relocation(uuid).await
    }

    /// The relocation at an address, for staff, its owner and whoever asked for it. Whether it is there, staff alone may
    /// know of others'.
    pub(crate) async fn own(&self, caller: &Caller, uuid: &str) -> Result<Relocation, Refusal> {
        let found = self.relocation(uuid).await;
        if found.as_ref().is_err_and(|refusal| refusal.code() == ErrorCode::NotFound) {
            caller.require_staff()?;
        }
        let relocation = found?;
        caller.require_own(&relocation)?;
        Ok(relocation)
    }

    /// Whether a relocation's file can still be read.
    pub(crate) async fn is_there(&self, file: &RelocationFile) -> Result<bool, Refusal> {
        let version = file.pinned.as_ref().map(|pinned| pinned.version.as_str());
        let last_byte = file.bytes.saturating_sub(1);
        Ok(self.objects.get(file.place, &file.key, version, last_byte).await?.is_some())
    }

    /// Stores a commit that a person's request asks for.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<Relocation, Refusal> {
        let relocation = commit.relocation.clone();
        match self.store.commit(commit).await {
            Ok(()) => Ok(relocation),
            Err(CommitError::Conflict(_)) => Err(ErrorCode::ChangedMeanwhile.into()),
            Err(CommitError::OwnerBusy(_)) => Err(ErrorCode::OwnerBusy.into()),
            Err(CommitError::Port(error)) => Err(error.into()),
        }
    }

    /// The record with what the API shows around it.
    pub(crate) async fn view(&self, relocation: Relocation) -> Result<RelocationView, Refusal> {
        let roles = directory::roles(self.cell.as_ref())?;
        let mut people = self.people(&[relocation.creator, relocation.owner]).await?.into_iter();
        let (creator, owner) = (people.next().flatten(), people.next().flatten());
        let progress = match relocation.latest_task {
            Some(OrderedTask::Importing | OrderedTask::ValidatingPoll) => {
                self.store.progress(relocation.id).await?.filter(|progress| progress.is_current(&relocation))
            }
            _ => None,
        };
        let around = Surroundings {
            progress,
            creator,
            owner,
            imported_user_ids: self.imported(relocation.id, roles.users()).await?,
            imported_org_ids: self.imported(relocation.id, roles.organizations()).await?,
        };
        Ok(RelocationView::new(relocation, around))
    }

    /// Users as the API shows them, in the order asked for; none for one that is gone.
    pub(crate) async fn people(&self, ids: &[UserId]) -> Result<Vec<Option<Person>>, Refusal> {
        let users = directory::users(self.control.as_ref(), ids).await?;
        let person = |user: User| Person { id: user.id, email: user.email, username: user.username };
        Ok(users.into_iter().map(|user| user.map(person)).collect())
    }

    async fn imported(&self, id: RelocationId, model: &Model) -> Result<Vec<u64>, Refusal> {
        let rows = directory::imported(self.cell.as_ref(), id.uuid(), model).await?;
        Ok(rows.into_iter().filter_map(|row| u64::try_from(row.pk).ok()).collect())
    }
}
