//! A relocation as a pipe is told of it: a line for each change.

use std::time::Duration;

use jiff::Timestamp;
use pipeline::kinds::Status;
use pipeline::task::OrderedTask;

use super::Audience;
use super::pace::Pace;
use crate::api::{ApiError, Progress, Record};
use crate::error::{CliError, causes};
use crate::relocation::failure;
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
        self.pace.observe(record.progress.as_ref(), now);
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
    let before = last.map(|last| &last.view);
    let now = &record.view;
    let mut lines = Vec::new();

    let is_paused = now.status == Status::Pause;
    let visit = |view: &pipeline::api::RelocationView| {
        // A task before which the relocation is paused has not begun.
        let task = view.latest_task.filter(|_| view.status != Status::Pause);
        task.map(|task| (task, view.latest_task_attempts))
    };
    if before.is_none() && now.latest_task.is_none() && now.status == Status::InProgress {
        lines.push(step_line(now.step.name(), "waiting for the file"));
    }
    if before.is_some_and(|before| before.status == Status::Pause) && !is_paused && now.status.is_active() {
        lines.push(step_line(now.step.name(), "goes on"));
    }
    if let Some(task) = now.latest_task {
        let since = before.and_then(|before| before.latest_task);
        // Tasks that came and went between two looks.
        let skipped =
            |earlier: &&OrderedTask| before.is_some() && since < Some(**earlier) && **earlier < task;
        lines.extend(OrderedTask::ALL.iter().filter(skipped).map(|earlier| task_line(*earlier, 1, None)));
        let progress = record.progress.as_ref().filter(|progress| progress.task == task.name());
        let has_progressed = progress != last.and_then(|last| last.progress.as_ref()) && progress.is_some();
        if !is_paused && (before.and_then(visit) != visit(now) || has_progressed) {
            let rows = progress.map(|progress| rows_text(progress, pace));
            lines.push(task_line(task, now.latest_task_attempts, rows));
        }
    }
    if now.status.is_active() {
        let pause = (before.and_then(|before| before.scheduled_pause_at_step), now.scheduled_pause_at_step);
        let cancel =
            (before.and_then(|before| before.scheduled_cancel_at_step), now.scheduled_cancel_at_step);
        for ((was, is), verb) in [(pause, "pause"), (cancel, "be cancelled")] {
            match is {
                Some(step) if was != is => lines.push(format!("will {verb} before {step}")),
                None if was.is_some() && !is_paused => lines.push(format!("will no longer {verb}")),
                _ => {}
            }
        }
    }
    if before.is_none_or(|before| before.status != now.status) {
        match (now.status, &now.failure_reason) {
            (Status::InProgress, _) => {}
            (Status::Pause, _) => lines.push(format!("{} before {}", now.status, now.step)),
            (Status::Failure, Some(reason)) => lines.push(format!("{}: {}", now.status, failure(reason))),
            (Status::Failure | Status::Success, _) => lines.push(now.status.to_string()),
        }
    }
    lines
}

fn step_line(step: &str, text: &str) -> String {
    format!("{step:<14}  {text}")
}

fn task_line(task: OrderedTask, attempts: u32, rows: Option<String>) -> String {
    let mut text = task.name().to_owned();
    if attempts > 1 {
        text.push_str(&format!(", attempt {attempts}"));
    }
    if let Some(rows) = rows {
        text.push_str(&format!(": {rows}"));
    }
    step_line(task.step().name(), &text)
}

fn rows_text(progress: &Progress, pace: &Pace) -> String {
    let rows = crate::relocation::rows(progress.rows_done, progress.rows_total);
    pace.left().map_or_else(|| rows.clone(), |left| format!("{rows}, about {left} left"))
}
