//! `watch`: what is told of a relocation while it changes.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::server::Server;
use super::{UUID, at, problem, record};
use crate::support::{Folder, json};

/// What a look finds.
enum Look {
    Record(Value),
    Lost,
    Busy,
    TooMany,
    Refused,
}

use Look::{Busy, Lost, Record, Refused, TooMany};

/// A server that answers each look with the next of these, and then with the last for ever.
fn showing(looks: Vec<Look>) -> Server {
    let mut looks: VecDeque<Look> = looks.into();
    Server::start(move |_, exchange| {
        let look = if looks.len() > 1 { looks.pop_front() } else { None };
        match look.as_ref().or(looks.front()).unwrap() {
            Record(record) => exchange.answer(200, record),
            Lost => drop(exchange),
            Busy => exchange.answer(503, &json!({"message": "Service Unavailable"})),
            TooMany => exchange.answer(429, &json!({"message": "Too Many Requests"})),
            Refused => exchange.answer(401, &json!({"message": "Unauthorized"})),
        }
    })
}

fn changed(mut record: Value, changes: &Value) -> Value {
    for (field, value) in changes.as_object().unwrap() {
        record[field] = value.clone();
    }
    record
}

/// An import that is so far at 9 o'clock and so many seconds.
fn importing(second: u64, done: u64, attempts: u32) -> Look {
    let updated = format!("2026-11-20T09:00:{second:02}Z");
    let progress =
        json!({"task": "importing", "rowsDone": done, "rowsTotal": 12_000, "models": {}, "updated": updated});
    Record(changed(
        at("IMPORTING", "importing"),
        &json!({"progress": progress, "latestTaskAttempts": attempts}),
    ))
}

fn success() -> Look {
    Record(record(
        &json!({"status": "SUCCESS", "step": "COMPLETED", "latestTask": "completed", "latestTaskAttempts": 1}),
    ))
}

/// Lines without the times at which they were written.
fn untimed(said: &str) -> String {
    let untimed = said.lines().map(|line| {
        let (time, rest) = line.split_once("  ").unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok() && time.len() == 20, "{line}");
        format!("{rest}\n")
    });
    untimed.collect()
}

#[test]
fn a_pipe_gets_a_line_for_each_change() {
    let scheduled = json!({"scheduledPauseAtStep": "NOTIFYING"});
    let paused = json!({"status": "PAUSE"});
    let server = showing(vec![
        Record(record(&json!({}))),
        Record(at("UPLOADING", "uploading_start")),
        Record(at("UPLOADING", "uploading_start")),
        Record(at("PREPROCESSING", "preprocessing_scan")),
        Record(changed(at("PREPROCESSING", "preprocessing_scan"), &scheduled)),
        Record(changed(
            at("VALIDATING", "validating_poll"),
            &json!({"scheduledPauseAtStep": "IMPORTING", "latestTaskAttempts": 3}),
        )),
        Record(changed(at("IMPORTING", "importing"), &paused)),
        Record(at("IMPORTING", "importing")),
        importing(10, 0, 1),
        importing(14, 4_000, 1),
        importing(14, 4_000, 2),
        importing(30, 12_000, 2),
        Record(changed(at("NOTIFYING", "notifying_users"), &json!({"scheduledCancelAtStep": "COMPLETED"}))),
        Record(at("NOTIFYING", "notifying_users")),
        success(),
    ]);
    let run = Folder::new().call(&server, &format!("watch {UUID}"));
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    insta::assert_snapshot!(untimed(&run.out));
}

#[test]
fn machines_get_each_record_that_is_new() {
    let scan = at("PREPROCESSING", "preprocessing_scan");
    let looks = vec![
        Record(record(&json!({}))),
        Record(scan.clone()),
        Record(scan.clone()),
        Lost,
        Record(scan),
        success(),
    ];
    let said = Folder::new().call(&showing(looks), &format!("watch {UUID} --json")).done();
    let tasks: Vec<Value> = said.lines().map(|line| json(line.as_bytes())["latestTask"].clone()).collect();
    assert_eq!(tasks, [Value::Null, json!("preprocessing_scan"), json!("completed")]);
}

#[test]
fn a_connection_that_is_lost_is_tried_again() {
    let scan = || Record(at("PREPROCESSING", "preprocessing_scan"));
    let mut looks = vec![scan()];
    looks.extend((0..20).map(|_| Lost));
    looks.extend([scan(), Busy, Busy, scan(), TooMany, success()]);
    let run = Folder::new().call(&showing(looks), &format!("watch {UUID}"));
    assert_eq!(run.code, 0);
    assert!(untimed(&run.out).ends_with("SUCCESS\n"), "{}", run.out);
    let notices: Vec<&str> = run.err.lines().collect();
    assert_eq!(notices.len(), 3, "{}", run.err);
    assert!(notices[0].starts_with("asking for the relocation got no answer: "), "{}", run.err);
    assert_eq!(
        notices[1],
        "asking for the relocation was answered with status 503: Service Unavailable; trying again"
    );
    assert!(notices[2].contains("status 429: Too Many Requests; trying again"), "{}", run.err);
}

#[test]
fn what_is_wrong_from_the_beginning_ends_it() {
    for look in [Lost, Busy, Refused] {
        let run = Folder::new().call(&showing(vec![look]), &format!("watch {UUID}"));
        assert_eq!((run.code, run.out.as_str()), (2, ""));
    }
    let server =
        Server::answering(404, problem(404, "not-found", "There is nothing here. Check the address."));
    assert_eq!(Folder::new().call(&server, &format!("watch {UUID}")).code, 2);
}

#[test]
fn a_token_that_expires_ends_it() {
    let server = showing(vec![Record(at("IMPORTING", "importing")), Refused]);
    let run = Folder::new().call(&server, &format!("watch {UUID}"));
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--token"), "{}", run.err);
}

#[test]
fn a_failure_ends_with_1() {
    let reason = json!({"code": "import-rejected", "detail": "Row 7 of sentry.team has no slug."});
    let failed = json!({"status": "FAILURE", "failureReason": reason, "latestTaskAttempts": 5});
    let server = showing(vec![importing(10, 10, 5), Record(changed(at("IMPORTING", "importing"), &failed))]);
    let run = Folder::new().call(&server, &format!("watch {UUID}"));
    assert_eq!(run.code, 1);
    insta::assert_snapshot!(untimed(&run.out));
}

#[test]
fn a_pause_is_an_end_for_who_says_so() {
    let paused = || Record(changed(at("IMPORTING", "importing"), &json!({"status": "PAUSE"})));
    let run = Folder::new().call(&showing(vec![paused()]), &format!("watch {UUID} --until-paused"));
    assert_eq!((run.code, untimed(&run.out).as_str()), (0, "PAUSE before IMPORTING\n"));
    let run = Folder::new().call(&showing(vec![paused(), paused(), success()]), &format!("watch {UUID}"));
    assert_eq!(run.code, 0);
    assert!(untimed(&run.out).ends_with("SUCCESS\n"), "{}", run.out);
}
