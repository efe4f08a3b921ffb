//! Who gets which mail, once, and what happens when it cannot be sent.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use pipeline::code::ErrorCode;
use pipeline::event::{self, Envelope, Event, Recorded};
use pipeline::ids::{Generation, Trace, UserId};
use pipeline::kinds::Step;
use pipeline::memory::{MemoryMail, MemoryQueues, When};
use pipeline::port::{Clock, CommitRelocations, OutgoingMail, Queue};
use pipeline::task::OrderedTask;
use pipeline::transition::{Cause, fail};
use rstest::rstest;
use runtime::config::Waits;
use runtime::{Handled, Received};
use send_mail::MailSender;
use serde_json::json;
use testkit::{BOOKSHOPS, CELL, Export, FaultySilo, Log, OWNER, Setup, Stage};

const TIME_LEFT: Duration = Duration::from_secs(60);

type Sender = MailSender<pipeline::memory::MemoryRelocations, FaultySilo, MemoryMail, MemoryQueues>;

/// A relocation that is done but for its mails.
async fn stage() -> Stage {
    stage_by(OWNER).await
}

async fn stage_by(creator: UserId) -> Stage {
    let slugs = vec!["acme".to_owned(), "umbrella".to_owned()];
    let stage = Stage::with(OrderedTask::NotifyingOwner, Setup { slugs, creator, ..Setup::default() }).await;
    stage.put("sentry.organization", 30, json!({"name": "ours", "slug": "umbrella", "status": 0}));
    stage.import(&Export::acme()).await;
    stage
}

fn sender(stage: &Stage) -> Sender {
    MailSender {
        store: Arc::clone(&stage.ports.store),
        cell: Arc::clone(&stage.cell),
        control: Arc::clone(&stage.control),
        mailer: MemoryMail::with_faults(stage.faults.clone()),
        queues: MemoryQueues::default(),
        clock: Box::new(stage.clock.clone()),
        entropy: stage.entropy(),
        waits: Waits::default(),
        claim_url: "https://app.example.com/claim/".to_owned(),
    }
}

fn envelope(stage: &Stage, event: Event, sequence: u64) -> Envelope {
    let recorded = Recorded {
        id: format!("{}-{sequence}", stage.id),
        time: stage.clock.now(),
        subject: stage.id.to_string(),
        sequence,
        causation: "a test".to_owned(),
        trace: None,
        event,
    };
    recorded.into_envelope(CELL).unwrap()
}

async fn deliver(sender: &Sender, envelope: &Envelope) -> Handled {
    let body = serde_json::to_string(envelope).unwrap();
    sender.handle(&Received { body, receipt: "r".to_owned(), deliveries: 1 }, TIME_LEFT).await
}

fn started() -> Event {
    Event::Started(event::Started { users: 3 })
}

fn failed(code: ErrorCode) -> Event {
    let task = Some(OrderedTask::PreprocessingScan);
    Event::Failed(event::Failed { code, step: Step::Preprocessing, task, mailed: code.is_mailed() })
}

fn succeeded() -> Event {
    Event::Succeeded(event::Succeeded { owner_id: OWNER })
}

/// Asks `ada`, the first user that the import inserted, to claim her account.
fn claim() -> Event {
    Event::ClaimRequested(event::ClaimRequested {
        user_id: UserId(8),
        organization_slugs: vec!["acme".to_owned()],
        hashed_at: "2026-02-03T04:00:00Z".parse().unwrap(),
    })
}

fn subjects(sender: &Sender) -> Vec<(String, String)> {
    sender.mailer.sent().into_iter().map(|mail| (mail.to, mail.subject)).collect()
}

#[rstest]
#[case::started(started())]
#[case::failed(failed(ErrorCode::NoUsers))]
#[case::succeeded(succeeded())]
#[case::claim(claim())]
#[tokio::test]
async fn a_mail_says_what_its_event_means(#[case] event: Event) {
    let stage = stage().await;
    let name = event_name(&event);
    let sender = sender(&stage);
    assert_eq!(deliver(&sender, &envelope(&stage, event, 9)).await, Handled::Done);
    let sent = sender.mailer.sent();
    let [OutgoingMail { to, subject, text, .. }] = sent.as_slice() else { panic!("{} mails", sent.len()) };
    insta::assert_snapshot!(name, format!("To: {to}\nSubject: {subject}\n\n{text}"));
}

fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Started(_) => "started",
        Event::Failed(_) => "failed",
        Event::Succeeded(_) => "succeeded",
        _ => "claim",
    }
}

#[rstest]
#[case::owner_and_creator_are_one(OWNER, &["owner@example.com"])]
#[case::staff_asked_for_the_owner(UserId(6), &["owner@example.com", "staff@example.com"])]
#[case::the_creator_is_gone(UserId(5), &["owner@example.com"])]
#[tokio::test]
async fn owner_and_creator_get_one_each(#[case] creator: UserId, #[case] expected: &[&str]) {
    let stage = stage_by(creator).await;
    stage.put("sentry.user", 6, json!({"username": "staff", "email": "staff@example.com"}));
    let sender = sender(&stage);
    for _ in 0..3 {
        assert_eq!(deliver(&sender, &envelope(&stage, started(), 3)).await, Handled::Done);
    }
    let readers: Vec<_> = sender.mailer.sent().into_iter().map(|mail| mail.to).collect();
    assert_eq!(readers, expected);
}

#[tokio::test]
async fn a_second_failure_is_told_and_a_repeated_one_is_not() {
    let stage = stage().await;
    let sender = sender(&stage);
    for sequence in [5, 5, 9] {
        deliver(&sender, &envelope(&stage, failed(ErrorCode::ImportingFailed), sequence)).await;
    }
    assert_eq!(sender.mailer.sent().len(), 2);
}

#[tokio::test]
async fn a_failure_is_told_in_the_records_words() {
    let stage = stage().await;
    let relocation = stage.relocation().await;
    let reason = pipeline::relocation::Failure::new(ErrorCode::MissingOrganizations, "There is no initech.");
    let commit = fail(&relocation, reason, &Cause::Pipeline("a test"), stage.clock.now()).unwrap();
    stage.ports.store.commit(commit).await.unwrap();
    let sender = sender(&stage);
    deliver(&sender, &envelope(&stage, failed(ErrorCode::MissingOrganizations), 9)).await;
    deliver(&sender, &envelope(&stage, failed(ErrorCode::TaskDied), 10)).await;
    let texts: Vec<_> = sender.mailer.sent().into_iter().map(|mail| mail.text).collect();
    assert!(texts[0].contains("There is no initech."), "{}", texts[0]);
    let other = ErrorCode::TaskDied.sentence().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(texts[1].split_whitespace().collect::<Vec<_>>().join(" ").contains(&other), "{}", texts[1]);
}

#[rstest]
#[case::an_administrators_decision(failed(ErrorCode::AbortedByAdministrator))]
#[case::another_event(Event::StepEntered(event::StepEntered { step: Step::Importing }))]
#[case::a_claim_of_nobody(Event::ClaimRequested(event::ClaimRequested {
    user_id: UserId(u64::MAX),
    organization_slugs: Vec::new(),
    hashed_at: jiff::Timestamp::UNIX_EPOCH,
}))]
#[case::a_claim_of_somebody_claimed(Event::ClaimRequested(event::ClaimRequested {
    user_id: OWNER,
    organization_slugs: Vec::new(),
    hashed_at: jiff::Timestamp::UNIX_EPOCH,
}))]
#[tokio::test]
async fn nothing_is_sent(#[case] event: Event) {
    let stage = stage().await;
    let sender = sender(&stage);
    assert_eq!(deliver(&sender, &envelope(&stage, event, 9)).await, Handled::Done);
    assert_eq!(subjects(&sender), []);
}

#[tokio::test]
async fn it_can_be_killed_anywhere_and_still_sends() {
    for (event, silo_calls) in [(started(), 2), (succeeded(), 8), (claim(), 6)] {
        for when in [When::Before, When::After] {
            for call in 1..=4 + silo_calls {
                let stage = stage().await;
                let sender = sender(&stage);
                if call <= 4 {
                    stage.faults.fail_call(call, when);
                } else {
                    stage.breaker.fail_call(call - 4, when);
                }
                let envelope = envelope(&stage, event.clone(), 9);
                while deliver(&sender, &envelope).await == Handled::Failed {
                    // The next delivery comes after the lease.
                    stage.clock.0.advance(sender.queues.postponed().last().unwrap().delay);
                }
                stage.faults.reset();
                deliver(&sender, &envelope).await;
                // Only when nobody knows whether the mail went out, it may go out again.
                let expected = if (call, when) == (3, When::After) { 2 } else { 1 };
                assert_eq!(sender.mailer.sent().len(), expected, "{when:?} call {call} of {event:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_waits_for_its_lease() {
    let stage = stage().await;
    let sender = sender(&stage);
    stage.faults.fail_call(3, When::Before);
    assert_eq!(deliver(&sender, &envelope(&stage, started(), 9)).await, Handled::Failed);
    let postponed = sender.queues.postponed();
    assert_eq!((postponed[0].queue, postponed[0].receipt.as_str()), (Queue::Mail, "r"));
    assert!(postponed[0].delay >= TIME_LEFT);
    // Another delivery that comes before finds the mail claimed.
    assert_eq!(deliver(&sender, &envelope(&stage, started(), 9)).await, Handled::Failed);
    assert_eq!(subjects(&sender), []);
}

#[tokio::test]
async fn one_reader_does_not_stand_in_anothers_way() {
    let stage = stage_by(UserId(6)).await;
    stage.put("sentry.user", 6, json!({"username": "staff", "email": "staff@example.com"}));
    let sender = sender(&stage);
    stage.faults.fail_call(3, When::Before);
    assert_eq!(deliver(&sender, &envelope(&stage, started(), 9)).await, Handled::Failed);
    let readers: Vec<_> = sender.mailer.sent().into_iter().map(|mail| mail.to).collect();
    assert_eq!(readers, ["staff@example.com"]);
}

#[rstest]
#[case::nothing("")]
#[case::no_event("{}")]
#[tokio::test]
async fn what_cannot_be_read_becomes_a_dead_letter(#[case] body: &str) {
    let stage = stage().await;
    let received = Received { body: body.to_owned(), receipt: "r".to_owned(), deliveries: 10 };
    assert_eq!(sender(&stage).handle(&received, TIME_LEFT).await, Handled::Failed);
}

#[tokio::test]
async fn another_applications_mails_name_its_own_organizations_and_claims() {
    let setup = Setup::bookshops();
    let stage = Stage::with(OrderedTask::NotifyingOwner, setup.clone()).await;
    stage.put("bookshop.shop", 30, json!({"handle": "hill-books", "name": "ours", "state": "open"}));
    stage.import_file(BOOKSHOPS, silo::Filter::OrganizationSlugs(setup.slugs)).await;
    let sender = sender(&stage);
    for (event, sequence) in [(claim(), 9), (succeeded(), 10)] {
        assert_eq!(deliver(&sender, &envelope(&stage, event, sequence)).await, Handled::Done);
    }
    let sent = sender.mailer.sent();
    let [claim, done] = sent.as_slice() else { panic!("{} mails", sent.len()) };
    let row =
        stage.rows("bookshop.claim").await.into_values().find(|row| row["customer"] == json!(8)).unwrap();
    let link = format!("https://app.example.com/claim/8/{}", row["code"].as_str().unwrap());
    assert_eq!(claim.to, "ada@example.com");
    assert!(claim.text.contains(&link), "{} has no {link}", claim.text);
    assert!(done.text.contains("harbour-books") && done.text.contains("hill-books-"), "{}", done.text);
}

/// The last mail belongs to the run that it is about, though the relocation may be in another one by now.
#[rstest]
#[case::sent(None)]
#[case::not_sent(Some(2))]
#[tokio::test]
async fn its_lines_belong_to_the_run_of_the_event(#[case] failing_call: Option<usize>) {
    let stage = stage().await;
    let sender = sender(&stage);
    let trace = Trace::new(stage.id, Generation(3));
    let envelope = Envelope { trace: Some(trace), ..envelope(&stage, started(), 9) };
    let log = Log::new();
    if let Some(call) = failing_call {
        stage.faults.fail_call(call, When::Before);
    }
    deliver(&sender, &envelope).await;
    log.assert_about(trace, "send-mail", Some(1));
    assert!(log.lines().iter().all(|line| !line.to_string().contains('@')), "no address is logged");
}
