//! Who gets a tombstone, where, and how often.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;

use catalog::Catalog;
use pipeline::memory::{ManualClock, When};
use runtime::{Handled, Received};
use serde_json::{Value, json};
use silo::Reconcile;
use testkit::{Breaker, FaultySilo, faulty_silo};
use tombstone_writer::TombstoneWriter;

fn writer(breaker: &Breaker) -> TombstoneWriter<FaultySilo> {
    let silo = || Arc::new(faulty_silo(Catalog::builtin(), breaker.clone()));
    TombstoneWriter { cell: silo(), control: silo(), clock: Box::new(ManualClock::default()) }
}

fn deleted(table: &str, object: u64) -> Value {
    json!({
        "id": "abc-1", "type": "row.deleted", "version": 1, "time": "2026-01-02T03:04:05Z", "source": "us",
        "subject": format!("{table}/{object}"), "sequence": 1, "causation": "deletion",
        "data": { "silo": "control", "table": table, "objectId": object },
    })
}

fn received(body: &Value) -> Received {
    Received { body: body.to_string(), receipt: "r".to_owned(), deliveries: 1 }
}

async fn buried(silo: &FaultySilo) -> Vec<(String, i64)> {
    let found = silo.silo.tombstones(0, 100).await.unwrap();
    found.into_iter().map(|tombstone| (tombstone.departed.table, tombstone.departed.object)).collect()
}

#[tokio::test]
async fn whoever_has_keys_to_a_table_gets_its_tombstones_once() {
    let writer = writer(&Breaker::default());
    for (table, object) in [
        ("auth_user", 1),
        ("sentry_organization", 2),
        ("sentry_team", 3),
        ("nobody_knows", 4),
        ("auth_user", 1),
    ] {
        assert_eq!(writer.handle(&received(&deleted(table, object))).await, Handled::Done, "{table}");
    }
    let of = |found: &[(&str, i64)]| {
        found.iter().map(|(table, pk)| ((*table).to_owned(), *pk)).collect::<Vec<_>>()
    };
    // Screenshots in the cell belong to an organisation there, and are told by tombstones, too.
    assert_eq!(buried(&writer.cell).await, of(&[("auth_user", 1), ("sentry_organization", 2)]));
    assert_eq!(buried(&writer.control).await, of(&[("sentry_organization", 2), ("sentry_team", 3)]));
}

#[tokio::test]
async fn what_is_no_departure_is_kept_for_an_operator() {
    let writer = writer(&Breaker::default());
    let mut other = deleted("auth_user", 1);
    other["type"] = "relocation.created".into();
    let mut beyond = deleted("auth_user", 1);
    beyond["data"]["objectId"] = u64::MAX.into();
    let no_event = Received { body: "no JSON".to_owned(), ..received(&Value::Null) };
    for message in [no_event, received(&json!({})), received(&other), received(&beyond)] {
        assert_eq!(writer.handle(&message).await, Handled::Failed, "{}", message.body);
    }
    assert_eq!(buried(&writer.cell).await, []);
}

#[tokio::test]
async fn a_message_that_failed_comes_again_and_does_the_rest() {
    let breaker = Breaker::default();
    writer(&breaker).handle(&received(&deleted("sentry_organization", 2))).await;
    let calls = breaker.calls();
    for when in [When::Before, When::After] {
        for call in 1..=calls {
            let writer = writer(&breaker);
            breaker.fail_call(call, when);
            let message = received(&deleted("sentry_organization", 2));
            assert_eq!(writer.handle(&message).await, Handled::Failed, "{when:?} {call}");
            assert_eq!(writer.handle(&message).await, Handled::Done, "{when:?} {call}");
            let expected = [("sentry_organization".to_owned(), 2)];
            assert_eq!(buried(&writer.cell).await, expected);
            assert_eq!(buried(&writer.control).await, expected);
        }
    }
}
