//! What every adapter of the relocation store has to do, as a suite of checks. An adapter's tests call
//! [`all`], or the checks one by one. Each check makes relocations, owners and a time of its own, so that
//! checks can share a store, with other tests too.
//!
//! A check panics with what it expected, like any test.

#![expect(clippy::expect_used, clippy::panic, reason = "a test suite that lives here for adapters to run")]

use std::time::Duration;

use jiff::Timestamp;

use crate::code::ErrorCode;
use crate::commit::{Actor, Audit, Commit, Dispatch, OutboxEntry, StartRun};
use crate::ids::{Generation, RelocationId, Turn, UserId};
use crate::kinds::{FileKind, Notified, Step, ValidationStatus};
use crate::message::{Answer, TaskMessage, TaskToken, Verdict};
use crate::port::{
    AuditLog, CommitError, CommitRelocations, CountUploads, Entropy, KeepProgress, ListPosition,
    ListRelocations, MailClaim, MailLog, Options, Outbox, ReadRelocations, SetOptions,
};
use crate::progress::{ModelProgress, Progress};
use crate::relocation::{Failure, Fork, Pinned, Place, Relocation, RelocationFile, Upload};
use crate::task::OrderedTask;
use crate::transition::lifecycle::{NewRelocation, Source, UPLOAD_EXPIRES_AFTER, create, upload_completed};
use crate::transition::{Cause, Outcome};
use crate::transition::{
    Changes, Finished, Start, ValidationChange, admin, fail, finish, lifecycle, start, validation,
};
use crate::upload::SizeClass;

const RETENTION_DAYS: u32 = 30;
const ARTIFACTS_EXPIRE_AFTER: Duration = Duration::from_hours(24 * RETENTION_DAYS as u64);

/// What the suite exercises.
pub trait Store:
    ReadRelocations
    + ListRelocations
    + KeepProgress
    + CommitRelocations
    + Outbox
    + CountUploads
    + AuditLog
    + Options
    + SetOptions
    + MailLog
{
}
impl<T> Store for T where
    T: ReadRelocations
        + ListRelocations
        + KeepProgress
        + CommitRelocations
        + Outbox
        + CountUploads
        + AuditLog
        + Options
        + SetOptions
        + MailLog
{
}

/// Runs every check.
pub async fn all(store: &impl Store, entropy: &impl Entropy) {
    knows_nothing_of_a_stranger(store, entropy).await;
    keeps_what_was_committed(store, entropy).await;
    keeps_every_field(store, entropy).await;
    keeps_every_dispatch(store, entropy).await;
    refuses_a_second_creation(store, entropy).await;
    refuses_a_stale_commit_whole(store, entropy).await;
    lets_one_of_two_racing_commits_win(store, entropy).await;
    keeps_an_owner_to_one_active_relocation(store, entropy).await;
    takes_the_lock_again_on_recovery(store, entropy).await;
    stores_an_outcome_once(store, entropy).await;
    clears_the_outbox(store, entropy).await;
    counts_uploads_by_size_and_time(store, entropy).await;
    lets_one_sender_claim_a_mail(store, entropy).await;
    lists_relocations_from_the_newest(store, entropy).await;
    keeps_the_audit_log_in_order(store, entropy).await;
    keeps_options(store, entropy).await;
    keeps_the_latest_progress(store, entropy).await;
}

/// Values that no other check has.
struct Fresh {
    id: RelocationId,
    owner: UserId,
    now: Timestamp,
}

impl Fresh {
    fn new(entropy: &impl Entropy) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, ..] = entropy.bytes();
        let owner = u64::from(u32::from_le_bytes([a, b, c, d])) << 16 | u64::from(u16::from_le_bytes([e, f]));
        // Any second of about the first 68 years after the epoch: far from the time that other tests use.
        let second = i64::from(u32::from_le_bytes([g, h, i, j]) >> 1);
        Self {
            id: RelocationId::new(entropy.uuid()),
            owner: UserId(owner),
            now: Timestamp::from_second(second).expect("a time"),
        }
    }

    fn creation(&self) -> Commit {
        let file = RelocationFile {
            kind: FileKind::RawUserData,
            place: Place::Uploads,
            key: crate::artifact::upload(self.id),
            bytes: 20 * 1024 * 1024,
            pinned: None,
            upload: Some(Upload { id: "an upload".to_owned(), file_name: "export.tar".to_owned() }),
            proof: None,
        };
        let new = NewRelocation {
            id: self.id,
            creator: UserId(1),
            owner: self.owner,
            want_org_slugs: vec!["acme".to_owned(), "Straße-1".to_owned()],
            autopause: Some(Step::Importing),
            promo_code: Some("SPRING".to_owned()),
            artifact_retention_days: RETENTION_DAYS,
            source: Source::Upload(file),
        };
        create(new, Actor::User(UserId(1)), self.now)
    }
}

async fn read(store: &impl Store, id: RelocationId) -> Relocation {
    store.relocation(id).await.expect("a read").expect("the relocation is there")
}

async fn outbox_of(store: &impl Store, fresh: &Fresh) -> Vec<OutboxEntry> {
    // Entries of other checks may lie before ours; there are not many in a test's store.
    let later = fresh.now + ARTIFACTS_EXPIRE_AFTER + Duration::from_secs(1);
    let all = store.pending(later, 10_000).await.expect("the outbox");
    all.into_iter().filter(|entry| entry.relocation == fresh.id).collect()
}

async fn created(store: &impl Store, entropy: &impl Entropy) -> (Fresh, Relocation) {
    let fresh = Fresh::new(entropy);
    store.commit(fresh.creation()).await.expect("a creation");
    let relocation = read(store, fresh.id).await;
    (fresh, relocation)
}

/// A relocation whose first run has been started and whose first task runs.
async fn started(store: &impl Store, entropy: &impl Entropy) -> (Fresh, TaskMessage) {
    let (fresh, relocation) = created(store, entropy).await;
    let commit = upload_completed(&relocation, fresh.now).expect("a first run");
    store.commit(commit).await.expect("the first run");
    let message = TaskMessage {
        uuid: fresh.id,
        generation: Generation(1),
        task: OrderedTask::UploadingStart,
        turn: Turn(0),
        token: TaskToken::new("a token"),
        build: None,
    };
    let relocation = read(store, fresh.id).await;
    let Start::Run(commit) = start(Some(&relocation), None, &message, fresh.now) else {
        panic!("the first task runs");
    };
    store.commit(*commit).await.expect("a start");
    (fresh, message)
}

/// A relocation that nobody stored is not there, nor is anything of it.
pub async fn knows_nothing_of_a_stranger(store: &impl Store, entropy: &impl Entropy) {
    let fresh = Fresh::new(entropy);
    let visit =
        crate::message::Visit { generation: Generation(1), task: OrderedTask::UploadingStart, turn: Turn(0) };
    assert_eq!(store.relocation(fresh.id).await.expect("a read"), None);
    assert_eq!(store.outcome(fresh.id, visit).await.expect("a read"), None);
    assert_eq!(store.file(fresh.id, FileKind::RawUserData).await.expect("a read"), None);
}

/// Record, file and outbox entries read back as they were committed.
pub async fn keeps_what_was_committed(store: &impl Store, entropy: &impl Entropy) {
    let fresh = Fresh::new(entropy);
    let commit = fresh.creation();
    store.commit(commit.clone()).await.expect("a creation");
    assert_eq!(read(store, fresh.id).await, commit.relocation);
    let file = store.file(fresh.id, FileKind::RawUserData).await.expect("a read");
    assert_eq!(file.as_ref(), commit.files.first());
    assert_eq!(outbox_of(store, &fresh).await, commit.outbox);
}

/// A record with something in every field reads back as it was.
pub async fn keeps_every_field(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, message) = started(store, entropy).await;
    let mut commit = {
        let relocation = read(store, fresh.id).await;
        let changes = Changes {
            validation: Some(ValidationChange::StartRun),
            files: vec![RelocationFile {
                kind: FileKind::RawUserData,
                place: Place::Artifacts,
                key: crate::artifact::input(fresh.id, FileKind::RawUserData),
                bytes: u64::from(u32::MAX) + 1,
                pinned: Some(Pinned { version: "v 1".to_owned(), etag: "\"e\"".to_owned() }),
                upload: None,
                proof: Some("a proof".to_owned()),
            }],
            ..Changes::default()
        };
        let finished = Finished::again(60).with(changes);
        finish(&relocation, &message, finished, fresh.now).expect("an outcome").0
    };
    let relocation = &mut commit.relocation;
    relocation.scheduled_cancel_at_step = Some(Step::Notifying);
    relocation.want_usernames = Some(vec!["ada".to_owned(), "bob@example.com".to_owned()]);
    relocation.latest_notified = Some(Notified::Started);
    relocation.latest_unclaimed_emails_sent_at = Some(fresh.now);
    relocation.failure_reason = Some(Failure::new(ErrorCode::NoUsers, "no users"));
    relocation.fork = Some(Fork { cell: "de".to_owned(), slug: "acme".to_owned() });
    let build = relocation.validation.as_ref().and_then(|v| v.latest()).expect("a run").build;
    let validation = relocation.validation.as_mut().expect("a validation");
    validation.conclude(build, ValidationStatus::Timeout);
    let relocation = relocation.clone();
    let file = commit.files.first().cloned();
    store.commit(commit).await.expect("a commit");
    assert_eq!(read(store, fresh.id).await, relocation);
    assert_eq!(store.file(fresh.id, FileKind::RawUserData).await.expect("a read"), file);
}

/// Outbox entries of every kind read back as they were.
pub async fn keeps_every_dispatch(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, message) = started(store, entropy).await;
    let relocation = read(store, fresh.id).await;
    let finished =
        Finished::next().with(Changes { validation: Some(ValidationChange::StartRun), ..Changes::default() });
    let (commit, _) = finish(&relocation, &message, finished, fresh.now).expect("an outcome");
    store.commit(commit).await.expect("a commit");
    let relocation = read(store, fresh.id).await;
    let build = relocation.validation.as_ref().and_then(|v| v.latest()).expect("a run").build;
    let commit = validation::broke_off(&relocation, build, fresh.now).expect("the run breaks off");
    store.commit(commit).await.expect("a commit");
    let relocation = read(store, fresh.id).await;
    let commit = admin::abort(&relocation, Actor::Pipeline, fresh.now).expect("an abort");
    store.commit(commit).await.expect("a commit");

    let outbox = outbox_of(store, &fresh).await;
    let places: Vec<_> = outbox.iter().map(|entry| (entry.time, entry.sequence)).collect();
    assert!(places.is_sorted(), "entries come by time, those of one time by sequence: {places:?}");
    let run = StartRun { uuid: fresh.id, generation: Generation(1), start_at: OrderedTask::UploadingStart };
    let has = |wanted: fn(&Dispatch) -> bool| outbox.iter().any(|entry| wanted(&entry.dispatch));
    assert!(outbox.iter().any(|entry| entry.dispatch == Dispatch::StartRun(run)));
    assert!(has(|dispatch| matches!(dispatch, Dispatch::Publish(_))));
    assert!(has(|dispatch| matches!(dispatch, Dispatch::Validate(_))));
    assert!(has(|dispatch| matches!(dispatch, Dispatch::StopRun(_))));
    assert!(has(|dispatch| matches!(dispatch, Dispatch::ExpireUpload)));
    assert!(has(|dispatch| matches!(dispatch, Dispatch::ExpireArtifacts(Generation(1)))));
}

/// An id is used once.
pub async fn refuses_a_second_creation(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, relocation) = created(store, entropy).await;
    let again = Fresh { id: fresh.id, ..Fresh::new(entropy) };
    let refused = store.commit(again.creation()).await;
    assert!(matches!(refused, Err(CommitError::Conflict(id)) if id == fresh.id), "{refused:?}");
    assert_eq!(read(store, fresh.id).await, relocation);
}

/// A commit on top of an old version leaves no trace at all.
pub async fn refuses_a_stale_commit_whole(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, message) = started(store, entropy).await;
    let stale = read(store, fresh.id).await;
    let commit = admin::cancel(&stale, None, Actor::Pipeline, fresh.now).expect("allowed").expect("a commit");
    store.commit(commit).await.expect("a newer version");
    let current = read(store, fresh.id).await;
    let outbox = outbox_of(store, &fresh).await;

    let failure = Failure::from(ErrorCode::Internal);
    let late = fail(&stale, failure, &Cause::Visit(message.visit()), fresh.now).expect("a failure");
    let refused = store.commit(late).await;
    assert!(matches!(refused, Err(CommitError::Conflict(id)) if id == fresh.id), "{refused:?}");
    assert_eq!(read(store, fresh.id).await, current);
    assert_eq!(outbox_of(store, &fresh).await, outbox);
    assert_eq!(store.outcome(fresh.id, message.visit()).await.expect("a read"), None);
    // The lock was not released either.
    let other = Fresh { id: RelocationId::new(entropy.uuid()), ..fresh };
    let refused = store.commit(other.creation()).await;
    assert!(matches!(refused, Err(CommitError::OwnerBusy(owner)) if owner == other.owner), "{refused:?}");
}

/// Of two commits on top of the same version, exactly one is stored.
pub async fn lets_one_of_two_racing_commits_win(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, relocation) = created(store, entropy).await;
    let first = upload_completed(&relocation, fresh.now).expect("a run");
    let (one, two) = futures::join!(store.commit(first.clone()), store.commit(first));
    let lost = match (one, two) {
        (Ok(()), Err(lost)) | (Err(lost), Ok(())) => lost,
        other => panic!("one wins: {other:?}"),
    };
    assert!(matches!(lost, CommitError::Conflict(id) if id == fresh.id), "{lost:?}");
    let runs = outbox_of(store, &fresh).await;
    let runs = runs.iter().filter(|entry| matches!(entry.dispatch, Dispatch::StartRun(_))).count();
    assert_eq!(runs, 1);
}

/// An owner has one active relocation; another may begin when it has ended.
pub async fn keeps_an_owner_to_one_active_relocation(store: &impl Store, entropy: &impl Entropy) {
    let (first, relocation) = created(store, entropy).await;
    let second = Fresh { id: RelocationId::new(entropy.uuid()), ..Fresh::new(entropy) };
    let second = Fresh { owner: first.owner, ..second };
    let refused = store.commit(second.creation()).await;
    assert!(matches!(refused, Err(CommitError::OwnerBusy(owner)) if owner == first.owner), "{refused:?}");
    assert_eq!(store.relocation(second.id).await.expect("a read"), None);
    assert_eq!(outbox_of(store, &second).await, []);

    let over = fail(&relocation, ErrorCode::UploadExpired.into(), &Cause::Pipeline("test"), first.now);
    store.commit(over.expect("a failure")).await.expect("a failure");
    store.commit(second.creation()).await.expect("the owner is free again");
}

/// A recovered relocation needs its owner's lock, and takes it.
pub async fn takes_the_lock_again_on_recovery(store: &impl Store, entropy: &impl Entropy) {
    let (first, message) = started(store, entropy).await;
    let relocation = read(store, first.id).await;
    let over = fail(&relocation, ErrorCode::Internal.into(), &Cause::Visit(message.visit()), first.now);
    store.commit(over.expect("a failure")).await.expect("a failure");
    let second = Fresh { owner: first.owner, ..Fresh::new(entropy) };
    store.commit(second.creation()).await.expect("the owner is free");

    let relocation = read(store, first.id).await;
    let recovery = admin::recover(&relocation, None, Actor::Pipeline, first.now).expect("allowed");
    let refused = store.commit(recovery.clone()).await;
    assert!(matches!(refused, Err(CommitError::OwnerBusy(owner)) if owner == first.owner), "{refused:?}");
    assert_eq!(read(store, first.id).await, relocation);

    let other = read(store, second.id).await;
    let over = fail(&other, ErrorCode::UploadExpired.into(), &Cause::Pipeline("test"), second.now);
    store.commit(over.expect("a failure")).await.expect("a failure");
    store.commit(recovery).await.expect("the owner is free again");
    let third = Fresh { owner: first.owner, ..Fresh::new(entropy) };
    let refused = store.commit(third.creation()).await;
    assert!(matches!(refused, Err(CommitError::OwnerBusy(owner)) if owner == first.owner), "{refused:?}");
}

/// An outcome reads back, and a visit has one only.
pub async fn stores_an_outcome_once(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, message) = started(store, entropy).await;
    let relocation = read(store, fresh.id).await;
    let finished = Finished::from(Outcome::Again { wait_seconds: 60 });
    let (commit, answer) = finish(&relocation, &message, finished, fresh.now).expect("an outcome");
    assert_eq!(answer, Answer::again(Turn(1), OrderedTask::UploadingStart, 60));
    store.commit(commit).await.expect("an outcome");
    assert_eq!(store.outcome(fresh.id, message.visit()).await.expect("a read"), Some(answer.clone()));

    let relocation = read(store, fresh.id).await;
    let (second, other) = finish(&relocation, &message, Finished::next(), fresh.now).expect("an outcome");
    assert_eq!(other.outcome, Verdict::Next);
    let refused = store.commit(second).await;
    assert!(matches!(refused, Err(CommitError::Conflict(id)) if id == fresh.id), "{refused:?}");
    assert_eq!(store.outcome(fresh.id, message.visit()).await.expect("a read"), Some(answer));
}

/// Entries leave the outbox one by one; only those from before a time are pending then.
pub async fn clears_the_outbox(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, relocation) = created(store, entropy).await;
    let at_its_time = store.pending(fresh.now, 10_000).await.expect("the outbox");
    assert!(at_its_time.iter().all(|entry| entry.relocation != fresh.id), "`before` is exclusive");
    let later = fresh.now + Duration::from_millis(500);
    store.commit(lifecycle::upload_completed(&relocation, later).expect("a run")).await.expect("a run");
    let outbox = outbox_of(store, &fresh).await;
    let [first, rest @ ..] = outbox.as_slice() else { panic!("there are entries") };
    let times: Vec<_> = outbox.iter().map(|entry| entry.time).collect();
    assert_eq!(times, [fresh.now, later, fresh.now + UPLOAD_EXPIRES_AFTER]);
    for _ in 0..2 {
        store.remove(fresh.id, first.sequence).await.expect("a removal, also the second time");
    }
    assert_eq!(outbox_of(store, &fresh).await, rest);
}

/// The daily limit counts what was asked for in the 24 hours after a time, by size class.
pub async fn counts_uploads_by_size_and_time(store: &impl Store, entropy: &impl Entropy) {
    let fresh = Fresh::new(entropy);
    let just_after = fresh.now + Duration::from_millis(1);
    let count = async |class, since| store.count(class, since).await.expect("a count");
    let before = count(SizeClass::Medium, fresh.now).await;
    let small = count(SizeClass::Small, fresh.now).await;
    let after = count(SizeClass::Medium, just_after).await;
    store.commit(fresh.creation()).await.expect("a creation");
    assert_eq!(count(SizeClass::Medium, fresh.now).await, before + 1);
    assert_eq!(count(SizeClass::Small, fresh.now).await, small);
    assert_eq!(count(SizeClass::Medium, just_after).await, after, "`since` is inclusive");
    let day_before = fresh.now - Duration::from_hours(24);
    assert!(count(SizeClass::Medium, day_before).await >= 1, "a day reaches over midnight");
}

/// A mail has one sender at a time, and is sent once.
pub async fn lets_one_sender_claim_a_mail(store: &impl Store, entropy: &impl Entropy) {
    let fresh = Fresh::new(entropy);
    let lease_ends = fresh.now + Duration::from_mins(5);
    let claim = async |mail, now| {
        store.claim(fresh.id, mail, now, lease_ends.max(now + Duration::from_mins(5))).await.expect("a claim")
    };
    assert_eq!(claim("STARTED#1", fresh.now).await, MailClaim::Ours);
    assert_eq!(claim("STARTED#1", fresh.now).await, MailClaim::Leased);
    assert_eq!(claim("STARTED#2", fresh.now).await, MailClaim::Ours, "mails are claimed one by one");
    assert_eq!(claim("STARTED#1", lease_ends).await, MailClaim::Ours, "a lease ends");
    store.sent(fresh.id, "STARTED#1", lease_ends).await.expect("a mark");
    assert_eq!(claim("STARTED#1", lease_ends + Duration::from_hours(1)).await, MailClaim::Sent);
}

/// Relocations are listed by when they were asked for, of an owner or all, page by page and each as it is now.
pub async fn lists_relocations_from_the_newest(store: &impl Store, entropy: &impl Entropy) {
    let first = Fresh::new(entropy);
    let mut expected = Vec::new();
    for seconds in [0, 1, 1, 2] {
        let fresh = Fresh {
            id: RelocationId::new(entropy.uuid()),
            owner: first.owner,
            now: first.now + Duration::from_secs(seconds),
        };
        let mut creation = fresh.creation();
        // Of one owner, one relocation may be active; the list is of those that ended, too.
        creation.lock = crate::commit::Lock::Keep;
        store.commit(creation).await.expect("a creation");
        expected.push(read(store, fresh.id).await);
    }
    let Some(newest) = expected.pop() else { return };
    let paused = admin::pause(&newest, Some(Step::Notifying), Actor::User(UserId(1)), newest.date_added);
    store.commit(paused.expect("a pause")).await.expect("the pause");
    expected.push(read(store, newest.id).await);
    expected.sort_by_key(|relocation| std::cmp::Reverse(ListPosition::of(relocation)));

    let whole = store.list(Some(first.owner), None, 10).await.expect("a list");
    assert_eq!(whole, expected, "all of the owner's");
    for limit in [1, 2, 3] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.list(Some(first.owner), after, limit).await.expect("a page");
            assert!(page.len() <= limit, "a page of {limit}");
            let Some(last) = page.last() else { break };
            after = Some(ListPosition::of(last));
            found.extend(page);
        }
        assert_eq!(found, expected, "pages of {limit}");
    }
    // Among all relocations ours stand together, unless somebody else's was asked for at the same time.
    let above = ListPosition {
        date_added: first.now + Duration::from_secs(3),
        id: RelocationId::new(uuid::Uuid::nil()),
    };
    let all = store.list(None, Some(above), 4).await.expect("a list");
    assert_eq!(all, expected, "of all");
    let stranger = Fresh::new(entropy);
    assert_eq!(store.list(Some(stranger.owner), None, 10).await.expect("a list"), [], "of a stranger");
}

/// What commits say and what is appended stands in one log, oldest first, and nothing takes the place of another line.
pub async fn keeps_the_audit_log_in_order(store: &impl Store, entropy: &impl Entropy) {
    let (fresh, relocation) = created(store, entropy).await;
    let reader = Actor::User(UserId(7));
    let line = |seconds, action: &str| Audit {
        time: fresh.now + Duration::from_secs(seconds),
        by: reader,
        action: action.to_owned(),
        detail: Some("in/raw-relocation-data.tar".to_owned()),
    };
    for action in ["read-artifact", "read-artifact"] {
        store.append(fresh.id, line(1, action), entropy.uuid()).await.expect("a line");
    }
    let later = fresh.now + Duration::from_secs(2);
    let abort = admin::abort(&relocation, Actor::User(UserId(1)), later).expect("an abort");
    store.commit(abort).await.expect("the abort");
    let lines = store.lines(fresh.id).await.expect("the log");
    let actions: Vec<&str> = lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["create", "read-artifact", "read-artifact", "abort"]);
    assert_eq!(lines.get(1), Some(&line(1, "read-artifact")), "a line as it was written");
    let stranger = RelocationId::new(entropy.uuid());
    assert_eq!(store.lines(stranger).await.expect("a log"), [], "of a stranger");
}

/// An option is what it was last set to.
pub async fn keeps_options(store: &impl Store, entropy: &impl Entropy) {
    let name = format!("contract.{}", entropy.uuid());
    assert_eq!(store.option(&name).await.expect("an option"), None);
    for value in ["true", "", "2"] {
        store.set_option(&name, value).await.expect("setting an option");
        assert_eq!(store.option(&name).await.expect("an option").as_deref(), Some(value));
    }
}

/// Of how far a task is, the latest is known.
pub async fn keeps_the_latest_progress(store: &impl Store, entropy: &impl Entropy) {
    let fresh = Fresh::new(entropy);
    assert_eq!(store.progress(fresh.id).await.expect("a progress"), None, "of a stranger");
    for done in [1, 2] {
        let model = ModelProgress { done, total: 3 };
        let progress = Progress {
            task: OrderedTask::Importing,
            rows_done: done,
            rows_total: 3,
            models: [("sentry.user".to_owned(), model)].into(),
            updated: fresh.now,
        };
        store.save_progress(fresh.id, &progress).await.expect("saving progress");
        assert_eq!(store.progress(fresh.id).await.expect("a progress"), Some(progress));
    }
}
