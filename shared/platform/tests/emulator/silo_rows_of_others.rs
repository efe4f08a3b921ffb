//! Rows that others write, from the README's key table alone, are respected.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use catalog::Catalog;
use platform::DynamoSilo;
use serde_json::json;
use silo::{Conflict, Fields, Row, Silo, Taken, Transaction, Write, WriteError};

use crate::support;

struct Others {
    client: Client,
    table: String,
}

impl Others {
    async fn put<const N: usize>(&self, pk: &str, sk: &str, more: [(&str, AttributeValue); N]) {
        let put = self.client.put_item().table_name(&self.table);
        let put =
            put.item("pk", AttributeValue::S(pk.to_owned())).item("sk", AttributeValue::S(sk.to_owned()));
        let put = more.into_iter().fold(put, |put, (name, value)| put.item(name, value));
        put.send().await.expect("an item is written");
    }

    /// Organisation 5 with the slug `acme`.
    async fn write_acme(&self) {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let fields = HashMap::from([("slug".to_owned(), text("acme")), ("status".to_owned(), number("0"))]);
        self.put(
            "sentry.organization#00000000000000000000",
            "00000000000000000005",
            [("fields", AttributeValue::M(fields))],
        )
        .await;
        // The first half of the SHA-256 of `["acme"]`.
        let unique = "U#sentry.organization#slug#07fad54f7446269afc481e306a48f046";
        self.put(unique, "UNIQUE", [("holder", number("5"))]).await;
        self.put("BLOCKS#sentry.organization", "00000000000000000000", []).await;
    }
}

fn number(digits: &str) -> AttributeValue {
    AttributeValue::N(digits.to_owned())
}

async fn with_acme() -> Option<(DynamoSilo, Others)> {
    let client = Client::new(&support::account()?);
    let table = support::make_table(&client, "CellTable").await;
    let others = Others { client: client.clone(), table: table.clone() };
    others.write_acme().await;
    Some((DynamoSilo::new(client, table, Catalog::builtin()), others))
}

fn fields(value: &serde_json::Value) -> Fields {
    value.as_object().expect("an object").clone()
}

async fn conflict(silo: &DynamoSilo, write: Write) -> Conflict {
    match silo.write(&Transaction { writes: vec![write], chunk: None }).await {
        Err(WriteError::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn they_are_read_and_paged() {
    let Some((silo, _)) = with_acme().await else { return };
    let model = silo.catalog().find("sentry.organization").expect("the catalogue has organisations");
    let page = silo.page(model, None, 10).await.expect("a page");
    let [stored] = page.items.as_slice() else { panic!("one row: {page:?}") };
    assert_eq!(stored.row, Row::new(5, fields(&json!({ "slug": "acme", "status": 0 }))));
    assert_eq!(stored.revision, 0);
}

#[tokio::test]
async fn their_keys_and_values_are_taken() {
    let Some((silo, _)) = with_acme().await else { return };
    let model = silo.catalog().find("sentry.organization").expect("the catalogue has organisations");
    let insert = |pk, slug| Write::insert(model, Row::new(pk, fields(&json!({ "slug": slug }))));
    let changed = Conflict { changed: vec![0], ..Conflict::default() };
    assert_eq!(conflict(&silo, insert(5, "other")).await, changed);
    let taken = vec![Taken { write: 0, model: model.id, set: 0, holder: 5 }];
    assert_eq!(conflict(&silo, insert(6, "ACME")).await, Conflict { taken, ..Conflict::default() });
    // Nobody raised the sequence, and yet no primary key is given away that is taken.
    let start = silo.reserve(model, 10).await.expect("primary keys");
    assert!(start > 5, "5 is part of the 10 from {start}");
}

#[tokio::test]
async fn they_are_replaced_only_as_they_were_read() {
    let Some((silo, others)) = with_acme().await else { return };
    let model = silo.catalog().find("sentry.organization").expect("the catalogue has organisations");
    let before = silo.get(model, &[5]).await.expect("a read").remove(0).expect("the row");
    let replace = Write::replace(model, before, fields(&json!({ "slug": "new" })));
    silo.write(&Transaction { writes: vec![replace.clone()], chunk: None }).await.expect("the first change");
    let changed = Conflict { changed: vec![0], ..Conflict::default() };
    assert_eq!(conflict(&silo, replace).await, changed);
    // The old slug is free again, also for others.
    let unique = others.client.get_item().table_name(&others.table);
    let unique = unique.key(
        "pk",
        AttributeValue::S("U#sentry.organization#slug#07fad54f7446269afc481e306a48f046".to_owned()),
    );
    let unique = unique.key("sk", AttributeValue::S("UNIQUE".to_owned())).send().await.expect("a read");
    assert_eq!(unique.item, None);
}

#[tokio::test]
async fn they_go_as_they_were_read() {
    let Some((silo, _)) = with_acme().await else { return };
    let model = silo.catalog().find("sentry.organization").expect("the catalogue has organisations");
    let before = silo.get(model, &[5]).await.expect("a read").remove(0).expect("the row");
    let delete = Transaction { writes: vec![Write::delete(model, before)], chunk: None };
    silo.write(&delete).await.expect("the deletion");
    assert_eq!(silo.get(model, &[5]).await.expect("a read"), [None]);
    let again = Write::insert(model, Row::new(6, fields(&json!({ "slug": "acme" }))));
    silo.write(&Transaction { writes: vec![again], chunk: None }).await.expect("its slug is free");
}
