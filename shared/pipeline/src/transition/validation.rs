//! A validation run reports its end. Its findings are judged later, by `validating_complete`.

use jiff::Timestamp;

use crate::commit::{Commit, Draft};
use crate::ids::BuildId;
use crate::kinds::ValidationStatus;
use crate::relocation::Relocation;

/// The run came to its end and its findings are stored. `None` when that is known already, the run was
/// given up, or the relocation has ended.
#[must_use]
pub fn ended(relocation: &Relocation, build: BuildId, now: Timestamp) -> Option<Commit> {
    report(relocation, build, now, None)
}

/// The run broke off and will not come back. `None` as for [`ended`].
#[must_use]
pub fn broke_off(relocation: &Relocation, build: BuildId, now: Timestamp) -> Option<Commit> {
    report(relocation, build, now, Some(ValidationStatus::Failure))
}

fn report(
    relocation: &Relocation,
    build: BuildId,
    now: Timestamp,
    status: Option<ValidationStatus>,
) -> Option<Commit> {
    if !relocation.status.is_active() {
        return None;
    }
    let mut draft = Draft::new(relocation, now, build.to_string());
    let validation = draft.relocation().validation.as_mut()?;
    let attempt = validation.attempts.iter_mut().find(|attempt| attempt.build == build)?;
    if attempt.ended_at.is_some() || attempt.status != ValidationStatus::InProgress {
        return None;
    }
    attempt.ended_at = Some(now);
    attempt.status = status.unwrap_or(attempt.status);
    Some(draft.finish())
}
