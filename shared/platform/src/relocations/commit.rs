//! A commit as one transaction, and what its refusal says.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use pipeline::commit::{Commit, Lock};
use pipeline::ids::{RelocationId, Version};
use pipeline::port::{CommitError, CommitRelocations, PortError};

use super::item::{self, NotAnItem};
use super::{Relocations, keys};
use crate::ServiceError;
use crate::failure::{failed, unreadable};
use crate::table::{
    Change, Condition, IS_FREE, NotWritten, TRANSACT_WRITE_ITEMS, condition_failed, hindrance,
};

/// How often a commit is tried that met another transaction. That one has ended soon, and then the conditions
/// tell whether the commit still stands.
const TRIES: u32 = 6;
/// The longest wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// What a change is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The relocation's state: refused when that is not what it was.
    State,
    /// The owner's lock, to be taken.
    Take,
    /// The owner's lock, to be released.
    Release,
}

/// Why a commit was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    /// The relocation is not what it was.
    Conflict,
    /// The lock to take is another relocation's.
    OwnerBusy,
    /// The lock to release is another relocation's.
    NotOurs,
    /// A reason of DynamoDB's own, by its code.
    Other(String),
}

impl CommitRelocations for Relocations {
    async fn commit(&self, mut commit: Commit) -> Result<(), CommitError> {
        let id = commit.relocation.id;
        let mut tries = 0;
        while let Err(refusal) = self.store(&commit).await? {
            tries += 1;
            match refusal {
                Refusal::Conflict => return Err(CommitError::Conflict(id)),
                Refusal::OwnerBusy => return Err(CommitError::OwnerBusy(commit.relocation.owner)),
                // It cannot become ours meanwhile without a new version of the record.
                Refusal::NotOurs => commit.lock = Lock::Keep,
                Refusal::Other(code) => {
                    let error = ServiceError::answered(TRANSACT_WRITE_ITEMS, &code);
                    if tries == TRIES || !error.retryable() {
                        return Err(failed(|| format!("commit relocation {id}"))(error).into());
                    }
                    let wait = FIRST_WAIT.saturating_mul(1 << tries.min(6));
                    tokio::time::sleep(wait.mul_f64(fastrand::f64())).await;
                }
            }
        }
        runtime::metrics::committed(&commit);
        Ok(())
    }
}

impl Relocations {
    async fn store(&self, commit: &Commit) -> Result<Result<(), Refusal>, PortError> {
        let action = || format!("commit relocation {}", commit.relocation.id);
        let (parts, changes): (Vec<_>, Vec<_>) =
            changes(commit).map_err(unreadable(action))?.into_iter().unzip();
        match self.table.transact(changes).await {
            Ok(()) => Ok(Ok(())),
            Err(NotWritten::Cancelled(reasons)) => Ok(Err(judge(&parts, &reasons))),
            Err(NotWritten::Failed(error)) => Err(failed(action)(error)),
        }
    }
}

/// Everything that a commit writes.
fn changes(commit: &Commit) -> Result<Vec<(Part, Change)>, NotAnItem> {
    let Commit { relocation, .. } = commit;
    let (id, owner) = (relocation.id, relocation.owner);
    let new = |item| (Part::State, Change::Put(item, Condition::new(IS_FREE, [])));
    let mut changes = vec![(Part::State, Change::Put(item::relocation(relocation)?, is_at(commit.expected)))];
    match commit.lock {
        Lock::Keep => {}
        Lock::Take => changes.push((Part::Take, Change::Put(item::lock(owner, id), is_free_or_of(id)))),
        Lock::Release => changes.push((Part::Release, Change::Delete(keys::owner(owner), is_free_or_of(id)))),
    }
    for file in &commit.files {
        changes.push((Part::State, Change::Set(item::file(id, file)?)));
    }
    if let Some((visit, answer)) = &commit.outcome {
        changes.push(new(item::outcome(relocation, *visit, answer)?));
    }
    for entry in &commit.outbox {
        changes.push(new(item::outbox(entry)?));
    }
    if let Some(audit) = &commit.audit {
        changes.push(new(item::audit(relocation, audit)?));
    }
    if let Some(class) = commit.counted {
        changes.push(new(item::counted(class, relocation)));
    }
    Ok(changes)
}

/// The record is in the version that the commit was made from.
fn is_at(version: Version) -> Condition {
    if version == Version::default() {
        return Condition::new(IS_FREE, []);
    }
    Condition::new("revision = :revision", [(":revision", item::revision(version))])
}

fn is_free_or_of(id: RelocationId) -> Condition {
    let relocation = AttributeValue::S(id.to_string());
    Condition::new("attribute_not_exists(pk) OR relocation = :relocation", [(":relocation", relocation)])
}

/// What the reasons of a cancelled transaction, one for each of its parts, come to. A reason of DynamoDB's own
/// goes first, since then it may not have looked at every condition.
fn judge(parts: &[Part], reasons: &[CancellationReason]) -> Refusal {
    if let Some(code) = hindrance(reasons) {
        return Refusal::Other(code.to_owned());
    }
    let failed = |wanted| {
        let mut reasons = parts.iter().zip(reasons);
        reasons.any(|(part, reason)| *part == wanted && condition_failed(reason))
    };
    if failed(Part::State) {
        Refusal::Conflict
    } else if failed(Part::Take) {
        Refusal::OwnerBusy
    } else if failed(Part::Release) {
        Refusal::NotOurs
    } else {
        Refusal::Other("TransactionCanceledException".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "ConditionalCheckFailed";

    fn judged(parts: &[(Part, &str)]) -> Refusal {
        let reason = |code: &str| CancellationReason::builder().code(code).build();
        let (parts, reasons): (Vec<_>, Vec<_>) =
            parts.iter().map(|(part, code)| (*part, reason(code))).unzip();
        judge(&parts, &reasons)
    }

    #[test]
    fn says_why_a_transaction_was_cancelled() {
        use Part::{Release, State, Take};
        for (parts, expected) in [
            (&[(State, FAILED), (Take, "None")], Refusal::Conflict),
            (&[(State, "None"), (Take, FAILED)], Refusal::OwnerBusy),
            (&[(State, FAILED), (Take, FAILED)], Refusal::Conflict),
            (&[(State, "None"), (Release, FAILED)], Refusal::NotOurs),
            (&[(State, FAILED), (Release, FAILED)], Refusal::Conflict),
            (
                &[(State, FAILED), (Take, "TransactionConflict")],
                Refusal::Other("TransactionConflict".to_owned()),
            ),
            (&[(State, "None"), (Take, "None")], Refusal::Other("TransactionCanceledException".to_owned())),
        ] {
            assert_eq!(judged(parts), expected, "{parts:?}");
        }
    }
}
