//! …/{uuid}/artifacts/: the files that a relocation keeps. They hold customers' data, so that each reading is on
//! record.

use std::sync::Arc;
use std::time::Duration;

use artifacts::Located;
use axum::Json;
use axum::extract::State;
use pipeline::api::{ArtifactFile, ArtifactView, ArtifactsView};
use pipeline::artifact::{self, Folder};
use pipeline::code::ErrorCode;
use pipeline::commit::{Actor, Audit};
use pipeline::port::{AuditLog, ObjectInfo, PresignDownloads, ReadObjects};
use pipeline::relocation::Place;
use runtime::TaskError;
use tracing::warn;

use crate::extract::Path;
use crate::openapi::answers::refusals;
use crate::openapi::parameters::{OfArtifact, OfRelocation};
use crate::openapi::tag;
use crate::payload::{PAYLOAD_MAX, payload_bytes};
use crate::{Api, Caller, Refusal, World};

refusals!(ListRefusals: Forbidden, NotFound);
refusals!(ShowRefusals: Forbidden, NotFound);

/// The largest file that is answered as it is, in bytes.
const CONTENTS_MAX: u64 = 4 * 1024 * 1024;
/// How long a URL is good.
const URL_VALID_FOR: Duration = Duration::from_mins(15);
/// What all sealed files end with, and no other.
const SEALED: &str = ".tar";

/// List the files of a relocation
///
/// For staff with the permission `relocation.admin`.
#[utoipa::path(
    get,
    path = "/api/0/relocations/{uuid}/artifacts/",
    operation_id = "listArtifacts",
    tag = tag::INSPECTION,
    params(OfRelocation),
    responses((status = 200, description = "Every file.", body = ArtifactsView), ListRefusals),
)]
pub(crate) async fn list<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<ArtifactsView>, Refusal> {
    caller.require_admin()?;
    let relocation = api.relocation(&uuid).await?;
    let root = artifact::root(relocation.id);
    let listed = api.objects.list(Place::Artifacts, &root).await?;
    let file = |(key, bytes): (String, u64)| {
        let path = key.strip_prefix(&root)?.to_owned();
        (path.matches('/').count() == 1).then_some(ArtifactFile { path, bytes })
    };
    let mut files: Vec<ArtifactFile> = listed.into_iter().filter_map(file).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Json(ArtifactsView { files }))
}

/// Read a file of a relocation
///
/// For staff with the permission `relocation.admin`; each reading is in the audit. A sealed file is opened. One
/// that is no text, or larger than 4 MiB, is not in the answer: it says from where to download the file, and what
/// opens it.
#[utoipa::path(
    get,
    path = "/api/0/relocations/{uuid}/artifacts/{kind}/{name}",
    operation_id = "showArtifact",
    tag = tag::INSPECTION,
    params(OfArtifact),
    responses(
        (status = 200, description = "What is in the file, or how to get it.", body = ArtifactView),
        ShowRefusals
    ),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path((uuid, kind, name)): Path<(String, String, String)>,
) -> Result<Json<ArtifactView>, Refusal> {
    caller.require_admin()?;
    let relocation = api.relocation(&uuid).await?;
    let folder: Option<Folder> = kind.parse().ok();
    let key = folder.and_then(|folder| artifact::named(relocation.id, folder, &name));
    let key = key.ok_or_else(|| Refusal::from(ErrorCode::NotFound))?;
    let found = api.objects.head(Place::Artifacts, &key).await?;
    let found = found.ok_or_else(|| Refusal::from(ErrorCode::NotFound))?;
    let line = Audit {
        time: api.clock.now(),
        by: Actor::User(caller.id),
        action: "read-artifact".to_owned(),
        detail: Some(format!("{kind}/{name}")),
    };
    api.store.append(relocation.id, line, api.entropy.uuid()).await?;
    let view = match api.contents(&found).await? {
        Some(contents) => ArtifactView::Contents { contents },
        None => api.download(&found).await?,
    };
    Ok(Json(view))
}

fn is_sealed(file: &ObjectInfo) -> bool {
    file.key.ends_with(SEALED)
}

fn located(file: &ObjectInfo) -> Located {
    let ObjectInfo { key, bytes, pinned } = file.clone();
    Located { place: Place::Artifacts, key, version: pinned.version, bytes, proof: None }
}

impl<W: World> Api<W> {
    /// What is in a file, opened if it is sealed; none if that does not fit into an answer or is no text.
    async fn contents(&self, file: &ObjectInfo) -> Result<Option<String>, Refusal> {
        if file.bytes > CONTENTS_MAX {
            return Ok(None);
        }
        let read = if is_sealed(file) {
            artifacts::read_sealed(&self.objects, &self.key, located(file)).await
        } else {
            artifacts::read_small(self.objects.as_ref(), &file.key).await.map_err(TaskError::from)
        };
        let contents = match read {
            Ok(contents) => String::from_utf8(contents.to_vec()).ok(),
            Err(error) => unopened(error)?,
        };
        Ok(contents.filter(|text| payload_bytes(text) <= PAYLOAD_MAX))
    }

    /// How to get a file that does not fit into an answer.
    async fn download(&self, file: &ObjectInfo) -> Result<ArtifactView, Refusal> {
        let sealed = is_sealed(file);
        let mut data_key = None;
        if sealed {
            data_key = match artifacts::data_key_text(&self.objects, &self.key, &located(file)).await {
                Ok(key) => Some(key),
                Err(error) => unopened(error)?,
            };
        }
        let request = self.objects.presign_download(Place::Artifacts, &file.key, URL_VALID_FOR).await?;
        let (url, expires_at) = (request.url, request.expires_at);
        Ok(ArtifactView::Download { url, expires_at, size: file.bytes, sealed, data_key })
    }
}

/// What a customer sent may be no sealed export, or not for us: then it is handed out as it is.
fn unopened(error: TaskError) -> Result<Option<String>, Refusal> {
    match error {
        TaskError::Verdict(verdict) => {
            warn!(?verdict, "an artifact cannot be opened");
            Ok(None)
        }
        error => Err(error.into()),
    }
}
