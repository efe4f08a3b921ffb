//! `postprocessing`, undisturbed and disturbed in every way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use pipeline::code::ErrorCode;
use pipeline::event::{Event, OrganizationImported, PromotionRequested, Relocated};
use pipeline::task::OrderedTask;
use postprocessing::Postprocessing;
use rstest::rstest;
use runtime::Handled;
use serde_json::json;
use silo::Pk;
use testkit::{BOOKSHOPS, Export, OWNER, Setup, Stage, proven};

async fn stage_of(setup: Setup, export: &Export) -> Stage {
    let stage = Stage::with(OrderedTask::Postprocessing, setup).await;
    stage.put("sentry.organization", 100, json!({"name": "ours", "slug": "umbrella", "status": 0}));
    stage.import(export).await;
    stage
}

async fn stage() -> Stage {
    let slugs = vec!["acme".to_owned(), "umbrella".to_owned()];
    stage_of(Setup { slugs, ..Setup::default() }, &Export::acme()).await
}

async fn run(stage: &Stage) -> Handled {
    let (cell, control) = (Arc::clone(&stage.cell), Arc::clone(&stage.control));
    stage.deliver(&Postprocessing { cell, control }).await
}

/// The roles of the relocation's owner, by organisation.
async fn roles(stage: &Stage) -> Vec<(Pk, String)> {
    let rows = stage.rows("sentry.organizationmember").await.into_values();
    let owners = rows.filter(|row| row["user_id"] == json!(OWNER));
    owners
        .map(|row| (row["organization"].as_i64().unwrap(), row["role"].as_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn each_organization_gets_its_owner_once() {
    let disturbed = proven(stage, run).await;
    assert_eq!(disturbed.answer.unwrap().next, Some(OrderedTask::NotifyingUnhide));

    let stage = stage().await;
    run(&stage).await;
    let owner = "owner".to_owned();
    assert_eq!(roles(&stage).await, [(101, owner.clone()), (102, owner)]);
    let row = stage.rows("sentry.organizationmember").await.pop_last().unwrap().1;
    let expected = json!({
        "organization": 102, "user_id": OWNER, "email": null, "role": "owner", "token": null,
        "date_added": "2026-02-03T04:05:06.789Z", "token_expires_at": null, "has_global_access": true,
        "inviter_id": null, "invite_status": 0, "type": 50, "user_is_active": true,
        "user_email": "owner@example.com", "flags": "0",
    });
    assert_eq!(serde_json::Value::Object(row), expected);
}

#[tokio::test]
async fn an_owner_who_is_a_member_gets_the_role_and_nothing_else() {
    let with_member = async || {
        let stage = stage().await;
        let row =
            json!({"organization": 101, "user_id": OWNER, "role": "member", "flags": "4", "email": null});
        stage.put("sentry.organizationmember", 900, row);
        stage
    };
    proven(with_member, run).await;
    let stage = with_member().await;
    run(&stage).await;
    let expected =
        json!({"organization": 101, "user_id": OWNER, "role": "owner", "flags": "4", "email": null});
    assert_eq!(
        serde_json::Value::Object(stage.rows("sentry.organizationmember").await.remove(&900).unwrap()),
        expected
    );
    assert_eq!(roles(&stage).await.len(), 2);
}

#[tokio::test]
async fn the_journal_tells_what_was_added_and_what_a_membership_was() {
    let stage = stage().await;
    let member = json!({"organization": 101, "user_id": OWNER, "role": "member"});
    stage.put("sentry.organizationmember", 900, member.clone());
    run(&stage).await;
    let journal = stage.journal().await;
    let told: Vec<_> = journal
        .iter()
        .map(|entry| {
            (entry.model.as_str(), entry.pk, entry.before.as_ref().map(|before| &*before.row.fields))
        })
        .collect();
    let model = "sentry.organizationmember";
    let added = *stage.rows(model).await.last_key_value().unwrap().0;
    assert_eq!(told, [(model, 900, member.as_object()), (model, added, None)]);
}

#[tokio::test]
async fn subscribers_learn_of_the_new_slugs() {
    let slugs = vec!["acme".to_owned(), "umbrella".to_owned()];
    let setup = Setup { slugs, promo_code: Some("SPRING".to_owned()), ..Setup::default() };
    let stage = stage_of(setup, &Export::acme()).await;
    run(&stage).await;
    let events = stage.events();
    let organization_ids = vec![101, 102];
    let (owner_id, promo_code) = (OWNER, "SPRING".to_owned());
    let [.., relocated, promotion, acme, umbrella] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        *relocated,
        Event::Relocated(Relocated { owner_id, organization_ids: organization_ids.clone() })
    );
    let requested = PromotionRequested { promo_code, owner_id, organization_ids };
    assert_eq!(*promotion, Event::PromotionRequested(requested));
    let imported = OrganizationImported {
        organization_id: 101,
        import_uuid: stage.id.uuid(),
        slug: "acme".to_owned(),
        owner_id,
    };
    assert_eq!(*acme, Event::OrganizationImported(imported));
    // The slug was taken, so that the import gave a suffix.
    let Event::OrganizationImported(umbrella) = umbrella else { panic!("{umbrella:?}") };
    assert!(umbrella.slug.starts_with("umbrella-"), "{}", umbrella.slug);
}

#[rstest]
#[case::another(&["acme", "umbrella"], &["acme"], "`umbrella")]
#[case::more_of_the_same(&["acme", "umbrella"], &["acme"], "nobody asked")]
#[tokio::test]
async fn what_nobody_asked_for_is_not_released(
    #[case] imported: &[&str],
    #[case] wanted: &[&str],
    #[case] says: &str,
) {
    let strings = |slugs: &[&str]| slugs.iter().map(|slug| (*slug).to_owned()).collect::<Vec<_>>();
    // The import takes more than the record says, as no import does.
    let stage =
        Stage::with(OrderedTask::Postprocessing, Setup { slugs: strings(wanted), ..Setup::default() }).await;
    let filter = silo::Filter::OrganizationSlugs(strings(imported));
    stage.import_filtered(&Export::acme(), filter).await;
    assert_eq!(run(&stage).await, Handled::Done);
    let failure = stage.relocation().await.failure_reason.unwrap();
    assert_eq!(failure.code, ErrorCode::UnexpectedOrganization);
    assert!(failure.detail.contains(says), "{}", failure.detail);
    assert_eq!(roles(&stage).await, [], "nothing is handed over");
}

#[tokio::test]
async fn an_owner_who_is_gone_gets_nothing() {
    let stage = stage().await;
    let control = Arc::new(testkit::faulty_silo(Arc::clone(&stage.catalog), stage.breaker.clone()));
    let task = Postprocessing { cell: Arc::clone(&stage.cell), control };
    assert_eq!(stage.deliver(&task).await, Handled::Done);
    assert_eq!(stage.relocation().await.failure_reason.unwrap().code, ErrorCode::OwnerGone);
}

#[tokio::test]
async fn another_applications_organizations_get_their_owner_too() {
    let setup = Setup::bookshops();
    let bookshops = async || {
        let stage = Stage::with(OrderedTask::Postprocessing, setup.clone()).await;
        stage.import_file(BOOKSHOPS, silo::Filter::OrganizationSlugs(setup.slugs.clone())).await;
        // The owner lends books at one of the shops already.
        stage.put(
            "bookshop.membership",
            90,
            json!({"shop": 1, "customer": OWNER, "role": "reader", "card": "H-7"}),
        );
        stage
    };
    let disturbed = proven(&bookshops, run).await;
    assert_eq!(disturbed.answer.unwrap().next, Some(OrderedTask::NotifyingUnhide));

    let stage = bookshops().await;
    run(&stage).await;
    let mut owned: Vec<_> = stage.rows("bookshop.membership").await.into_values().collect();
    owned.retain(|row| row["customer"] == json!(OWNER));
    assert_eq!(
        (&owned[0]["shop"], &owned[0]["role"], &owned[0]["card"]),
        (&json!(1), &json!("owner"), &json!("H-7"))
    );
    let expected = json!({
        "shop": 2, "customer": OWNER, "invited_by": null, "role": "owner", "contact": "owner@example.com", "card": null,
        "card_issued": null, "joined": "2026-02-03T04:05:06.789Z",
    });
    assert_eq!(serde_json::Value::Object(owned.remove(1)), expected);
}
