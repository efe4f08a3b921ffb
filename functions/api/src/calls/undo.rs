//! …/{uuid}/undo/ and …/{uuid}/accept/: what a relocation brought is taken back, or stays. What its record allows,
//! [`pipeline::transition::undo`] knows.

use std::sync::Arc;

use artifacts::find_json;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pipeline::api::{RelocationView, UndoRequest, UndoView};
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::commit::Actor;
use pipeline::relocation::Relocation;
use pipeline::transition::undo;
use pipeline::undo::{UndoRecord, Wish};

use crate::extract::{Body, Path};
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfRelocation;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World, options};

refusals!(AskRefusals:
    Forbidden, NotFound, InvalidField, FileTooLarge, NotUndoable, UndoInProgress, AlreadyUndone, UndoWindowOver,
    AlreadyAccepted, ChangedMeanwhile,
);
refusals!(ShowRefusals: Forbidden, NotFound);
refusals!(AcceptRefusals: Forbidden, NotFound, NotAcceptable, ChangedMeanwhile);

/// Undo a relocation
///
/// For staff, and for the owner until they accept it. What a relocation that has ended inserted goes, what it changed is
/// what it was, what it merged with stays. It begins some minutes after the relocation's end, when nothing of it can be
/// under way any more, and looks at everything first: what others have built on it by then stands in the way, and nothing
/// is changed; with `cascade`, for staff, it goes too. What is built while rows go, goes with them as its keys say. With
/// `dryRun` nothing is changed in any case, and the answer to asking how far it is says what would be. What has been
/// under way for an hour is called for once more when the same is asked for.
#[utoipa::path(
    post,
    path = "/api/0/relocations/{uuid}/undo/",
    operation_id = "undoRelocation",
    tag = tag::UNDO,
    params(OfRelocation),
    request_body = Option<UndoRequest>,
    responses((status = 202, description = "It is on its way.", body = UndoView), AskRefusals),
)]
pub(crate) async fn ask<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    Body(body): Body,
) -> Result<(StatusCode, Json<UndoView>), Refusal> {
    let relocation = api.own(&caller, &uuid).await?;
    if !caller.is_staff {
        caller.require_owner(&relocation)?;
    }
    let wish = wish(&body)?;
    if wish.cascade && !caller.is_staff {
        let detail = "Only staff may let go what others have built on a relocation. Ask a member of staff.";
        return Err(Refusal::new(ErrorCode::Forbidden, detail));
    }
    let window = options::undo_window(&api.options()).await?;
    let now = api.clock.now();
    let decide = |record: &Relocation| {
        if record.date_accepted.is_some() && !caller.is_staff {
            return Err(ErrorCode::AlreadyAccepted.into());
        }
        undo::ask(record, wish, window, caller.id, now).map(Some)
    };
    let changed = api.changed(relocation, decide).await?;
    let undo = changed.undo.ok_or(ErrorCode::Internal)?;
    Ok((StatusCode::ACCEPTED, Json(UndoView::new(changed.id, undo, None))))
}

/// Show how far undoing a relocation is
///
/// For staff, the owner, and whoever asked for the relocation. Of several times that it was asked for, the latest is shown.
#[utoipa::path(
    get,
    path = "/api/0/relocations/{uuid}/undo/",
    operation_id = "showUndo",
    tag = tag::UNDO,
    params(OfRelocation),
    responses(
        (status = 200, description = "How it fares, what it did or would do, what stands in its way.", body = UndoView),
        ShowRefusals,
    ),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<UndoView>, Refusal> {
    let relocation = api.own(&caller, &uuid).await?;
    let undo = relocation.undo.ok_or_else(|| Refusal::from(ErrorCode::NotFound))?;
    // There is none until it has begun, and when the relocation's files have expired.
    let key = artifact::undo_report(relocation.id, undo.number);
    let record: Option<UndoRecord> = find_json(api.objects.as_ref(), &key).await?;
    Ok(Json(UndoView::new(relocation.id, undo, record)))
}

/// Accept a relocation
///
/// For its owner, who can no longer undo it then. Staff still can.
#[utoipa::path(
    post,
    path = "/api/0/relocations/{uuid}/accept/",
    operation_id = "acceptRelocation",
    tag = tag::UNDO,
    params(OfRelocation),
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), AcceptRefusals),
)]
pub(crate) async fn accept<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.own(&caller, &uuid).await?;
    caller.require_owner(&relocation)?;
    let (by, now) = (Actor::User(caller.id), api.clock.now());
    let changed = api.changed(relocation, |record| undo::accept(record, by, now)).await?;
    Ok(Json(api.view(changed).await?))
}

/// What a body asks for; an empty one for the plain thing.
fn wish(body: &[u8]) -> Result<Wish, Refusal> {
    if body.is_empty() {
        return Ok(Wish::default());
    }
    let request = serde_json::from_slice::<Option<UndoRequest>>(body).map_err(|_| {
        let detail =
            "The body must be an object with nothing but `dryRun` and `cascade`, which are true or false.";
        Refusal::new(ErrorCode::InvalidField, detail)
    })?;
    let request = request.unwrap_or_default();
    Ok(Wish { dry_run: request.dry_run.unwrap_or_default(), cascade: request.cascade.unwrap_or_default() })
}
