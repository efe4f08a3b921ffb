//! …/{uuid}/pause/, unpause/, cancel/, abort/ and recover/: what staff do to a relocation on its way. What its record
//! allows, [`pipeline::transition::admin`] knows.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use jiff::Timestamp;
use pipeline::api::RelocationView;
use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Commit};
use pipeline::kinds::{FileKind, Step};
use pipeline::port::{CommitError, CommitRelocations, ReadRelocations};
use pipeline::relocation::Relocation;
use pipeline::task::OrderedTask;
use pipeline::transition::admin::{self, Refused};

use crate::body::step_of;
use crate::{Api, Caller, Refusal, World};

/// How often a change is decided anew because the record changed meanwhile. Whenever that happens somebody else got
/// further, and so many do not ask at once.
const TRIES: u32 = 40;

/// Pauses before `atStep`, or before the next step.
pub(crate) async fn pause<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    body: Bytes,
) -> Result<Json<RelocationView>, Refusal> {
    api.steer(&caller, &uuid, (&body, "atStep"), |record, step, by, now| {
        admin::pause(record, step, by, now).map(Some)
    })
    .await
}

/// Ends or moves a pause.
pub(crate) async fn unpause<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    body: Bytes,
) -> Result<Json<RelocationView>, Refusal> {
    api.steer(&caller, &uuid, (&body, "untilStep"), |record, step, by, now| {
        admin::unpause(record, step, by, now).map(Some)
    })
    .await
}

/// Cancels before `atStep`, or before the next step.
pub(crate) async fn cancel<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    body: Bytes,
) -> Result<Json<RelocationView>, Refusal> {
    api.steer(&caller, &uuid, (&body, "atStep"), admin::cancel).await
}

/// Fails it at once.
pub(crate) async fn abort<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.for_staff(&caller, &uuid).await?;
    api.change(&caller, relocation, |record, by, now| admin::abort(record, by, now).map(Some)).await
}

/// Gives a failed relocation one more attempt at its latest task.
pub(crate) async fn recover<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    body: Bytes,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.for_staff(&caller, &uuid).await?;
    let step = step_of(&body, "untilStep")?;
    let recover =
        |record: &Relocation, by: Actor, now: Timestamp| admin::recover(record, step, by, now).map(Some);
    // What the record says comes first: only of one that could be recovered it is asked whether the file is there.
    recover(&relocation, Actor::User(caller.id), api.clock.now())?;
    if needs_file(&relocation) {
        let file = api.store.file(relocation.id, FileKind::RawUserData).await?;
        let file = file.ok_or_else(|| Refusal::from(ErrorCode::FileGone))?;
        if !api.is_there(&file).await? {
            return Err(ErrorCode::FileGone.into());
        }
    }
    api.change(&caller, relocation, recover).await
}

/// Whether the latest task reads the file: the first two of a fork wait for another cell to send it.
fn needs_file(relocation: &Relocation) -> bool {
    let awaits_export = relocation.latest_task.is_some_and(|task| task <= OrderedTask::UploadingComplete);
    relocation.fork.is_none() || !awaits_export
}

impl<W: World> Api<W> {
    /// Does what staff ask for to a relocation, with the step that this field of the body names.
    async fn steer(
        &self,
        caller: &Caller,
        uuid: &str,
        (body, field): (&Bytes, &'static str),
        decide: impl Fn(&Relocation, Option<Step>, Actor, Timestamp) -> Result<Option<Commit>, Refused>,
    ) -> Result<Json<RelocationView>, Refusal> {
        let relocation = self.for_staff(caller, uuid).await?;
        let step = step_of(body, field)?;
        self.change(caller, relocation, |record, by, now| decide(record, step, by, now)).await
    }

    /// Stores what is decided on a record, deciding anew when that changed meanwhile, so that of racing calls none is
    /// lost and each sees what the one before it did.
    async fn change(
        &self,
        caller: &Caller,
        mut relocation: Relocation,
        decide: impl Fn(&Relocation, Actor, Timestamp) -> Result<Option<Commit>, Refused>,
    ) -> Result<Json<RelocationView>, Refusal> {
        for _ in 0..TRIES {
            let decided = decide(&relocation, Actor::User(caller.id), self.clock.now())?;
            let Some(commit) = decided else { return Ok(Json(self.view(relocation).await?)) };
            let changed = commit.relocation.clone();
            match self.store.commit(commit).await {
                Ok(()) => return Ok(Json(self.view(changed).await?)),
                Err(CommitError::Conflict(id)) => {
                    relocation = self.store.relocation(id).await?.ok_or(ErrorCode::NotFound)?;
                }
                Err(CommitError::OwnerBusy(_)) => return Err(ErrorCode::OwnerBusy.into()),
                Err(CommitError::Port(error)) => return Err(error.into()),
            }
        }
        Err(ErrorCode::ChangedMeanwhile.into())
    }
}
