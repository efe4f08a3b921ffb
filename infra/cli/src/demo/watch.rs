//! Follows a relocation until it ends.

use std::time::{Duration, Instant};

use pipeline::api::RelocationView;
use pipeline::ids::RelocationId;
use pipeline::kinds::Status;
use pipeline::task::OrderedTask;

use crate::api::ApiClient;
use crate::error::CliError;
use crate::terminal::Terminal;

/// How often the record is looked at: many tasks take less.
const INTERVAL: Duration = Duration::from_millis(150);

/// Shows each task when it runs; answers with the relocation as it ended or paused.
pub(super) fn watch(
    api: &ApiClient,
    id: RelocationId,
    terminal: &mut Terminal,
) -> Result<RelocationView, CliError> {
    let began = Instant::now();
    let mut shown = None;
    loop {
        let relocation = api.relocation(id)?.view;
        let seconds = began.elapsed().as_secs_f64();
        let now = relocation.latest_task.map(|task| (task, relocation.latest_task_attempts));
        if let Some((task, attempts)) = now.filter(|now| shown != Some(*now)) {
            let last = shown.map(|(task, _)| task);
            for earlier in
                OrderedTask::ALL.iter().filter(|earlier| last < Some(**earlier) && **earlier < task)
            {
                tell_task(terminal, seconds, *earlier, 1)?;
            }
            tell_task(terminal, seconds, task, attempts)?;
            shown = now;
        }
        if relocation.status != Status::InProgress {
            let end = match (&relocation.status, &relocation.failure_reason) {
                (Status::Failure, Some(failure)) => format!("FAILURE: {} ({})", failure.detail, failure.code),
                (status, _) => status.to_string(),
            };
            super::tell(terminal, &format!("  {seconds:5.1} s  {end}"))?;
            return Ok(relocation);
        }
        std::thread::sleep(INTERVAL);
    }
}

fn tell_task(
    terminal: &mut Terminal,
    seconds: f64,
    task: OrderedTask,
    attempts: u32,
) -> Result<(), CliError> {
    let attempt = if attempts > 1 { format!("  attempt {attempts}") } else { String::new() };
    let step = task.step().to_string();
    super::tell(terminal, &format!("  {seconds:5.1} s  {step:<15} {task}{attempt}"))
}
