use aws_sdk_dynamodb::types::AttributeValue;
use pipeline::commit::{Actor, Commit, Lock};
use pipeline::contract;
use pipeline::ids::{RelocationId, UserId};
use pipeline::port::{CommitError, CommitRelocations, Entropy, Options, ReadRelocations};
use pipeline::relocation::Fork;
use pipeline::transition::Cause;
use pipeline::transition::fail;
use pipeline::transition::lifecycle::{NewRelocation, Source, create};
use platform::{Relocations, SystemEntropy};

use crate::support;

async fn store() -> Option<(Relocations, aws_sdk_dynamodb::Client, String)> {
    let client = aws_sdk_dynamodb::Client::new(&support::account()?);
    let table = support::make_table(&client, "RelocationsTable").await;
    Some((Relocations::new(client.clone(), &table), client, table))
}

#[tokio::test]
async fn keeps_the_contract_of_every_store() {
    let Some((store, ..)) = store().await else { return };
    contract::all(&store, &SystemEntropy).await;
}

#[tokio::test]
async fn reads_options_by_name() {
    let Some((store, client, table)) = store().await else { return };
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = client.put_item().table_name(table).item("pk", text("OPTION"));
    put.item("sk", text("relocation.enabled")).item("value", text("true")).send().await.expect("a put");
    assert_eq!(store.option("relocation.enabled").await.expect("a read").as_deref(), Some("true"));
    assert_eq!(store.option("relocation.other").await.expect("a read"), None);
}

/// A relocation that lost its owner's lock to another one does not release that one's.
#[tokio::test]
async fn releases_no_lock_but_its_own() {
    let Some((store, ..)) = store().await else { return };
    let creation = || -> Commit {
        let new = NewRelocation {
            id: RelocationId::new(SystemEntropy.uuid()),
            creator: UserId(1),
            owner: UserId(7),
            want_org_slugs: vec!["acme".to_owned()],
            autopause: None,
            promo_code: None,
            artifact_retention_days: 30,
            source: Source::Cell(Fork { cell: "de".to_owned(), slug: "acme".to_owned() }),
        };
        create(new, Actor::Pipeline, "2026-01-02T12:00:00Z".parse().expect("a time"))
    };
    let first = creation();
    let id = first.relocation.id;
    store.commit(first).await.expect("a creation");
    let relocation = store.relocation(id).await.expect("a read").expect("it is there");
    let over = fail(
        &relocation,
        pipeline::code::ErrorCode::Internal.into(),
        &Cause::Pipeline("test"),
        relocation.date_added,
    );
    let over = over.expect("a failure");
    let mut again = over.clone();
    store.commit(over).await.expect("a failure");
    store.commit(creation()).await.expect("the owner is free");

    again.expected = again.relocation.version;
    again.relocation.version = again.relocation.version.next();
    again.outbox.clear();
    again.audit = None;
    assert_eq!(again.lock, Lock::Release);
    store.commit(again).await.expect("nothing to release");
    let refused = store.commit(creation()).await;
    assert!(matches!(refused, Err(CommitError::OwnerBusy(UserId(7)))), "{refused:?}");
}
