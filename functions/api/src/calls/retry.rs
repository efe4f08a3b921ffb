//! POST …/{uuid}/retry/: a new relocation with the file, the slugs and the owner of a failed one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pipeline::api::RelocationView;
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::commit::Actor;
use pipeline::ids::RelocationId;
use pipeline::kinds::{FileKind, Status};
use pipeline::port::{ReadObjects, ReadRelocations, WriteObjects};
use pipeline::relocation::{Place, Relocation, RelocationFile};
use pipeline::transition::admin::{self, abandon_upload};
use pipeline::transition::lifecycle::create;

use crate::extract::Path;
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfRelocation;
use crate::openapi::tag;
use crate::options::autopause;
use crate::{Api, Caller, Refusal, World};

refusals!(RetryRefusals:
    Forbidden, NotFound, NotFailed, UndoInProgress, FileGone, OwnerGone, OwnerBusy, ChangedMeanwhile,
);

/// Retry a failed relocation as a new one
///
/// For staff. The new relocation has the file, the slugs, the owner and the promotion of the failed one, and begins
/// at once.
#[utoipa::path(
    post,
    path = "/api/0/relocations/{uuid}/retry/",
    operation_id = "retryRelocation",
    tag = tag::STEERING,
    params(OfRelocation),
    responses((status = 201, description = "The new relocation.", body = RelocationView), RetryRefusals),
)]
pub(crate) async fn retry<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<(StatusCode, Json<RelocationView>), Refusal> {
    let failed = api.for_staff(&caller, &uuid).await?;
    if failed.status != Status::Failure {
        return Err(ErrorCode::NotFailed.into());
    }
    let file = api.store.file(failed.id, FileKind::RawUserData).await?.ok_or(ErrorCode::FileGone)?;
    let file = api.pinned(file).await?.ok_or(ErrorCode::FileGone)?;
    let owner = directory::users(api.control.as_ref(), &[failed.owner]).await?.pop().flatten();
    owner.ok_or_else(|| Refusal::from(ErrorCode::OwnerGone))?;
    let view = api.begin_anew(&caller, &failed, file).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

impl<W: World> Api<W> {
    /// The file in the version that is to be copied, if it is there. Of a relocation that failed before its upload was
    /// looked at, it is what has arrived.
    async fn pinned(&self, file: RelocationFile) -> Result<Option<RelocationFile>, Refusal> {
        if file.pinned.is_some() {
            return Ok(self.is_there(&file).await?.then_some(file));
        }
        let arrived = self.objects.head(file.place, &file.key).await?;
        let arrived = arrived.filter(|arrived| arrived.bytes == file.bytes);
        Ok(arrived.map(|arrived| RelocationFile { pinned: Some(arrived.pinned), ..file }))
    }

    /// Stores the new relocation and copies the file to where an upload would put it; its arrival starts the run. The
    /// record is stored before, because an arrival that no record waits for is dropped.
    async fn begin_anew(
        &self,
        caller: &Caller,
        failed: &Relocation,
        file: RelocationFile,
    ) -> Result<RelocationView, Refusal> {
        let id = RelocationId::new(self.entropy.uuid());
        let key = artifact::upload(id);
        let version = file.pinned.as_ref().map(|pinned| pinned.version.clone()).unwrap_or_default();
        let from = (file.place, file.key.clone());
        let copy = RelocationFile {
            place: Place::Uploads,
            key: key.clone(),
            pinned: None,
            upload: None,
            proof: None,
            ..file
        };
        let autopause = autopause(&self.options(), failed.provenance).await?;
        let by = Actor::User(caller.id);
        let new = admin::retry(failed, id, caller.id, autopause, copy)?;
        let relocation = self.commit(create(new, by, self.clock.now())).await?;
        let copied = self.objects.copy((from.0, &from.1, &version), (Place::Uploads, &key)).await;
        if let Err(error) = copied {
            // Nothing will arrive any more: the owner is free to ask again.
            if let Ok(commit) = abandon_upload(&relocation, by, self.clock.now()) {
                self.commit(commit).await?;
            }
            return Err(error.into());
        }
        self.view(relocation).await
    }
}
