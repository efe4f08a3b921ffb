//! `validating_complete` (SPEC §3, 10): the findings are judged. One finding is enough: the import would change
//! something that it must not.

use std::collections::BTreeSet;
use std::sync::Arc;

use artifacts::{ValidationPlan, read_small};
use pipeline::artifact::{self, Folder};
use pipeline::code::ErrorCode;
use pipeline::ids::BuildId;
use pipeline::kinds::ValidationStatus;
use pipeline::port::ReadObjects;
use pipeline::relocation::{Failure, Place};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished, Outcome, ValidationChange};
use runtime::{Task, TaskContext, TaskError};
use transfer::findings::Finding;

/// The task.
#[derive(Debug)]
pub struct ValidatingComplete<O> {
    /// Where the findings are.
    pub objects: Arc<O>,
}

impl<O: ReadObjects> Task for ValidatingComplete<O> {
    const TASK: OrderedTask = OrderedTask::ValidatingComplete;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let validation = context.relocation.validation.as_ref();
        let attempt = validation.and_then(|validation| validation.latest());
        let attempt = attempt.ok_or_else(|| TaskError::permanent("no validation run was started"))?;
        let found = self.found(attempt.build).await?;
        let (outcome, status) = if found.is_empty() {
            (Outcome::Next, ValidationStatus::Valid)
        } else {
            (Outcome::Fail(failure(&found)), ValidationStatus::Invalid)
        };
        let validation = Some(ValidationChange::Conclude(attempt.build, status));
        Ok(Finished::from(outcome).with(Changes { validation, ..Changes::default() }))
    }
}

/// A findings file that has findings: its name, and how many.
type Found = (String, usize);

impl<O: ReadObjects> ValidatingComplete<O> {
    /// The run's files that have findings. A run without findings left a file for every step of the plan: one that
    /// is missing or unreadable may only not be there yet, and is never taken for a clean one. A run that could
    /// not import the file stopped there, and its finding is enough.
    async fn found(&self, build: BuildId) -> Result<Vec<Found>, TaskError> {
        let mut missing: BTreeSet<String> = ValidationPlan::new(Vec::new()).findings(build).collect();
        let mut found = Vec::new();
        for name in self.names(build).await? {
            let key = artifact::folder(build.relocation, Folder::Findings) + &name;
            let content = read_small(&*self.objects, &key).await?;
            let findings: Vec<Finding> = serde_json::from_slice(&content).map_err(TaskError::transient)?;
            missing.remove(&key);
            if !findings.is_empty() {
                found.push((name, findings.len()));
            }
        }
        match missing.first() {
            Some(key) if found.is_empty() => Err(TaskError::transient(format!("{key} is not there yet"))),
            _ => Ok(found),
        }
    }

    /// The names of the run's findings files, but for those that speak of artifacts of the run itself.
    async fn names(&self, build: BuildId) -> Result<Vec<String>, TaskError> {
        let folder = artifact::folder(build.relocation, Folder::Findings);
        let of_run = format!("-{}.json", build.run);
        let listed = self.objects.list(Place::Artifacts, &folder).await?;
        let names = listed.iter().filter_map(|(key, _)| key.strip_prefix(&folder));
        let names = names.filter(|name| artifact::is_finding(name) && name.ends_with(&of_run));
        Ok(names.map(str::to_owned).collect())
    }
}

/// Says where the findings are. What they say stays there, for those who may read artifacts.
fn failure(found: &[Found]) -> Failure {
    let code = ErrorCode::ValidationFindings;
    let files: Vec<String> = found.iter().map(|(name, count)| format!("{count} in {name}")).collect();
    Failure::new(code, format!("{} (Findings: {}.)", code.sentence(), files.join(", ")))
}
