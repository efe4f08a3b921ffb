//! `notifying_users`, undisturbed and disturbed in every way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use notifying_users::NotifyingUsers;
use pipeline::code::ErrorCode;
use pipeline::event::{ClaimRequested, Envelope, Event};
use pipeline::ids::UserId;
use pipeline::kinds::{Provenance, Status};
use pipeline::port::Queue;
use pipeline::task::OrderedTask;
use runtime::Handled;
use serde_json::json;
use silo::{ImportChunk, ImportKind, Mapped, Pk, Silo};
use testkit::{BOOKSHOPS, CELL, Export, OWNER, Setup, Stage, proven};

async fn stage_of(setup: Setup) -> Stage {
    let stage = Stage::with(OrderedTask::NotifyingUsers, setup).await;
    stage.put("sentry.user", 8, json!({"username": "ada", "email": "", "is_unclaimed": true}));
    stage.import(&Export::acme()).await;
    stage
}

async fn stage() -> Stage {
    let slugs = vec!["acme".to_owned(), "umbrella".to_owned()];
    stage_of(Setup { slugs, ..Setup::default() }).await
}

async fn run(stage: &Stage) -> Handled {
    let task = NotifyingUsers {
        cell_name: CELL.to_owned(),
        cell: Arc::clone(&stage.cell),
        control: Arc::clone(&stage.control),
        queues: Arc::clone(&stage.queues),
        entropy: stage.entropy(),
    };
    stage.deliver(&task).await
}

/// Who was asked to claim an account, in the order of messages.
fn asked(stage: &Stage) -> Vec<ClaimRequested> {
    let requests = stage.queues.sent().into_iter().map(|sent| {
        assert_eq!(sent.queue, Queue::Mail);
        let envelope: Envelope = serde_json::from_str(&sent.body).unwrap();
        assert_eq!(envelope.relocation(), Some(stage.id));
        assert_eq!(
            envelope.trace,
            Some(stage.message().trace()),
            "its mail belongs to the run that asks for it"
        );
        match envelope.event().unwrap() {
            Event::ClaimRequested(request) => request,
            other => panic!("{other:?}"),
        }
    });
    requests.collect()
}

/// The hash of each user, with its date.
async fn hashes(stage: &Stage) -> BTreeMap<Pk, (String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = stage.rows("sentry.lostpasswordhash").await.into_values();
    rows.map(|row| (row["user"].as_i64().unwrap(), (text(&row["hash"]), text(&row["date_added"])))).collect()
}

#[tokio::test]
async fn each_imported_user_is_asked_once() {
    let disturbed = proven(stage, run).await;
    assert_eq!(disturbed.answer.unwrap().next, Some(OrderedTask::NotifyingOwner));
    assert_eq!(disturbed.messages.len(), 3);

    let stage = stage().await;
    run(&stage).await;
    let hashes = hashes(&stage).await;
    let request = |user: u32, slugs: &[&str]| ClaimRequested {
        user_id: UserId(user.into()),
        organization_slugs: slugs.iter().map(|slug| (*slug).to_owned()).collect(),
        hashed_at: hashes[&user.into()].1.parse().unwrap(),
    };
    // `ada` was taken, so that the import gave a suffix: it is the new user who is asked, not ours.
    let expected = [request(9, &["acme"]), request(10, &["acme"]), request(11, &["acme", "umbrella"])];
    assert_eq!(asked(&stage), expected);
    let sent_at = stage.relocation().await.latest_unclaimed_emails_sent_at;
    assert_eq!(sent_at, Some(pipeline::port::Clock::now(&stage.clock)));
}

#[tokio::test]
async fn a_hash_is_used_again_for_an_hour_and_then_renewed() {
    for (age, is_renewed) in [(Duration::from_mins(59), false), (Duration::from_hours(1), true)] {
        let stage = stage().await;
        let before = hashes(&stage).await;
        stage.clock.0.advance(age);
        run(&stage).await;
        let after = hashes(&stage).await;
        assert_eq!(after.len(), before.len());
        for (user, (hash, date)) in after {
            assert_eq!(hash.len(), 32);
            assert!(hash.chars().all(|c| c.is_ascii_alphanumeric()), "{hash}");
            assert_eq!(hash != before[&user].0, is_renewed, "after {age:?}");
            assert_eq!(date != before[&user].1, is_renewed);
            let request = asked(&stage).into_iter().find(|request| request.user_id.0 == user.unsigned_abs());
            assert_eq!(request.unwrap().hashed_at, date.parse().unwrap(), "a renewed hash is mailed again");
        }
    }
}

#[tokio::test]
async fn renewing_is_safe_too() {
    let late = async || {
        let stage = stage().await;
        stage.clock.0.advance(Duration::from_hours(2));
        stage
    };
    // Hashes are random, so that only how many there are can be compared between runs.
    let stage = late().await;
    let calls = {
        run(&stage).await;
        stage.breaker.calls()
    };
    for call in 1..=calls {
        for when in [pipeline::memory::When::Before, pipeline::memory::When::After] {
            let stage = late().await;
            stage.breaker.fail_call(call, when);
            while run(&stage).await == Handled::Failed {}
            assert_eq!(hashes(&stage).await.len(), 3);
            let users: std::collections::BTreeSet<_> =
                asked(&stage).into_iter().map(|one| one.user_id).collect();
            assert_eq!(users.len(), 3);
        }
    }
}

#[tokio::test]
async fn who_claimed_meanwhile_or_was_merged_is_not_asked() {
    let setup = Setup { provenance: Provenance::SaasToSaas, ..Setup::default() };
    let stage = stage_of(setup).await;
    let users = silo::Silo::catalog(stage.control.as_ref()).find("sentry.user").unwrap().id;
    let bob =
        stage.rows("sentry.user").await.into_iter().find(|(_, row)| row["username"] == "bob").unwrap().0;
    let catalog = std::sync::Arc::clone(silo::Silo::catalog(stage.control.as_ref()));
    let plan = directory::plan(stage.control.as_ref(), stage.id.uuid()).await.unwrap();
    directory::amend(stage.control.as_ref(), &plan, catalog.model(users), bob, |fields| {
        let mut fields = fields.clone();
        fields.insert("is_unclaimed".to_owned(), false.into());
        Some(fields)
    })
    .await
    .unwrap();
    run(&stage).await;
    let eve =
        stage.rows("sentry.user").await.into_iter().find(|(_, row)| row["username"] == "eve").unwrap().0;
    let asked: Vec<_> = asked(&stage).into_iter().map(|request| request.user_id).collect();
    assert_eq!(asked, [UserId(eve.unsigned_abs())]);
}

/// More users than one transaction has claims for, and of none does the import's plan know a claim.
#[tokio::test]
async fn the_journal_tells_of_claims_that_did_not_come_with_the_import() {
    let stage = Stage::at(OrderedTask::NotifyingUsers).await;
    stage.import(&Export::new().organization("acme")).await;
    let pks: Vec<Pk> = (50..120).collect();
    for pk in &pks {
        stage.put("sentry.user", *pk, json!({"username": format!("ada-{pk}"), "is_unclaimed": true}));
    }
    stage.put(
        "sentry.lostpasswordhash",
        5,
        json!({"user": 50, "hash": "h", "date_added": "2020-01-01T00:00:00Z"}),
    );
    let chunk = ImportChunk {
        import: stage.id.uuid(),
        model: "sentry.user".to_owned(),
        min_ordinal: 1,
        mapped: pks.iter().map(|pk| Mapped { source: *pk, pk: *pk, kind: ImportKind::Inserted }).collect(),
        identifiers: BTreeMap::new(),
    };
    stage.cell.silo.replicate_chunks(&[chunk]).await.unwrap();
    assert_eq!(run(&stage).await, Handled::Done);

    let journal = stage.journal().await;
    let told: Vec<(Pk, bool)> = journal.iter().map(|entry| (entry.pk, entry.before.is_some())).collect();
    let claims = stage.rows("sentry.lostpasswordhash").await;
    let expected: Vec<(Pk, bool)> = claims.keys().map(|pk| (*pk, *pk == 5)).collect();
    assert_eq!((told, claims.len()), (expected, pks.len()));
    let renewed = journal[0].before.as_ref().unwrap();
    assert_eq!(renewed.row.fields["hash"], "h");
}

#[tokio::test]
async fn whom_nobody_asked_for_stops_all_mails() {
    let stage =
        stage_of(Setup { usernames: vec!["ada".to_owned(), "bob".to_owned()], ..Setup::default() }).await;
    assert_eq!(run(&stage).await, Handled::Done);
    let relocation = stage.relocation().await;
    assert_eq!(relocation.status, Status::Failure);
    assert_eq!(relocation.failure_reason.unwrap().code, ErrorCode::UnexpectedUser);
    assert_eq!(asked(&stage), []);
    assert_eq!(relocation.owner, OWNER);
}

#[tokio::test]
async fn another_applications_users_are_asked_by_its_own_claims() {
    let setup = Setup::bookshops();
    let bookshops = async || {
        let stage = Stage::with(OrderedTask::NotifyingUsers, setup.clone()).await;
        stage.import_file(BOOKSHOPS, silo::Filter::OrganizationSlugs(setup.slugs.clone())).await;
        stage
    };
    let disturbed = proven(&bookshops, run).await;
    assert_eq!(disturbed.answer.unwrap().next, Some(OrderedTask::NotifyingOwner));

    let stage = bookshops().await;
    stage.clock.0.advance(Duration::from_hours(2));
    run(&stage).await;
    let slugs: Vec<_> = asked(&stage).into_iter().map(|request| request.organization_slugs).collect();
    assert_eq!(slugs, [["harbour-books"], ["harbour-books"], ["hill-books"]]);
    for claim in stage.rows("bookshop.claim").await.into_values() {
        assert_eq!(claim["made"], "2026-02-03T06:05:06.789Z", "renewed, after two hours");
        assert_eq!(claim["code"].as_str().unwrap().len(), 32);
    }
}
