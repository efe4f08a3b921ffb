//! Pause, unpause, cancel, abort, recover: who may, what is refused, what it comes to, and what the audit log says.

use futures::future::join_all;
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::kinds::FileKind;
use pipeline::port::RemoveObjects;
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use pipeline::transition::lifecycle::upload_completed;
use pipeline::transition::{Cause, fail};
use serde_json::{Value, json};

use crate::stage::{EVERYONE, Stage, Who};

const CALLS: [&str; 5] = ["pause", "unpause", "cancel", "abort", "recover"];

fn path(uuid: &str, call: &str) -> String {
    format!("/api/0/relocations/{uuid}/{call}/")
}

impl Stage {
    /// Asks, as staff; answers with the status and, of a refusal, the code.
    async fn steer(&self, uuid: &str, call: &str, body: Value) -> (u16, String) {
        let answer = self.ask(Who::Staff, "PUT", &path(uuid, call), body).await;
        (answer.status, answer.code().1.to_owned())
    }

    async fn fails(&self, uuid: &str) {
        let relocation = self.relocation(uuid).await;
        let cause = Cause::Pipeline("test");
        self.commit(fail(&relocation, ErrorCode::ImportingFailed.into(), &cause, self.now()).unwrap()).await;
    }

    fn now(&self) -> jiff::Timestamp {
        self.api.clock.now()
    }

    /// A relocation whose first run is under way, with its file.
    async fn running(&self) -> String {
        let uuid = self.created(Who::Staff, 10).await;
        let relocation = self.relocation(&uuid).await;
        let key = artifact::upload(relocation.id);
        let stored = self.api.objects.insert(Place::Uploads, &key, "0123456789");
        let mut commit = upload_completed(&relocation, self.now()).unwrap();
        commit.relocation.latest_task = Some(OrderedTask::UploadingComplete);
        let mut file = artifacts::file(&self.api.store, relocation.id, FileKind::RawUserData).await.unwrap();
        file.pinned = Some(stored.pinned);
        commit.files.push(file);
        self.commit(commit).await;
        uuid
    }
}

#[tokio::test]
async fn only_staff_may_steer() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    let (refused, unknown) = ((403, "forbidden"), (404, "not-found"));
    let expected = [(401, "unauthenticated"), refused, refused, unknown, unknown];
    for call in CALLS {
        for (who, expected) in EVERYONE.into_iter().zip(expected) {
            for id in ["5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90", "nonsense"] {
                let answer = stage.ask(who, "PUT", &path(id, call), json!({ "atStep": 7 })).await;
                assert_eq!(answer.code(), expected, "{who:?} {call} {id}");
            }
            if expected.0 == 403 {
                let there = stage.ask(who, "PUT", &path(&uuid, call), Value::Null).await;
                assert_eq!(there.code(), expected, "{who:?} {call}");
            }
        }
    }
}

#[tokio::test]
async fn a_step_is_told_by_its_name_and_checked() {
    let stage = Stage::new();
    let uuid = stage.created(Who::Ada, 10).await;
    for (field, call) in [("atStep", "pause"), ("atStep", "cancel")] {
        for (step, expected) in [
            (json!("NOWHERE"), (400, "unknown-step")),
            (json!(""), (400, "unknown-step")),
            (json!(4), (400, "invalid-field")),
            (json!("UNKNOWN"), (400, "step-not-schedulable")),
            (json!("UPLOADING"), (400, "step-not-schedulable")),
            (json!("completed"), (400, "step-not-schedulable")),
            (json!("importing"), (200, "")),
            (json!("NOTIFYING"), (200, "")),
            (Value::Null, (200, "")),
        ] {
            let found = stage.steer(&uuid, call, json!({ field: step })).await;
            assert_eq!((found.0, found.1.as_str()), expected, "{call} {step}");
        }
        assert_eq!(stage.steer(&uuid, call, json!(["PREPROCESSING"])).await.0, 400, "{call}");
        assert_eq!(stage.steer(&uuid, call, json!({ "other": 1 })).await.0, 200, "{call}");
    }
    let relocation = stage.relocation(&uuid).await;
    assert_eq!(relocation.scheduled_pause_at_step.map(|step| step.name()), Some("PREPROCESSING"));
    assert_eq!(relocation.scheduled_cancel_at_step.map(|step| step.name()), Some("PREPROCESSING"));
}

#[tokio::test]
async fn a_relocation_takes_what_its_status_allows() {
    let stage = Stage::new();
    let uuid = stage.running().await;
    let steer = async |call: &str| {
        let (status, code) = stage.steer(&uuid, call, Value::Null).await;
        format!("{call} {status} {code}")
    };
    assert_eq!(steer("unpause").await, "unpause 400 not-unpausable", "nothing is scheduled");
    assert_eq!(steer("recover").await, "recover 400 not-failed");
    assert_eq!(steer("pause").await, "pause 200 ");
    assert_eq!(steer("unpause").await, "unpause 200 ", "the scheduled pause goes");
    assert_eq!(steer("cancel").await, "cancel 200 ");
    stage.fails(&uuid).await;
    assert_eq!(steer("pause").await, "pause 400 not-pausable");
    assert_eq!(steer("cancel").await, "cancel 200 ", "it has what a cancel wants");
    assert_eq!(steer("abort").await, "abort 400 not-abortable");
    assert_eq!(steer("recover").await, "recover 200 ");
    assert_eq!(steer("abort").await, "abort 200 ");
    assert_eq!(stage.relocation(&uuid).await.failure_reason.unwrap().code, ErrorCode::AbortedByAdministrator);

    let audit = stage.ask(Who::Staff, "GET", &path(&uuid, "audit"), Value::Null).await.body;
    let lines: Vec<String> = audit["lines"].as_array().unwrap().iter().map(line).collect();
    let expected = [
        "create by admin",
        "pause by admin: before PREPROCESSING",
        "unpause by admin",
        "cancel by admin: before PREPROCESSING",
        "recover by admin: uploading_complete",
        "abort by admin",
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        stage.ask(Who::Ada, "GET", &path(&uuid, "audit"), Value::Null).await.code(),
        (403, "forbidden")
    );
}

fn line(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let detail = line["detail"].as_str().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{} by {}{detail}", text("action"), line["user"]["username"].as_str().unwrap())
}

#[tokio::test]
async fn a_failed_relocation_is_recovered_only_with_its_file_and_a_free_owner() {
    let stage = Stage::new();
    let uuid = stage.running().await;
    stage.fails(&uuid).await;
    let other = stage.created(Who::Staff, 10).await;
    assert_eq!(stage.steer(&uuid, "recover", Value::Null).await, (409, "owner-busy".to_owned()));
    stage.steer(&other, "abort", Value::Null).await;
    let root = artifact::upload_root(uuid.parse().unwrap());
    stage.api.objects.remove(Place::Uploads, &root).await.unwrap();
    assert_eq!(stage.steer(&uuid, "recover", Value::Null).await, (400, "file-gone".to_owned()));
    // What never began has nothing to go on with.
    let unbegun = stage.created(Who::Staff, 10).await;
    stage.fails(&unbegun).await;
    assert_eq!(stage.steer(&unbegun, "recover", Value::Null).await, (400, "not-recoverable".to_owned()));
}

#[tokio::test]
async fn of_twenty_at_once_exactly_one_wins() {
    let stage = Stage::new();
    let uuid = stage.running().await;
    for (call, losers) in [("abort", "not-abortable"), ("recover", "not-failed")] {
        let before = stage.relocation(&uuid).await.generation;
        let answers = join_all((0..20).map(|_| stage.steer(&uuid, call, Value::Null))).await;
        let won = answers.iter().filter(|answer| answer.0 == 200).count();
        assert_eq!(won, 1, "{call}: {answers:?}");
        assert!(answers.iter().all(|answer| answer.0 == 200 || answer.1 == losers), "{call}: {answers:?}");
        let runs = stage.relocation(&uuid).await.generation.0 - before.0;
        assert_eq!(runs, u32::from(call == "recover"), "runs started by {call}");
    }
}
