//! The commands that speak with the API, against a server that plays it.

mod artifacts;
mod cell;
mod deleting;
mod reading;
mod refusing;
mod server;
mod steering;
mod submitting;
mod undoing;
mod watching;

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Folder, Run};
use server::Server;

/// The relocation that tests are about.
const UUID: &str = "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90";

impl Folder {
    /// A run of the program that calls a server, and waits for nothing.
    fn calling(&self, server: &Server, line: &str) -> Command {
        let mut command = self.command(line.split_whitespace());
        command.args(["--endpoint", &server.endpoint(), "--token", "secret", "--wait", "0"]);
        command
    }

    fn call(&self, server: &Server, line: &str) -> Run {
        Run::of(self.calling(server, line).output().unwrap())
    }
}

/// A record on its way, with some of its fields changed.
fn record(changes: &Value) -> Value {
    let mut record = json!({
        "dateAdded": "2026-11-20T09:00:00Z",
        "dateUpdated": "2026-11-20T09:01:00.5Z",
        "uuid": UUID,
        "creator": {"id": 1, "email": "staff@example.com", "username": "staff"},
        "owner": {"id": 2, "email": "ada@example.com", "username": "ada"},
        "status": "IN_PROGRESS",
        "step": "UPLOADING",
        "provenance": "SELF_HOSTED",
        "failureReason": null,
        "scheduledPauseAtStep": null,
        "scheduledCancelAtStep": null,
        "wantOrgSlugs": ["acme", "globex"],
        "wantUsernames": null,
        "latestTask": null,
        "latestTaskAttempts": 0,
        "latestNotified": null,
        "latestUnclaimedEmailsSentAt": null,
        "importedUserIds": [],
        "importedOrgIds": [],
    });
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

/// A record at a task.
fn at(step: &str, task: &str) -> Value {
    record(&json!({"step": step, "latestTask": task, "latestTaskAttempts": 1}))
}

/// A problem as the API tells it.
fn problem(status: u16, code: &str, detail: &str) -> Value {
    json!({"type": format!("urn:relocation:problem:{code}"), "status": status, "code": code, "detail": detail})
}
