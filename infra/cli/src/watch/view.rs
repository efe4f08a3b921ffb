//! The timeline as a picture of 80 columns.

use std::fmt::Write as _;

use jiff::Timestamp;
use pipeline::api::RelocationView;
use pipeline::task::OrderedTask;

use super::pace::{Pace, Span, between};
use super::timeline::{Mark, Timeline, Took};
use crate::api::Record;
use crate::relocation::{failure, rows, state};
use crate::terminal::{COLUMNS, wrapped};

/// Where the names of tasks begin.
const TASKS_AT: usize = 18;
/// How wide the bar of rows is.
const BAR: u64 = 20;

/// Draws a relocation as it is now, without a line break at its end.
pub(super) fn draw(record: &Record, timeline: &Timeline, pace: &Pace, now: Timestamp) -> String {
    let view = &record.view;
    let mut picture = format!("{}\n\n", title(view));
    let mut step = None;
    for task in OrderedTask::ALL {
        let is_first = step.replace(task.step()) != Some(task.step());
        let name = if is_first { task.step().name() } else { "" };
        let is_latest = view.latest_task == Some(*task);
        let attempts = match view.latest_task_attempts {
            attempts if is_latest && attempts > 1 => format!("attempt {attempts}"),
            _ => String::new(),
        };
        let mark = timeline.mark(*task, view.latest_task);
        let took = match mark {
            Mark::ToCome => String::new(),
            _ => took(timeline.took(*task), mark, now),
        };
        let line = format!("{} {name:<14}  {:<31}{attempts:<12}{took:>18}", sign(mark), task.name());
        let _ = writeln!(picture, "{}", line.trim_end());
        if mark == Mark::Running {
            picture.push_str(&progress(record, *task, pace));
        }
    }
    let _ = write!(picture, "\n{}", capitalised(&state(view)));
    if let Some(reason) = &view.failure_reason {
        let _ = write!(picture, "\n{}", wrapped(&failure(reason)));
    }
    picture
}

fn title(view: &RelocationView) -> String {
    let owner = view.owner.as_ref().map(|owner| format!(" for {}", owner.username)).unwrap_or_default();
    let title = format!("{}  {}{owner}", view.uuid, view.want_org_slugs.join(", "));
    if title.chars().count() <= COLUMNS {
        return title;
    }
    title.chars().take(COLUMNS - 1).chain(['…']).collect()
}

const fn sign(mark: Mark) -> char {
    match mark {
        Mark::ToCome => ' ',
        Mark::Running => '▸',
        Mark::Paused => '=',
        Mark::Failed => '✗',
        Mark::Done => '✓',
    }
}

fn took(took: Took, mark: Mark, now: Timestamp) -> String {
    match (took, mark) {
        (_, Mark::Paused) => "paused".to_owned(),
        (Took::Exactly(time), _) => precise(time),
        (Took::AtMost(time), _) => format!("< {}", precise(time)),
        (Took::Since(since), Mark::Running) => Span(between(since, now)).to_string(),
        (Took::Since(_) | Took::Unknown, _) => String::new(),
    }
}

/// A time with tenths of a second where they matter.
fn precise(time: std::time::Duration) -> String {
    if time.as_secs() < 60 { format!("{:.1} s", time.as_secs_f64()) } else { Span(time).to_string() }
}

/// How far a task is, in a line below it.
fn progress(record: &Record, task: OrderedTask, pace: &Pace) -> String {
    let Some(progress) = record.view.progress.as_ref().filter(|progress| progress.task == task) else {
        return String::new();
    };
    let mut line = " ".repeat(TASKS_AT);
    let full = progress.rows_done.saturating_mul(BAR).checked_div(progress.rows_total).unwrap_or(BAR);
    line.extend((0..BAR).map(|column| if column < full { '█' } else { '░' }));
    let _ = write!(line, " {}", rows(progress));
    if let Some(left) = pace.left() {
        let _ = write!(line, ", {left} left");
    }
    line.push('\n');
    line
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A record, so many seconds after 9 o'clock.
    fn record(second: u64, changes: &Value) -> Record {
        let mut record = json!({
            "dateAdded": "2026-11-20T09:00:00Z",
            "dateUpdated": format!("2026-11-20T09:00:{second:02}.25Z"),
            "uuid": "5d3c8e4a-4b0f-4d7e-9a57-0f6f3c2b1a90",
            "creator": null,
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
            "latestTaskAttempts": 1,
            "latestNotified": null,
            "latestUnclaimedEmailsSentAt": null,
            "importedUserIds": [],
            "importedOrgIds": [],
        });
        for (field, value) in changes.as_object().expect("an object") {
            record[field] = value.clone();
        }
        serde_json::from_value(record).expect("a record")
    }

    fn task(second: u64, step: &str, task: &str) -> Record {
        record(second, &json!({"step": step, "latestTask": task}))
    }

    /// The picture after these looks, each taken when the record changed.
    fn picture(looks: &[Record], now: &str) -> String {
        let (mut timeline, mut pace) = (Timeline::default(), Pace::default());
        for look in looks {
            timeline.observe(look);
            pace.observe(look.view.progress.as_ref());
        }
        let picture = looks
            .last()
            .map(|last| draw(last, &timeline, &pace, now.parse().expect("a time")))
            .unwrap_or_default();
        assert!(picture.lines().all(|line| line.chars().count() <= COLUMNS), "{picture}");
        picture
    }

    fn importing(second: u64, rows: u64) -> Record {
        let progress = json!({
            "task": "importing", "rowsDone": rows, "rowsTotal": 12_000, "models": {},
            "updated": format!("2026-11-20T09:00:{second:02}Z"),
        });
        let scheduled = json!({
            "step": "IMPORTING", "latestTask": "importing", "latestTaskAttempts": 2, "progress": progress,
            "scheduledPauseAtStep": "NOTIFYING",
        });
        record(second, &scheduled)
    }

    #[test]
    fn a_relocation_waits_for_its_file() {
        insta::assert_snapshot!(picture(&[record(0, &json!({}))], "2026-11-20T09:00:05Z"));
    }

    #[test]
    fn rows_are_counted_while_they_are_imported() {
        let looks = [
            record(0, &json!({})),
            task(1, "UPLOADING", "uploading_start"),
            task(2, "UPLOADING", "uploading_complete"),
            task(5, "VALIDATING", "validating_start"),
            task(6, "VALIDATING", "validating_poll"),
            importing(20, 0),
            importing(30, 4_000),
        ];
        insta::assert_snapshot!(picture(&looks, "2026-11-20T09:01:30Z"));
    }

    #[test]
    fn a_pause_is_no_time_of_its_task() {
        let paused = record(10, &json!({"status": "PAUSE", "step": "IMPORTING", "latestTask": "importing"}));
        let looks = [task(2, "VALIDATING", "validating_complete"), paused];
        insta::assert_snapshot!("paused", picture(&looks, "2026-11-20T09:30:00Z"));
        let [validated, paused] = looks;
        let went_on = [
            validated,
            paused,
            task(40, "IMPORTING", "importing"),
            task(45, "POSTPROCESSING", "postprocessing"),
        ];
        insta::assert_snapshot!("unpaused", picture(&went_on, "2026-11-20T09:00:50Z"));
    }

    #[test]
    fn an_end_says_why() {
        let detail = "A row of the export cannot be imported. Correct the row that is named, export again and start a new relocation.";
        let failed = record(
            30,
            &json!({
                "status": "FAILURE", "step": "IMPORTING", "latestTask": "importing", "latestTaskAttempts": 5,
                "failureReason": {"code": "import-rejected", "detail": detail},
            }),
        );
        insta::assert_snapshot!("failed", picture(&[importing(20, 10), failed], "2026-11-20T10:00:00Z"));
        let success = json!({"status": "SUCCESS", "step": "COMPLETED", "latestTask": "completed"});
        let slugs = (0..20).map(|n| format!("organisation-{n}")).collect::<Vec<_>>();
        let mut ended = record(30, &success);
        ended.view.want_org_slugs = slugs;
        let looks =
            [task(20, "NOTIFYING", "notifying_users"), task(21, "NOTIFYING", "notifying_owner"), ended];
        insta::assert_snapshot!("succeeded", picture(&looks, "2026-11-20T10:00:00Z"));
    }

    #[test]
    fn a_validation_that_is_run_again_goes_back() {
        let looks = [
            task(1, "VALIDATING", "validating_start"),
            task(2, "VALIDATING", "validating_poll"),
            task(10, "VALIDATING", "validating_complete"),
            task(11, "VALIDATING", "validating_start"),
        ];
        insta::assert_snapshot!(picture(&looks, "2026-11-20T09:00:20Z"));
    }
}
