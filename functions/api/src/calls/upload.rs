//! …/{uuid}/upload/: the direct upload of a relocation's file. For its owner, whoever asked for it, and staff.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use pipeline::api::{CompleteRequest, MissingPart, PartView, RelocationView, UploadView};
use pipeline::code::ErrorCode;
use pipeline::commit::Actor;
use pipeline::kinds::{FileKind, Step};
use pipeline::port::{Presigned, ReadRelocations, UploadedPart, Uploads};
use pipeline::relocation::{Relocation, RelocationFile};
use pipeline::transition::admin::abandon_upload;
use pipeline::transition::lifecycle::awaits_upload;
use pipeline::upload::{MAX_URLS, PART_BYTES, Parts};

use crate::extract::Path;
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfRelocation;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World};

refusals!(ShowRefusals: Forbidden, NotFound, NotUploading);
refusals!(CompleteRefusals: Forbidden, NotFound, NotUploading, InvalidField, PartsMissing, SizeDiffers);
refusals!(AbandonRefusals: Forbidden, NotFound, NotUploading, ChangedMeanwhile);

/// How long a URL is good.
const URL_VALID_FOR: Duration = Duration::from_hours(1);

/// Show how far an upload is
///
/// For the owner, whoever asked for the relocation, and staff. Each missing part comes with a URL that is good for
/// an hour; of more than 100 missing parts, the first 100 are named.
#[utoipa::path(
    get,
    path = "/api/0/relocations/{uuid}/upload/",
    operation_id = "showUpload",
    tag = tag::UPLOAD,
    params(OfRelocation),
    responses(
        (status = 200, description = "What is there, and how to send what is missing.", body = UploadView),
        ShowRefusals
    ),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<UploadView>, Refusal> {
    let relocation = api.own(&caller, &uuid).await?;
    let file = api.awaited_file(&relocation).await?;
    view(&api, &file).await?.map(Json).ok_or_else(|| ErrorCode::NotUploading.into())
}

/// Complete an upload
///
/// For the owner, whoever asked for the relocation, and staff. The parts are all there: the file is put together,
/// and its arrival starts the run. A call that comes again, because its answer was lost, is answered as the first
/// one was.
#[utoipa::path(
    post,
    path = "/api/0/relocations/{uuid}/upload/complete/",
    operation_id = "completeUpload",
    tag = tag::UPLOAD,
    params(OfRelocation),
    request_body = CompleteRequest,
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), CompleteRefusals),
)]
pub(crate) async fn complete<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
    request: Request,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.own(&caller, &uuid).await?;
    if has_arrived(&relocation) {
        return Ok(Json(api.view(relocation).await?));
    }
    let file = api.awaited_file(&relocation).await?;
    let body = Json::<CompleteRequest>::from_request(request, &()).await;
    let Json(CompleteRequest { parts }) =
        body.map_err(|_| Refusal::field("parts", "must list each part with `partNumber` and `etag`"))?;
    let upload = file.upload.as_ref().ok_or_else(|| Refusal::from(ErrorCode::NotUploading))?;
    let parts = all_parts(&file, parts)?;
    // An upload that is over was completed before, and its arrival is on the way.
    if let Some(arrived) = api.uploads.parts(&file.key, &upload.id).await? {
        check_size(&file, &arrived)?;
        let completed = api.uploads.complete(&file.key, &upload.id, &parts).await?;
        // It may have been completed by another call at this moment.
        if completed.is_none() && api.uploads.parts(&file.key, &upload.id).await?.is_some() {
            return Err(ErrorCode::PartsMissing.into());
        }
    }
    Ok(Json(api.view(relocation).await?))
}

/// Compares the size before the file is put together, while parts can still be sent anew.
fn check_size(file: &RelocationFile, arrived: &[UploadedPart]) -> Result<(), Refusal> {
    let is_whole = Parts::of(file.bytes).is_some_and(|parts| parts.count() as usize == arrived.len());
    let bytes: u64 = arrived.iter().map(|part| part.bytes).sum();
    if is_whole && bytes != file.bytes {
        return Err(ErrorCode::SizeDiffers.into());
    }
    Ok(())
}

/// Whether the upload has arrived and nothing was done with it yet.
fn has_arrived(relocation: &Relocation) -> bool {
    let is_at_its_upload = relocation.status.is_active() && relocation.step == Step::Uploading;
    is_at_its_upload && relocation.fork.is_none() && !awaits_upload(relocation)
}

/// Give up an upload
///
/// For the owner, whoever asked for the relocation, and staff. The relocation fails, and its owner may ask for
/// another one.
#[utoipa::path(
    delete,
    path = "/api/0/relocations/{uuid}/upload/",
    operation_id = "abandonUpload",
    tag = tag::UPLOAD,
    params(OfRelocation),
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), AbandonRefusals),
)]
pub(crate) async fn abandon<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.own(&caller, &uuid).await?;
    let file = api.store.file(relocation.id, FileKind::RawUserData).await?;
    let commit = abandon_upload(&relocation, Actor::User(caller.id), api.clock.now())?;
    let relocation = api.commit(commit).await?;
    if let Some(RelocationFile { key, upload: Some(upload), .. }) = file {
        api.give_up(&key, Some(&upload)).await;
    }
    Ok(Json(api.view(relocation).await?))
}

/// A direct upload as the API shows it; none when the file came with its request, or the upload is over.
pub(crate) async fn view<W: World>(
    api: &Api<W>,
    file: &RelocationFile,
) -> Result<Option<UploadView>, Refusal> {
    let (Some(upload), Some(parts)) = (&file.upload, Parts::of(file.bytes)) else { return Ok(None) };
    let Some(mut present) = api.uploads.parts(&file.key, &upload.id).await? else { return Ok(None) };
    // One of another size than it has to have is to be sent again.
    let bytes_of = |part: u32| parts.range(part).map(|range| range.end - range.start);
    present.retain(|part| bytes_of(part.number) == Some(part.bytes));
    let numbers: Vec<u32> = present.iter().map(|part| part.number).collect();
    let mut missing = Vec::new();
    for number in parts.missing(&numbers).into_iter().take(MAX_URLS) {
        let presigned = api.uploads.presign(&file.key, &upload.id, number, URL_VALID_FOR).await?;
        missing.push(missing_part(number, presigned));
    }
    Ok(Some(UploadView {
        upload_id: upload.id.clone(),
        file_size: file.bytes,
        part_size: PART_BYTES,
        part_count: parts.count(),
        parts: present.into_iter().map(part_view).collect(),
        missing,
    }))
}

fn part_view(part: UploadedPart) -> PartView {
    PartView { part_number: part.number, etag: part.etag }
}

fn missing_part(part_number: u32, presigned: Presigned) -> MissingPart {
    let Presigned { url, headers, expires_at } = presigned;
    MissingPart { part_number, url, headers: headers.into_iter().collect(), expires_at }
}

/// The parts of a file in their order, each once.
fn all_parts(file: &RelocationFile, mut given: Vec<PartView>) -> Result<Vec<(u32, String)>, Refusal> {
    given.sort_by_key(|part| part.part_number);
    let count = Parts::of(file.bytes).map_or(0, Parts::count);
    if !given.iter().map(|part| part.part_number).eq(1..=count) {
        return Err(ErrorCode::PartsMissing.into());
    }
    Ok(given.into_iter().map(|part| (part.part_number, part.etag)).collect())
}

impl<W: World> Api<W> {
    /// The file whose upload a relocation waits for.
    async fn awaited_file(&self, relocation: &Relocation) -> Result<RelocationFile, Refusal> {
        let file = self.store.file(relocation.id, FileKind::RawUserData).await?;
        file.filter(|_| awaits_upload(relocation)).ok_or_else(|| ErrorCode::NotUploading.into())
    }
}
