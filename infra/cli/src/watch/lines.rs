//! A relocation as a pipe is told of it: a line for each change.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::api::RelocationView;
use pipeline::kinds::{Status, Step};
use pipeline::progress::Progress;
use pipeline::task::OrderedTask;

use super::Audience;
use super::pace::Pace;
use crate::api::{ApiError, Record};
use crate::error::{CliError, causes};
use crate::relocation::{failure, rows};
use crate::terminal::Terminal;

pub(super) struct Lines<'t> {
    terminal: &'t mut Terminal,
    last: Option<Record>,
    pace: Pace,
}

impl<'t> Lines<'t> {
    pub(super) fn new(terminal: &'t mut Terminal) -> Self {
        Self { terminal, last: None, pace: Pace::default() }
    }

    fn line(&mut self, now: Timestamp, text: &str) -> Result<(), CliError> {
        let out = self.terminal.out();
        writeln!(out, "{now:.0}  {text}").and_then(|()| out.flush()).map_err(CliError::Terminal)
    }
}

impl Audience for Lines<'_> {
    fn look(&mut self, record: &Record, now: Timestamp) -> Result<(), CliError> {
        self.pace.observe(record.view.progress.as_ref());
        for text in changes(self.last.as_ref(), record, &self.pace) {
            self.line(now, &text)?;
        }
        self.last = Some(record.clone());
        Ok(())
    }

    fn lost(&mut self, error: &ApiError) -> Result<(), CliError> {
        let cause = causes(error).last().map(|cause| format!(": {cause}")).unwrap_or_default();
        // Nobody may be listening there, and what matters goes to the stream for data.
        let _ = writeln!(self.terminal.err(), "{error}{cause}; trying again");
        Ok(())
    }

    fn found(&mut self) {}

    fn wait(&mut self, time: Duration) -> Result<(), CliError> {
        std::thread::sleep(time);
        Ok(())
    }

    fn end(&mut self) -> Result<(), CliError> {
        Ok(())
    }
}

/// What is new, each thing in a line of its own and in the order in which it happened.
fn changes(last: Option<&Record>, record: &Record, pace: &Pace) -> Vec<String> {
    let (last, now) = (last.map(|last| &last.view), &record.view);
    let mut lines = tasks(last, now, pace);
    if now.status.is_active() {
        lines.extend(schedule(last, now));
    }
    if last.is_none_or(|last| last.status != now.status) {
        lines.extend(end(now));
    }
    lines
}

/// The tasks that were begun, and how far the latest is.
fn tasks(last: Option<&RelocationView>, now: &RelocationView, pace: &Pace) -> Vec<String> {
    let Some(task) = now.latest_task else {
        let waits = last.is_none() && now.status == Status::InProgress;
        return waits.then(|| step_line(now.step, "waiting for the file")).into_iter().collect();
    };
    let mut lines = Vec::new();
    if last.is_some_and(|last| last.status == Status::Pause) && now.status == Status::InProgress {
        lines.push(step_line(now.step, "goes on"));
    }
    if let Some(last) = last {
        // They came and went between two looks.
        let skipped = |one: &&OrderedTask| last.latest_task < Some(**one) && **one < task;
        lines.extend(OrderedTask::ALL.iter().filter(skipped).map(|skipped| task_line(*skipped, 1, None)));
    }
    let progress = now.progress.as_ref().filter(|progress| progress.task == task);
    let has_progressed = progress.is_some() && progress != last.and_then(|last| last.progress.as_ref());
    let is_new = visit(now).is_some() && last.and_then(visit) != visit(now);
    if is_new || has_progressed {
        lines.push(task_line(
            task,
            now.latest_task_attempts,
            progress.map(|progress| rows_text(progress, pace)),
        ));
    }
    lines
}

/// The latest task and its attempt. A task before which the relocation is paused has not begun.
fn visit(view: &RelocationView) -> Option<(OrderedTask, u32)> {
    let task = view.latest_task.filter(|_| view.status != Status::Pause)?;
    Some((task, view.latest_task_attempts))
}

/// What was scheduled, or is so no longer.
fn schedule(last: Option<&RelocationView>, now: &RelocationView) -> Vec<String> {
    let pause = (last.and_then(|last| last.scheduled_pause_at_step), now.scheduled_pause_at_step);
    let cancel = (last.and_then(|last| last.scheduled_cancel_at_step), now.scheduled_cancel_at_step);
    let line = |((was, is), verb): ((Option<Step>, Option<Step>), &str)| match is {
        Some(step) if was != is => Some(format!("will {verb} before {step}")),
        // A pause that has come is told as such.
        None if was.is_some() && now.status != Status::Pause => Some(format!("will no longer {verb}")),
        _ => None,
    };
    [(pause, "pause"), (cancel, "be cancelled")].into_iter().filter_map(line).collect()
}

/// How it ended, or that it is paused.
fn end(now: &RelocationView) -> Option<String> {
    match (now.status, &now.failure_reason) {
        (Status::InProgress, _) => None,
        (Status::Pause, _) => Some(format!("{} before {}", now.status, now.step)),
        (Status::Failure, Some(reason)) => Some(format!("{}: {}", now.status, failure(reason))),
        (Status::Failure | Status::Success, _) => Some(now.status.to_string()),
    }
}

fn step_line(step: Step, text: &str) -> String {
    format!("{:<14}  {text}", step.name())
}

fn task_line(task: OrderedTask, attempts: u32, rows: Option<String>) -> String {
    let mut text = task.name().to_owned();
    if attempts > 1 {
        text.push_str(&format!(", attempt {attempts}"));
    }
    if let Some(rows) = rows {
        text.push_str(&format!(": {rows}"));
    }
    step_line(task.step(), &text)
}

fn rows_text(progress: &Progress, pace: &Pace) -> String {
    let rows = rows(progress);
    pace.left().map_or_else(|| rows.clone(), |left| format!("{rows}, about {left} left"))
}
