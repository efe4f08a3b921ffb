//! What functions need from the world, one narrow trait for each capability, so that a function asks for
//! what it uses and its role grants no more. Adapters live in `platform`; `memory` has those for tests.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use uuid::Uuid;

use crate::commit::{Audit, Commit, OutboxEntry, StartRun, StopRun};
use crate::event::Envelope;
use crate::ids::{RelocationId, UserId};
use crate::kinds::FileKind;
use crate::message::{Answer, TaskToken, Visit};
use crate::progress::Progress;
use crate::relocation::{Pinned, Place, Relocation, RelocationFile};
use crate::task::OrderedTask;
use crate::upload::SizeClass;

/// A call to the outside that failed. Says which call on what; the source says why.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed")]
pub struct PortError {
    /// The call and what it was about, such as `get object runs/…/in/raw-relocation-data.tar`.
    pub operation: String,
    retryable: bool,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl PortError {
    /// A failure that may pass: network, throttling, something not yet visible.
    pub fn transient(operation: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation: operation.into(), retryable: true, source: source.into() }
    }

    /// A failure that will come again: a missing right, a malformed item.
    pub fn permanent(operation: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { operation: operation.into(), retryable: false, source: source.into() }
    }

    /// Whether trying again, unchanged, can help.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        self.retryable
    }
}

/// The bytes of an object, in chunks. `runtime::blocking` turns one into a `Read` and a `Write` into one.
pub type ByteStream = BoxStream<'static, Result<Bytes, PortError>>;

// ---- Relocations ---------------------------------------------------------------------------------------

/// Why a commit was not stored. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The relocation is not in the version that the commit was made from: read it again and decide anew.
    #[error("relocation {0} changed meanwhile")]
    Conflict(RelocationId),
    /// The owner has another active relocation.
    #[error("user {0} has another active relocation")]
    OwnerBusy(UserId),
    /// The store failed.
    #[error("the commit could not be stored")]
    Port(#[from] PortError),
}

impl CommitError {
    /// Whether deciding and committing anew can help.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Conflict(_) => true,
            Self::OwnerBusy(_) => false,
            Self::Port(error) => error.retryable(),
        }
    }
}

/// Reads relocations. All reads are consistent: they see every commit that ended before they began.
pub trait ReadRelocations: Send + Sync {
    /// The record; `None` when there is none.
    fn relocation(
        &self,
        id: RelocationId,
    ) -> impl Future<Output = Result<Option<Relocation>, PortError>> + Send;

    /// The outcome of a visit, if it has one.
    fn outcome(
        &self,
        id: RelocationId,
        visit: Visit,
    ) -> impl Future<Output = Result<Option<Answer>, PortError>> + Send;

    /// A relocation's file of a kind.
    fn file(
        &self,
        id: RelocationId,
        kind: FileKind,
    ) -> impl Future<Output = Result<Option<RelocationFile>, PortError>> + Send;
}

/// A relocation's place in the list of all, which begins with the newest: when it was asked for, and its id where
/// several were at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListPosition {
    /// When it was asked for.
    pub date_added: Timestamp,
    /// Its id.
    pub id: RelocationId,
}

impl ListPosition {
    /// Where a relocation stands.
    #[must_use]
    pub const fn of(relocation: &Relocation) -> Self {
        Self { date_added: relocation.date_added, id: relocation.id }
    }
}

/// Lists relocations. One that was only just asked for may not be in the list yet; what is, reads as it is now.
pub trait ListRelocations: Send + Sync {
    /// Relocations of an owner, or all, from the newest to the oldest, behind `after`, at most `limit`. Fewer are the
    /// last.
    fn list(
        &self,
        owner: Option<UserId>,
        after: Option<ListPosition>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Relocation>, PortError>> + Send;
}

/// A relocation's audit log. Commits write to it too.
pub trait AuditLog: Send + Sync {
    /// Adds a line about something that changes nothing, such as a reading.
    fn append(
        &self,
        id: RelocationId,
        line: Audit,
        unique: Uuid,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// All lines, oldest first.
    fn lines(&self, id: RelocationId) -> impl Future<Output = Result<Vec<Audit>, PortError>> + Send;
}

/// Keeps how far a relocation's task is. It is for people to look at, and nothing depends on it.
pub trait KeepProgress: Send + Sync {
    /// Stores how far a task is, in place of what was known before.
    fn save_progress(
        &self,
        id: RelocationId,
        progress: &Progress,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// What was stored last.
    fn progress(&self, id: RelocationId) -> impl Future<Output = Result<Option<Progress>, PortError>> + Send;
}

/// Stores what transitions decide.
pub trait CommitRelocations: Send + Sync {
    /// Stores all of a commit in one transaction, or nothing of it.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// Reads and clears the outbox.
pub trait Outbox: Send + Sync {
    /// Entries from before `before` that were not removed, oldest first, at most `limit`.
    fn pending(
        &self,
        before: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<OutboxEntry>, PortError>> + Send;

    /// Removes an entry that was relayed. That it is gone is success.
    fn remove(&self, id: RelocationId, sequence: u64) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Counts relocations for the daily limits.
pub trait CountUploads: Send + Sync {
    /// How many relocations of a size class were asked for at `since` or later, from all owners.
    fn count(
        &self,
        class: SizeClass,
        since: Timestamp,
    ) -> impl Future<Output = Result<u64, PortError>> + Send;
}

/// Options that operators set while the system runs.
pub trait Options: Send + Sync {
    /// An option's text; `None` when it is not set.
    fn option(&self, name: &str) -> impl Future<Output = Result<Option<String>, PortError>> + Send;
}

/// Sets options.
pub trait SetOptions: Send + Sync {
    /// Sets an option to a text.
    fn set_option(&self, name: &str, value: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

// ---- Objects -------------------------------------------------------------------------------------------

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// Its version and entity tag.
    pub pinned: Pinned,
}

/// Reads objects.
pub trait ReadObjects: Send + Sync {
    /// What is known of an object's latest version; `None` when there is none.
    fn head(
        &self,
        place: Place,
        key: &str,
    ) -> impl Future<Output = Result<Option<ObjectInfo>, PortError>> + Send;

    /// An object's bytes from `offset` on: of the given version, else of the latest. `None` when there is no
    /// such object.
    fn get(
        &self,
        place: Place,
        key: &str,
        version: Option<&str>,
        offset: u64,
    ) -> impl Future<Output = Result<Option<ByteStream>, PortError>> + Send;

    /// The keys and sizes of all objects under a prefix, sorted by key.
    fn list(
        &self,
        place: Place,
        prefix: &str,
    ) -> impl Future<Output = Result<Vec<(String, u64)>, PortError>> + Send;
}

/// Writes objects.
pub trait WriteObjects: Send + Sync {
    /// Stores a stream as a new version of an object. When the stream breaks off, nothing is stored.
    fn put(
        &self,
        place: Place,
        key: &str,
        content: ByteStream,
    ) -> impl Future<Output = Result<ObjectInfo, PortError>> + Send;

    /// Copies one version of an object, of any size, without reading it here.
    fn copy(
        &self,
        from: (Place, &str, &str),
        to: (Place, &str),
    ) -> impl Future<Output = Result<ObjectInfo, PortError>> + Send;
}

/// Removes objects.
pub trait RemoveObjects: Send + Sync {
    /// Removes every version of every object under a prefix, for good. That there is none is success.
    fn remove(&self, place: Place, prefix: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A part of a direct upload that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Its entity tag.
    pub etag: String,
    /// Its size.
    pub bytes: u64,
}

/// A request that the holder may make for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    /// Where to send it.
    pub url: String,
    /// The headers it must carry.
    pub headers: Vec<(String, String)>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// Lets others read objects.
pub trait PresignDownloads: Send + Sync {
    /// A request that reads the latest version of an object.
    fn presign_download(
        &self,
        place: Place,
        key: &str,
        valid_for: Duration,
    ) -> impl Future<Output = Result<Presigned, PortError>> + Send;
}

/// Direct uploads in parts, into [`Place::Uploads`].
pub trait Uploads: Send + Sync {
    /// Begins an upload and names it.
    fn begin(&self, key: &str) -> impl Future<Output = Result<String, PortError>> + Send;

    /// The parts that have arrived, by number; `None` when there is no such upload.
    fn parts(
        &self,
        key: &str,
        upload: &str,
    ) -> impl Future<Output = Result<Option<Vec<UploadedPart>>, PortError>> + Send;

    /// A request that uploads one part.
    fn presign(
        &self,
        key: &str,
        upload: &str,
        part: u32,
        valid_for: Duration,
    ) -> impl Future<Output = Result<Presigned, PortError>> + Send;

    /// Completes an upload from these parts. `None` when the store does not have them so.
    fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: &[(u32, String)],
    ) -> impl Future<Output = Result<Option<ObjectInfo>, PortError>> + Send;

    /// Gives up an upload. That it is gone is success.
    fn abort(&self, key: &str, upload: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

// ---- Messages ------------------------------------------------------------------------------------------

/// The queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Messages that start a task.
    Task(OrderedTask),
    /// Messages that start a validation run.
    Validation,
    /// Mails to send.
    Mail,
    /// Keys across silos to reconcile.
    Cascade,
    /// Rows to delete.
    Deletion,
    /// Relocations to undo.
    Undo,
}

/// Sends messages.
pub trait SendMessages: Send + Sync {
    /// Sends a message, to be seen after `delay`.
    fn send(
        &self,
        queue: Queue,
        body: String,
        delay: Duration,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Postpones a message that was received and not handled.
pub trait PostponeMessages: Send + Sync {
    /// Lets a received message be seen again after `delay`.
    fn postpone(
        &self,
        queue: Queue,
        receipt: &str,
        delay: Duration,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Whether a token took an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The run goes on with it.
    Accepted,
    /// The token was answered before, timed out, or is nobody's.
    AnsweredAlready,
}

/// Answers task tokens. An answer is always the success of the call: the machine reads how the task fared
/// from [`Answer::outcome`], so that its catch-all sees only what nobody foresaw.
pub trait AnswerTokens: Send + Sync {
    /// Gives the answer to a token.
    fn answer(
        &self,
        token: &TaskToken,
        answer: &Answer,
    ) -> impl Future<Output = Result<Delivery, PortError>> + Send;
}

/// Publishes events.
pub trait PublishEvents: Send + Sync {
    /// Publishes events; the result at each index is that of the event there.
    fn publish(&self, events: &[Envelope]) -> impl Future<Output = Vec<Result<(), PortError>>> + Send;
}

/// Starts and stops runs of the state machine.
pub trait Runs: Send + Sync {
    /// Starts a run. That it exists is success.
    fn start(&self, run: StartRun) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Stops a run. That it has ended, or never was, is success.
    fn stop(&self, run: StopRun) -> impl Future<Output = Result<(), PortError>> + Send;
}

// ---- Keys, mail, time, chance --------------------------------------------------------------------------

/// The public half of the cell's key.
pub trait PublicKey: Send + Sync {
    /// The key as PEM.
    fn public_key(&self) -> impl Future<Output = Result<String, PortError>> + Send;
}

/// Why a data key could not be unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum UnwrapError {
    /// It was wrapped for another key.
    #[error("the data key was not encrypted for this cell's key")]
    WrongKey,
    /// The key service failed.
    #[error("the data key could not be unwrapped")]
    Port(#[from] PortError),
}

/// The private half of the cell's key, which never leaves the key service.
pub trait UnwrapKeys: Send + Sync {
    /// Decrypts a wrapped data key. The result is a secret: callers wipe it when they are done.
    fn unwrap_key(&self, wrapped: &[u8]) -> impl Future<Output = Result<Vec<u8>, UnwrapError>> + Send;
}

/// A mail to one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// The recipient's address.
    pub to: String,
    /// The subject line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

/// Sends mails.
pub trait SendMail: Send + Sync {
    /// Hands a mail to the mail service.
    fn send_mail(&self, mail: OutgoingMail) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What a claim on a mail found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailClaim {
    /// It is ours to send until the lease ends.
    Ours,
    /// Somebody else is sending it.
    Leased,
    /// It was sent.
    Sent,
}

/// Makes sure that a mail is sent once: whoever sends it claims it first.
pub trait MailLog: Send + Sync {
    /// Claims a mail until `lease_ends`, unless it was sent or another claim's lease has not ended at `now`.
    fn claim(
        &self,
        id: RelocationId,
        mail: &str,
        now: Timestamp,
        lease_ends: Timestamp,
    ) -> impl Future<Output = Result<MailClaim, PortError>> + Send;

    /// Records that a mail was sent.
    fn sent(
        &self,
        id: RelocationId,
        mail: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Makes random values.
pub trait Entropy: Send + Sync {
    /// Random bytes, unpredictable.
    fn bytes(&self) -> [u8; 32];

    /// A random uuid, version 4.
    fn uuid(&self) -> Uuid {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.bytes();
        uuid::Builder::from_random_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]).into_uuid()
    }
}
