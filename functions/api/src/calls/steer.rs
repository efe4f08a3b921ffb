//! …/{uuid}/pause/, unpause/, cancel/, abort/ and recover/: what staff do to a relocation on its way. What its record
//! allows, [`pipeline::transition::admin`] knows.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use pipeline::api::RelocationView;
use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Commit};
use pipeline::kinds::{FileKind, Step};
use pipeline::port::{CommitError, CommitRelocations, ReadRelocations};
use pipeline::relocation::Relocation;
use pipeline::task::OrderedTask;
use pipeline::transition::admin::{self, Refused};

use crate::body::{AtStepRequest, UntilStepRequest, step_of};
use crate::extract::{Body, Path};
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfRelocation;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World};

refusals!(PauseRefusals:
    Forbidden, NotFound, InvalidField, FileTooLarge, UnknownStep, StepNotSchedulable, NoStepLeft, NotPausable,
    ChangedMeanwhile,
);
refusals!(UnpauseRefusals:
    Forbidden, NotFound, InvalidField, FileTooLarge, UnknownStep, StepNotSchedulable, NotUnpausable,
    ChangedMeanwhile,
);
refusals!(CancelRefusals:
    Forbidden, NotFound, InvalidField, FileTooLarge, UnknownStep, StepNotSchedulable, NoStepLeft, NotCancellable,
    ChangedMeanwhile,
);
refusals!(AbortRefusals: Forbidden, NotFound, NotAbortable, ChangedMeanwhile);
refusals!(RecoverRefusals:
    Forbidden, NotFound, InvalidField, FileTooLarge, UnknownStep, StepNotSchedulable, NotFailed, NotRecoverable,
    FileGone, OwnerBusy, ChangedMeanwhile,
);

/// How often a change is decided anew because the record changed meanwhile. Whenever that happens somebody else got
/// further, and so many do not ask at once.
const TRIES: u32 = 40;

/// Pause a relocation
///
/// For staff. It pauses before `atStep`, or before the next step. A paused relocation keeps its place until it is
/// unpaused.
#[utoipa::path(
    put,
    path = "/api/0/relocations/{uuid}/pause/",
    operation_id = "pauseRelocation",
    tag = tag::STEERING,
    params(OfRelocation),
    request_body = Option<AtStepRequest>,
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), PauseRefusals),
)]
pub(crate) async fn pause<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    Body(body): Body,
) -> Result<Json<RelocationView>, Refusal> {
    api.steer(&caller, &uuid, (&body, "atStep"), |record, step, by, now| {
        admin::pause(record, step, by, now).map(Some)
    })
    .await
}

/// End or move a pause
///
/// For staff. A paused relocation goes on, to pause again before `untilStep` if that is given. Of one that is yet
/// to pause, the pause is moved there, or taken back.
#[utoipa::path(
    put,
    path = "/api/0/relocations/{uuid}/unpause/",
    operation_id = "unpauseRelocation",
    tag = tag::STEERING,
    params(OfRelocation),
    request_body = Option<UntilStepRequest>,
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), UnpauseRefusals),
)]
pub(crate) async fn unpause<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    Body(body): Body,
) -> Result<Json<RelocationView>, Refusal> {
    api.steer(&caller, &uuid, (&body, "untilStep"), |record, step, by, now| {
        admin::unpause(record, step, by, now).map(Some)
    })
    .await
}

/// Cancel a relocation
///
/// For staff. It fails before `atStep`, or before the next step, with everything that it began done. One that
/// failed already stays as it is.
#[utoipa::path(
    put,
    path = "/api/0/relocations/{uuid}/cancel/",
    operation_id = "cancelRelocation",
    tag = tag::STEERING,
    params(OfRelocation),
    request_body = Option<AtStepRequest>,
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), CancelRefusals),
)]
pub(crate) async fn cancel<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    Body(body): Body,
) -> Result<Json<RelocationView>, Refusal> {
    api.steer(&caller, &uuid, (&body, "atStep"), admin::cancel).await
}

/// Abort a relocation
///
/// For staff. It fails at once, whatever it is at.
#[utoipa::path(
    put,
    path = "/api/0/relocations/{uuid}/abort/",
    operation_id = "abortRelocation",
    tag = tag::STEERING,
    params(OfRelocation),
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), AbortRefusals),
)]
pub(crate) async fn abort<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.for_staff(&caller, &uuid).await?;
    api.change(&caller, relocation, |record, by, now| admin::abort(record, by, now).map(Some)).await
}

/// Recover a failed relocation
///
/// For staff. It gets one more attempt at its latest task and goes on from there, to pause before `untilStep` if
/// that is given.
#[utoipa::path(
    put,
    path = "/api/0/relocations/{uuid}/recover/",
    operation_id = "recoverRelocation",
    tag = tag::STEERING,
    params(OfRelocation),
    request_body = Option<UntilStepRequest>,
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), RecoverRefusals),
)]
pub(crate) async fn recover<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    Body(body): Body,
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
        (body, field): (&[u8], &'static str),
        decide: impl Fn(&Relocation, Option<Step>, Actor, Timestamp) -> Result<Option<Commit>, Refused>,
    ) -> Result<Json<RelocationView>, Refusal> {
        let relocation = self.for_staff(caller, uuid).await?;
        let step = step_of(body, field)?;
        self.change(caller, relocation, |record, by, now| decide(record, step, by, now)).await
    }

    /// Stores what is decided on a record, and shows it.
    async fn change(
        &self,
        caller: &Caller,
        relocation: Relocation,
        decide: impl Fn(&Relocation, Actor, Timestamp) -> Result<Option<Commit>, Refused>,
    ) -> Result<Json<RelocationView>, Refusal> {
        let now = self.clock.now();
        let changed = self.changed(relocation, |record| decide(record, Actor::User(caller.id), now)).await?;
        Ok(Json(self.view(changed).await?))
    }

    /// Stores what is decided on a record, deciding anew when that changed meanwhile, so that of racing calls none is
    /// lost and each sees what the one before it did.
    pub(crate) async fn changed(
        &self,
        mut relocation: Relocation,
        decide: impl Fn(&Relocation) -> Result<Option<Commit>, Refused>,
    ) -> Result<Relocation, Refusal> {
        for _ in 0..TRIES {
            let Some(commit) = decide(&relocation)? else { return Ok(relocation) };
            let changed = commit.relocation.clone();
            match self.store.commit(commit).await {
                Ok(()) => return Ok(changed),
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
