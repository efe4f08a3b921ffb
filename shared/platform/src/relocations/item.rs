//! What the items of the table hold (README.md, "Relocations").

use aws_sdk_dynamodb::types::AttributeValue;
use pipeline::commit::{Audit, OutboxEntry};
use pipeline::ids::{RelocationId, UserId, Version};
use pipeline::message::{Answer, Visit};
use pipeline::progress::Progress;
use pipeline::relocation::{Relocation, RelocationFile};
use pipeline::upload::SizeClass;
use serde::Serialize;
use uuid::Uuid;

use crate::keys::{self, Key, relocations as key};
use crate::record::{Corrupt, from_record};
pub(super) use crate::record::{text, to_record};
use crate::stream::from_entry;
use crate::table::Item;

/// How often a record was written.
pub(super) const REVISION: &str = "revision";
/// Who holds an owner's lock.
pub(super) const RELOCATION: &str = "relocation";
/// An option's text.
pub(super) const VALUE: &str = "value";

/// The value of `due` in all entries of the outbox.
pub(super) const OUTBOX: &str = "OUTBOX";
/// The value of `listing` in all records.
pub(super) const LISTED: &str = "RELOCATIONS";

/// How long what counts against a daily limit is kept.
const COUNTED_FOR: std::time::Duration = std::time::Duration::from_hours(72);

/// A value that is too large for an item, or is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAnItem {
    #[error("it is larger than an item can be")]
    TooLarge,
    #[error("it cannot be written")]
    Unwritable(#[from] Corrupt),
}

/// A record, with what its indexes need.
pub(super) fn relocation(relocation: &Relocation) -> Result<Item, NotAnItem> {
    let Relocation { id, owner, date_added, version, .. } = relocation;
    let mut item = record(key::record(*id), relocation)?;
    item.insert(REVISION.to_owned(), revision(*version));
    item.insert("listing".to_owned(), AttributeValue::S(LISTED.to_owned()));
    item.insert("owner".to_owned(), AttributeValue::S(keys::padded(owner)));
    item.insert("newest".to_owned(), AttributeValue::S(key::since(*date_added, id)));
    Ok(item)
}

/// A version, as it is compared.
pub(super) fn revision(version: Version) -> AttributeValue {
    AttributeValue::N(version.0.to_string())
}

pub(super) fn file(id: RelocationId, file: &RelocationFile) -> Result<Item, NotAnItem> {
    record(key::file(id, file.kind), file)
}

/// The outcome of a visit, with what an operator asks of it: when it was, and at which attempt.
pub(super) fn outcome(relocation: &Relocation, visit: Visit, answer: &Answer) -> Result<Item, NotAnItem> {
    let Relocation { id, date_updated, latest_task_attempts, .. } = relocation;
    let mut item = record(key::outcome(*id, visit), answer)?;
    item.insert("endedAt".to_owned(), AttributeValue::S(key::time(*date_updated)));
    item.insert("attempts".to_owned(), AttributeValue::N(latest_task_attempts.to_string()));
    Ok(item)
}

pub(super) fn audit(relocation: &Relocation, audit: &Audit) -> Result<Item, NotAnItem> {
    record(key::audit(relocation.id, audit.time, relocation.version), audit)
}

pub(super) fn progress(id: RelocationId, progress: &Progress) -> Result<Item, NotAnItem> {
    record(key::progress(id), progress)
}

/// A line of the audit log about what no commit did.
pub(super) fn audit_line(id: RelocationId, line: &Audit, unique: Uuid) -> Result<Item, NotAnItem> {
    record(key::audit_line(id, line.time, unique), line)
}

/// An option's text.
pub(super) fn option(name: &str, value: &str) -> Item {
    let mut item = key::option(name).attributes();
    item.insert(VALUE.to_owned(), AttributeValue::S(value.to_owned()));
    item
}

/// An entry of the outbox, with what its index needs.
pub(super) fn outbox(entry: &OutboxEntry) -> Result<Item, NotAnItem> {
    let OutboxEntry { relocation, sequence, time, .. } = entry;
    let mut item = from_entry(key::outbox(*relocation, *sequence), entry)?;
    let due_at = key::since(*time, format_args!("{relocation}#{}", keys::padded(sequence)));
    item.insert("due".to_owned(), AttributeValue::S(OUTBOX.to_owned()));
    item.insert("dueAt".to_owned(), AttributeValue::S(due_at));
    Ok(item)
}

/// The lock of a relocation's owner.
pub(super) fn lock(owner: UserId, holder: RelocationId) -> Item {
    let mut item = key::owner(owner).attributes();
    item.insert(RELOCATION.to_owned(), AttributeValue::S(holder.to_string()));
    item
}

/// What counts against a daily limit. DynamoDB removes it when no limit can ask for it any more.
pub(super) fn counted(class: SizeClass, relocation: &Relocation) -> Item {
    let Relocation { id, date_added, .. } = relocation;
    let mut item = key::counted(class, *date_added, *id).attributes();
    let expires = date_added.saturating_add(COUNTED_FOR).unwrap_or(*date_added);
    item.insert("expires".to_owned(), AttributeValue::N(expires.as_second().to_string()));
    item
}

fn record(key: Key, record: &impl Serialize) -> Result<Item, NotAnItem> {
    from_record(key, record)?.ok_or(NotAnItem::TooLarge)
}
