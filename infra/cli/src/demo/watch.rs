//! Follows a relocation until it ends.

use std::time::{Duration, Instant};

use pipeline::api::RelocationView;
use pipeline::kinds::Status;

use super::api::ApiClient;
use crate::error::CliError;
use crate::terminal::Terminal;

/// How often the record is looked at.
const INTERVAL: Duration = Duration::from_millis(150);

/// Shows each task when it runs; answers with the relocation as it ended or paused.
pub(super) fn watch(
    api: &ApiClient,
    uuid: &str,
    terminal: &mut Terminal,
) -> Result<RelocationView, CliError> {
    let began = Instant::now();
    let mut shown = None;
    loop {
        let relocation = api.relocation(uuid)?;
        let now = (relocation.latest_task, relocation.latest_task_attempts);
        if let Some(task) = relocation.latest_task
            && shown != Some(now)
        {
            let attempt = match relocation.latest_task_attempts {
                0 | 1 => String::new(),
                attempts => format!("  attempt {attempts}"),
            };
            let step = relocation.step.to_string();
            let seconds = began.elapsed().as_secs_f64();
            super::tell(terminal, &format!("  {seconds:5.1} s  {step:<15} {task}{attempt}"))?;
            shown = Some(now);
        }
        if relocation.status != Status::InProgress {
            let seconds = began.elapsed().as_secs_f64();
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
