//! Who is told of, when, and what is looked after.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use std::sync::Arc;
use std::time::Duration;

use catalog::{Catalog, Model};
use departure_relay::{BatchResponse, DepartureRelay, FailedItem, Home, Invocation, Record, RelayError};
use pipeline::memory::{Faults, ManualClock, MemoryEvents, When};
use pipeline::port::PortError;
use serde_json::{Value, json};
use silo::{Departure, Pk, Reconcile, Row, Silo, Transaction, Write};
use testkit::{Breaker, FaultySilo, SharedClock, faulty_silo};

const LEFT: Duration = Duration::from_secs(60);
const SETTLING: Duration = Duration::from_secs(60);

struct World {
    relay: DepartureRelay<FaultySilo, MemoryEvents>,
    clock: Arc<ManualClock>,
    breaker: Breaker,
    faults: Faults,
}

impl World {
    fn new() -> Self {
        let (breaker, faults, clock) =
            (Breaker::default(), Faults::default(), Arc::new(ManualClock::default()));
        let home = |name: &str, table: &str| Home {
            name: name.to_owned(),
            table: table.to_owned(),
            silo: Arc::new(faulty_silo(Catalog::builtin(), breaker.clone())),
        };
        let relay = DepartureRelay {
            cell: "us".to_owned(),
            homes: vec![home("us", "cell-table"), home("control", "control-table")],
            events: MemoryEvents::with_faults(faults.clone()),
            clock: Box::new(SharedClock(Arc::clone(&clock))),
            settling: SETTLING,
        };
        Self { relay, clock, breaker, faults }
    }

    fn control(&self) -> &FaultySilo {
        &self.relay.homes[1].silo
    }

    async fn put(&self, model: &str, pk: Pk, fields: Value) {
        let write =
            Write::insert(find(self.control(), model), Row::new(pk, fields.as_object().unwrap().clone()));
        self.control().silo.write(&Transaction { writes: vec![write], chunk: None }).await.unwrap();
    }

    async fn delete(&self, model: &str, pk: Pk) {
        let model = find(self.control(), model);
        let before = self.control().silo.get(model, &[pk]).await.unwrap().remove(0).unwrap();
        let writes = vec![Write::delete(model, before)];
        self.control().silo.write(&Transaction { writes, chunk: None }).await.unwrap();
    }

    /// What control's stream brings.
    async fn stream(&self) -> BatchResponse {
        let pending = self.control().silo.departures(10).await.unwrap();
        let records = pending.into_iter().map(|pending| pending.departure).collect();
        let read = |departure: &Departure| Record {
            name: "1".to_owned(),
            table: "control-table".to_owned(),
            departure: Ok(departure.clone()),
        };
        self.relay.handle(&Invocation { records, sweep: false }, read, LEFT).await.unwrap()
    }

    async fn sweep(&self) -> Result<BatchResponse, RelayError> {
        let invocation: Invocation<()> = Invocation { records: Vec::new(), sweep: true };
        self.relay.handle(&invocation, |()| panic!("there are no records"), LEFT).await
    }

    fn told(&self) -> Vec<String> {
        let mut told: Vec<String> =
            self.relay.events.published().into_iter().map(|event| event.subject).collect();
        told.dedup();
        told
    }

    async fn pending(&self) -> usize {
        self.control().silo.departures(10).await.unwrap().len()
    }
}

fn find<'a>(silo: &'a FaultySilo, name: &str) -> &'a Model {
    silo.catalog().find(name).unwrap()
}

/// A user who is gone, and an address that was not seen to be that user's.
async fn gone() -> World {
    let world = World::new();
    world.put("sentry.user", 7, json!({ "username": "ada" })).await;
    world.delete("sentry.user", 7).await;
    world.put("sentry.useremail", 3, json!({ "user": 7, "email": "ada@example.com" })).await;
    world
}

#[tokio::test]
async fn who_is_gone_is_told_of_and_looked_after_when_indexes_have_settled() {
    let world = gone().await;
    assert_eq!(world.stream().await, BatchResponse::default());
    assert_eq!(world.told(), ["auth_user/7"]);
    let event = world.relay.events.published().remove(0);
    assert_eq!((event.kind.as_str(), event.source.as_str()), ("row.deleted", "us"));
    assert_eq!(event.data, json!({ "silo": "control", "table": "auth_user", "objectId": 7 }));
    world.clock.advance(SETTLING - Duration::from_secs(1));
    world.sweep().await.unwrap();
    let emails = find(world.control(), "sentry.useremail");
    assert!(world.control().silo.get(emails, &[3]).await.unwrap()[0].is_some(), "not yet");
    world.clock.advance(Duration::from_secs(1));
    world.sweep().await.unwrap();
    assert!(world.control().silo.get(emails, &[3]).await.unwrap()[0].is_none(), "looked after");
    assert_eq!((world.pending().await, world.told()), (0, vec!["auth_user/7".to_owned()]));
}

#[tokio::test]
async fn a_sweep_tells_what_the_stream_did_not() {
    let world = gone().await;
    world.sweep().await.unwrap();
    assert_eq!((world.told(), world.pending().await), (vec!["auth_user/7".to_owned()], 1));
}

#[tokio::test]
async fn rows_to_which_no_key_leads_from_elsewhere_are_not_told_of() {
    let world = World::new();
    world.put("sentry.userrole", 1, json!({ "name": "admin", "permissions": [] })).await;
    world.delete("sentry.userrole", 1).await;
    assert_eq!(world.pending().await, 1, "rows of the same silo have keys to it");
    world.stream().await;
    assert_eq!(world.told(), [""; 0]);
}

#[tokio::test]
async fn what_cannot_be_told_stays_and_is_named() {
    let world = gone().await;
    world.faults.fail_call(1, When::Before);
    assert_eq!(world.stream().await.batch_item_failures, [FailedItem { item_identifier: "1".to_owned() }]);
    world.faults.fail_call(1, When::Before);
    assert!(matches!(world.sweep().await, Err(RelayError::LeftBehind(1))));
    assert_eq!((world.told(), world.pending().await), (vec![], 1));
}

#[tokio::test]
async fn records_that_cannot_be_read_or_are_of_no_silo_are_named() {
    let world = World::new();
    let read = |bad: &bool| Record {
        name: bad.to_string(),
        table: if *bad { "other" } else { "cell-table" }.to_owned(),
        departure: if *bad {
            Ok(Departure { departed: Vec::new() })
        } else {
            Err(PortError::permanent("read", "bad"))
        },
    };
    let response =
        world.relay.handle(&Invocation { records: vec![true, false], sweep: false }, read, LEFT).await;
    assert_eq!(response.unwrap().batch_item_failures.len(), 2);
}

#[tokio::test]
async fn broken_off_at_any_call_it_comes_to_the_same() {
    async fn to_the_end(world: &World) -> usize {
        let mut failures = 0;
        for _ in 0..6 {
            failures += usize::from(world.sweep().await.is_err());
            world.clock.advance(SETTLING);
        }
        failures
    }
    let undisturbed = gone().await;
    to_the_end(&undisturbed).await;
    let calls = undisturbed.breaker.calls();
    for when in [When::Before, When::After] {
        for call in 1..=calls {
            let world = gone().await;
            world.breaker.fail_call(call, when);
            assert_eq!(to_the_end(&world).await, 1, "{when:?} {call}");
            assert_eq!(
                (world.told(), world.pending().await),
                (vec!["auth_user/7".to_owned()], 0),
                "{when:?} {call}"
            );
            let emails = find(world.control(), "sentry.useremail");
            assert!(world.control().silo.get(emails, &[3]).await.unwrap()[0].is_none(), "{when:?} {call}");
        }
    }
}
