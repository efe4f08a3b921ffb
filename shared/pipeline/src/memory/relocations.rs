use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Faults, lock};
use crate::commit::{Audit, Commit, Lock, OutboxEntry};
use crate::ids::{RelocationId, UserId, Version};
use crate::kinds::FileKind;
use crate::message::{Answer, Visit};
use crate::port::{
    AuditLog, CommitError, CommitRelocations, CountUploads, KeepProgress, ListPosition, ListRelocations,
    MailClaim, MailLog, Options, Outbox, PortError, ReadRelocations, SetOptions,
};
use crate::progress::Progress;
use crate::relocation::{Relocation, RelocationFile};
use crate::upload::SizeClass;

/// The relocation store in memory.
#[derive(Debug, Default)]
pub struct MemoryRelocations {
    state: Mutex<State>,
    faults: Faults,
}

#[derive(Debug, Default)]
struct State {
    relocations: BTreeMap<RelocationId, Relocation>,
    outcomes: BTreeMap<(RelocationId, Visit), Answer>,
    files: BTreeMap<(RelocationId, FileKind), RelocationFile>,
    outbox: BTreeMap<(RelocationId, u64), OutboxEntry>,
    owners: BTreeMap<UserId, RelocationId>,
    audit: Vec<(RelocationId, Audit)>,
    counted: Vec<(SizeClass, Timestamp)>,
    options: BTreeMap<String, String>,
    progress: BTreeMap<RelocationId, Progress>,
    mails: BTreeMap<(RelocationId, String), Mail>,
}

#[derive(Clone, Copy, Debug)]
enum Mail {
    Leased(Timestamp),
    Sent,
}

impl MemoryRelocations {
    /// An empty store whose calls may be made to fail.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        Self { state: Mutex::default(), faults }
    }

    /// Sets an option at once, as a fixture does.
    pub fn give_option(&self, name: &str, value: &str) {
        lock(&self.state).options.insert(name.to_owned(), value.to_owned());
    }

    /// All outbox entries that were not removed, by relocation and sequence.
    #[must_use]
    pub fn outbox(&self) -> Vec<OutboxEntry> {
        lock(&self.state).outbox.values().cloned().collect()
    }

    /// The relocation that holds an owner's lock.
    #[must_use]
    pub fn lock_of(&self, owner: UserId) -> Option<RelocationId> {
        lock(&self.state).owners.get(&owner).copied()
    }

    /// A relocation's audit log, oldest first.
    #[must_use]
    pub fn audit_of(&self, id: RelocationId) -> Vec<Audit> {
        let state = lock(&self.state);
        state.audit.iter().filter(|(of, _)| *of == id).map(|(_, audit)| audit.clone()).collect()
    }
}

impl State {
    /// Checks every condition first, so that a refused commit leaves no trace.
    fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        let id = commit.relocation.id;
        let owner = commit.relocation.owner;
        let stored = self.relocations.get(&id).map_or(Version::default(), |stored| stored.version);
        let is_new_outcome =
            commit.outcome.as_ref().is_none_or(|(visit, _)| !self.outcomes.contains_key(&(id, *visit)));
        if stored != commit.expected || !is_new_outcome {
            return Err(CommitError::Conflict(id));
        }
        if commit.lock == Lock::Take && self.owners.get(&owner).is_some_and(|holder| *holder != id) {
            return Err(CommitError::OwnerBusy(owner));
        }
        match commit.lock {
            Lock::Keep => {}
            Lock::Take => _ = self.owners.insert(owner, id),
            Lock::Release => self.owners.retain(|_, holder| *holder != id),
        }
        if let Some(class) = commit.counted {
            self.counted.push((class, commit.relocation.date_added));
        }
        self.files.extend(commit.files.into_iter().map(|file| ((id, file.kind), file)));
        self.outcomes.extend(commit.outcome.map(|(visit, answer)| ((id, visit), answer)));
        self.outbox.extend(commit.outbox.into_iter().map(|entry| ((id, entry.sequence), entry)));
        self.audit.extend(commit.audit.map(|audit| (id, audit)));
        self.relocations.insert(id, commit.relocation);
        Ok(())
    }

    fn claim(&mut self, key: (RelocationId, String), now: Timestamp, lease_ends: Timestamp) -> MailClaim {
        match self.mails.get(&key) {
            Some(Mail::Sent) => MailClaim::Sent,
            Some(Mail::Leased(until)) if *until > now => MailClaim::Leased,
            _ => {
                self.mails.insert(key, Mail::Leased(lease_ends));
                MailClaim::Ours
            }
        }
    }
}

impl ReadRelocations for MemoryRelocations {
    async fn relocation(&self, id: RelocationId) -> Result<Option<Relocation>, PortError> {
        let found =
            self.faults.call("read relocation", || Ok(lock(&self.state).relocations.get(&id).cloned()));
        give_way().await;
        found
    }

    async fn outcome(&self, id: RelocationId, visit: Visit) -> Result<Option<Answer>, PortError> {
        self.faults.call("read outcome", || Ok(lock(&self.state).outcomes.get(&(id, visit)).cloned()))
    }

    async fn file(&self, id: RelocationId, kind: FileKind) -> Result<Option<RelocationFile>, PortError> {
        self.faults.call("read file", || Ok(lock(&self.state).files.get(&(id, kind)).cloned()))
    }
}

/// Lets others go first that run at the same time, as a store does that has to be waited for: what was read may be
/// another's by the time of the commit.
async fn give_way() {
    let mut has_waited = false;
    poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl CommitRelocations for MemoryRelocations {
    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.faults.call("commit", || Ok(lock(&self.state).commit(commit)))?
    }
}

impl Outbox for MemoryRelocations {
    async fn pending(&self, before: Timestamp, limit: usize) -> Result<Vec<OutboxEntry>, PortError> {
        self.faults.call("read outbox", || {
            let mut entries: Vec<_> = self.outbox().into_iter().filter(|entry| entry.time < before).collect();
            entries.sort_by_key(|entry| (entry.time, entry.relocation, entry.sequence));
            entries.truncate(limit);
            Ok(entries)
        })
    }

    async fn remove(&self, id: RelocationId, sequence: u64) -> Result<(), PortError> {
        self.faults.call("remove outbox entry", || {
            lock(&self.state).outbox.remove(&(id, sequence));
            Ok(())
        })
    }
}

impl CountUploads for MemoryRelocations {
    async fn count(&self, class: SizeClass, since: Timestamp) -> Result<u64, PortError> {
        self.faults.call("count uploads", || {
            let state = lock(&self.state);
            let counted = state.counted.iter().filter(|(of, at)| *of == class && *at >= since).count();
            Ok(counted.try_into().unwrap_or(u64::MAX))
        })
    }
}

impl Options for MemoryRelocations {
    async fn option(&self, name: &str) -> Result<Option<String>, PortError> {
        self.faults.call("read option", || Ok(lock(&self.state).options.get(name).cloned()))
    }
}

impl SetOptions for MemoryRelocations {
    async fn set_option(&self, name: &str, value: &str) -> Result<(), PortError> {
        self.faults.call("set option", || {
            self.give_option(name, value);
            Ok(())
        })
    }
}

impl ListRelocations for MemoryRelocations {
    async fn list(
        &self,
        owner: Option<UserId>,
        after: Option<ListPosition>,
        limit: usize,
    ) -> Result<Vec<Relocation>, PortError> {
        self.faults.call("list relocations", || {
            let state = lock(&self.state);
            let is_listed = |relocation: &&Relocation| {
                owner.is_none_or(|owner| relocation.owner == owner)
                    && after.is_none_or(|after| ListPosition::of(relocation) < after)
            };
            let mut found: Vec<_> = state.relocations.values().filter(is_listed).cloned().collect();
            found.sort_by_key(|relocation| std::cmp::Reverse(ListPosition::of(relocation)));
            found.truncate(limit);
            Ok(found)
        })
    }
}

impl KeepProgress for MemoryRelocations {
    async fn save_progress(&self, id: RelocationId, progress: &Progress) -> Result<(), PortError> {
        self.faults.call("save progress", || {
            lock(&self.state).progress.insert(id, progress.clone());
            Ok(())
        })
    }

    async fn progress(&self, id: RelocationId) -> Result<Option<Progress>, PortError> {
        self.faults.call("read progress", || Ok(lock(&self.state).progress.get(&id).cloned()))
    }
}

impl AuditLog for MemoryRelocations {
    async fn append(&self, id: RelocationId, line: Audit, _: Uuid) -> Result<(), PortError> {
        self.faults.call("write audit log", || {
            lock(&self.state).audit.push((id, line));
            Ok(())
        })
    }

    async fn lines(&self, id: RelocationId) -> Result<Vec<Audit>, PortError> {
        self.faults.call("read audit log", || {
            let mut lines = self.audit_of(id);
            lines.sort_by_key(|line| line.time);
            Ok(lines)
        })
    }
}

impl MailLog for MemoryRelocations {
    async fn claim(
        &self,
        id: RelocationId,
        mail: &str,
        now: Timestamp,
        lease_ends: Timestamp,
    ) -> Result<MailClaim, PortError> {
        self.faults.call("claim mail", || Ok(lock(&self.state).claim((id, mail.to_owned()), now, lease_ends)))
    }

    async fn sent(&self, id: RelocationId, mail: &str, _now: Timestamp) -> Result<(), PortError> {
        self.faults.call("mark mail sent", || {
            lock(&self.state).mails.insert((id, mail.to_owned()), Mail::Sent);
            Ok(())
        })
    }
}
