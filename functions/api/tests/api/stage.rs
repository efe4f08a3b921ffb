//! An API whose world is in memory, asked by events of API Gateway.

use std::sync::Arc;
use std::time::Duration;

use api::{Api, OptionCache, router};
use artifacts::testing::TestKeys;
use axum::Router;
use axum::body::Body;
use catalog::Catalog;
use deletion::schedule::MemorySchedules;
use jiff::Timestamp;
use pipeline::commit::Commit;
use pipeline::memory::{Faults, ManualClock, MemoryObjects, MemoryQueues, MemoryRelocations, SeededEntropy};
use pipeline::port::{Clock, CommitRelocations, ReadRelocations};
use pipeline::relocation::Relocation;
use serde_json::{Value, json};
use silo::{MemorySilo, Row};
use tower::ServiceExt;

pub(crate) type TestWorld =
    (MemoryRelocations, MemoryObjects, MemoryObjects, TestKeys, MemorySilo, MemorySchedules, MemoryQueues);
type TestApi = Api<TestWorld>;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Nobody,
    /// A customer: user 7, `ada`.
    Ada,
    /// Another customer: user 8, `bob`.
    Bob,
    /// A customer who took the name that `ada` had before: user 9.
    Namesake,
    Staff,
    /// Staff who may read artifacts and set options.
    Admin,
}

pub(crate) const EVERYONE: [Who; 5] = [Who::Nobody, Who::Ada, Who::Bob, Who::Staff, Who::Admin];

impl Who {
    fn claims(self) -> Option<Value> {
        let claims = |sub: &str, name: &str, staff: &str| json!({ "sub": sub, "preferred_username": name, "relocation_staff": staff });
        match self {
            Self::Nobody => None,
            Self::Ada => Some(claims("7", "ada", "false")),
            Self::Bob => Some(claims("8", "bob", "false")),
            Self::Namesake => Some(claims("9", "ada", "false")),
            Self::Staff => Some(claims("1", "admin", "true")),
            Self::Admin => {
                let mut claims = claims("2", "keeper", "true");
                claims["relocation_permissions"] = json!("other.permission relocation.admin");
                Some(claims)
            }
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// The header `Link`.
    pub(crate) link: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The status and, of a refusal, the code.
    pub(crate) fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

/// A clock that the stage can move too.
struct Shared(Arc<ManualClock>);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub(crate) struct Stage {
    pub(crate) api: Arc<TestApi>,
    /// Fails calls to ports.
    pub(crate) faults: Faults,
    clock: Arc<ManualClock>,
    router: Router,
}

impl Stage {
    /// An API with the feature on, a daily limit of 2, and the users `ada` and `bob`.
    pub(crate) fn new() -> Self {
        Self::remembering_options(Duration::ZERO)
    }

    /// The same, with options that are read again after a while only.
    pub(crate) fn remembering_options(valid_for: Duration) -> Self {
        let catalog = Catalog::builtin();
        let control = MemorySilo::new(Arc::clone(&catalog));
        let users = catalog.find("sentry.user").unwrap();
        for (pk, username) in [(1, "admin"), (2, "keeper"), (7, "ada"), (8, "bob")] {
            let fields = json!({ "username": username, "email": format!("{username}@example.com"), "is_active": true });
            let Value::Object(fields) = fields else { unreachable!() };
            control.load(users, Row::new(pk, fields)).unwrap();
        }
        let faults = Faults::default();
        let clock = Arc::new(ManualClock::default());
        clock.set("2026-02-03T04:05:06Z".parse().unwrap());
        let api: Arc<TestApi> = Arc::new(Api {
            store: MemoryRelocations::with_faults(faults.clone()),
            uploads: MemoryObjects::with_faults(faults.clone()),
            objects: Arc::new(MemoryObjects::with_faults(faults.clone())),
            key: TestKeys::default(),
            cell: Arc::new(MemorySilo::new(catalog)),
            control: Arc::new(control),
            schedules: MemorySchedules::default(),
            queues: MemoryQueues::with_faults(faults.clone()),
            options: OptionCache::new(valid_for),
            artifact_retention_days: 30,
            clock: Box::new(Shared(Arc::clone(&clock))) as Box<dyn Clock>,
            entropy: Box::new(SeededEntropy::default()),
        });
        api.store.give_option("relocation.enabled", "true");
        api.store.give_option("relocation.daily-limit.small", "2");
        Self { router: router(Arc::clone(&api)), api, faults, clock }
    }

    /// Lets time pass.
    pub(crate) fn later(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Sends JSON.
    pub(crate) async fn ask(&self, who: Who, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(who, method, path, "application/json", body).await
    }

    pub(crate) async fn send(
        &self,
        who: Who,
        method: &str,
        path: &str,
        content_type: &str,
        body: String,
    ) -> Answer {
        let authorizer = who.claims().map(|claims| json!({ "jwt": { "claims": claims, "scopes": null } }));
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "content-type": content_type, "host": "api.example.com" },
            "requestContext": {
                "accountId": "1",
                "apiId": "a",
                "authorizer": authorizer,
                "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1" },
                "requestId": "r",
                "routeKey": "$default",
                "stage": "$default",
                "timeEpoch": 0
            },
            "body": body,
            "isBase64Encoded": false
        });
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let request = request.map(|body| Body::from(body.to_vec()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (content_type, link) = (header("content-type"), header("link"));
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, content_type, link, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    /// A relocation of `ada` as the store has it.
    pub(crate) async fn relocation(&self, uuid: &str) -> Relocation {
        self.api.store.relocation(uuid.parse().unwrap()).await.unwrap().unwrap()
    }

    /// Stores what a transition made.
    pub(crate) async fn commit(&self, commit: Commit) {
        self.api.store.commit(commit).await.unwrap();
    }

    /// Asks for a relocation by direct upload, for `ada`; answers with its uuid.
    pub(crate) async fn created(&self, who: Who, bytes: u64) -> String {
        let answer = self.ask(who, "POST", "/api/0/relocations/", direct("ada", bytes)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["uuid"].as_str().unwrap().to_owned()
    }
}

/// The fields of a direct upload of `acme`.
pub(crate) fn direct(owner: &str, bytes: u64) -> Value {
    json!({ "owner": owner, "orgs": "acme", "fileName": "export.tar", "fileSize": bytes })
}
