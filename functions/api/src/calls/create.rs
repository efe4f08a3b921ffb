//! POST relocations: a relocation is asked for. Its file comes with the request, or by a direct upload that the
//! answer begins.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;
use directory::User;
use futures::{StreamExt, stream};
use pipeline::api::{CreateRequest, RelocationView};
use pipeline::artifact;
use pipeline::code::ErrorCode;
use pipeline::commit::Actor;
use pipeline::ids::RelocationId;
use pipeline::kinds::{FileKind, Provenance};
use pipeline::port::{CountUploads, ReadRelocations, Uploads, WriteObjects};
use pipeline::relocation::{Place, Relocation, RelocationFile, Upload};
use pipeline::slug;
use pipeline::transition::admin::abandon_upload;
use pipeline::transition::lifecycle::{NewRelocation, Source, create as new_relocation};
use pipeline::upload::{Parts, SizeClass};
use tracing::warn;

use crate::body::{CreateBody, UploadRequest};
use crate::calls::upload;
use crate::openapi::answers::refusals;
use crate::openapi::tag;
use crate::options::{autopause, daily_limit, is_enabled};
use crate::{Api, Caller, Refusal, World};

refusals!(CreateRefusals:
    InvalidField, FileTooLarge, FeatureDisabled, OwnerNotSelf, MalformedSlug, DailyLimitReached, UnknownOwner,
    OwnerBusy, ChangedMeanwhile,
);

const OWNER_LENGTH_MAX: usize = 128;
const PROMO_CODE_LENGTH_MAX: usize = 40;
const FILE_NAME_LENGTH_MAX: usize = 255;
/// Far more slugs than can be relocated at once; how many may be, the scan says in its place.
const ORGS_LENGTH_MAX: usize = 10_000;
const DAY: Duration = Duration::from_hours(24);

/// A request whose fields are as they have to be.
struct Asked {
    owner: String,
    orgs: String,
    promo_code: Option<String>,
    file: AskedFile,
}

enum AskedFile {
    Inline(Bytes),
    Direct { name: String, bytes: u64 },
}

impl AskedFile {
    fn bytes(&self) -> u64 {
        match self {
            Self::Inline(content) => content.len() as u64,
            Self::Direct { bytes, .. } => *bytes,
        }
    }
}

/// Ask for a relocation
///
/// For everyone while relocation is enabled, each for themselves; staff always, and for anyone. A file of up to 4
/// MiB may come in the form. For a larger one its name and size are sent as JSON, and the answer says how to upload
/// it; it has to arrive within 24 hours.
#[utoipa::path(
    post,
    path = "/api/0/relocations/",
    operation_id = "createRelocation",
    tag = tag::RELOCATIONS,
    request_body(
        content((CreateRequest = "application/json"), (UploadRequest = "multipart/form-data")),
    ),
    responses((
        status = 201,
        description = "The relocation; with `upload`, if its file is yet to come.",
        body = RelocationView,
    ), CreateRefusals),
)]
pub(crate) async fn create<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    body: CreateBody,
) -> Result<(StatusCode, Json<RelocationView>), Refusal> {
    let asked = check_fields(body)?;
    let (slugs, owner) = api.check(&caller, &asked).await?;
    let view = api.begin(&caller, asked, slugs, &owner).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// The first of the checks (SPEC §6: "POST checks in this order"): the fields by themselves.
fn check_fields(body: CreateBody) -> Result<Asked, Refusal> {
    let CreateBody { fields, file } = body;
    let owner = fields.owner.unwrap_or_default();
    if owner.is_empty() || owner.chars().count() > OWNER_LENGTH_MAX {
        return Err(Refusal::field("owner", "must be a username of 1 to 128 characters"));
    }
    let orgs = fields.orgs.ok_or_else(|| Refusal::field("orgs", "is missing"))?;
    if orgs.chars().count() > ORGS_LENGTH_MAX {
        return Err(Refusal::field("orgs", "must have 10,000 characters at most"));
    }
    let promo_code = fields.promo_code.filter(|code| !code.is_empty());
    if promo_code.as_ref().is_some_and(|code| code.chars().count() > PROMO_CODE_LENGTH_MAX) {
        return Err(Refusal::field("promo_code", "must have 40 characters at most"));
    }
    let file = match (file, fields.file_size) {
        (Some(content), _) if content.is_empty() => return Err(Refusal::field("file", "is empty")),
        (Some(content), _) => AskedFile::Inline(content),
        (None, Some(bytes)) => {
            let name = fields.file_name.filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| Refusal::field("fileName", "is missing"))?;
            if name.chars().count() > FILE_NAME_LENGTH_MAX {
                return Err(Refusal::field("fileName", "must have 255 characters at most"));
            }
            if bytes == 0 {
                return Err(Refusal::field("fileSize", "must be at least 1"));
            }
            Parts::of(bytes).ok_or_else(|| Refusal::from(ErrorCode::FileTooLarge))?;
            AskedFile::Direct { name, bytes }
        }
        (None, None) => {
            return Err(Refusal::field(
                "file",
                "is missing: send it, or `fileName` and `fileSize` to upload it",
            ));
        }
    };
    Ok(Asked { owner, orgs, promo_code, file })
}

/// Each slug once, in the order in which they were asked for.
fn distinct(slugs: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    slugs.into_iter().filter(|slug| seen.insert(slug.clone())).collect()
}

impl<W: World> Api<W> {
    /// The other checks, in their order; answers with the slugs and the owner.
    async fn check(&self, caller: &Caller, asked: &Asked) -> Result<(Vec<String>, User), Refusal> {
        if !caller.is_staff && !is_enabled(&self.options()).await? {
            return Err(ErrorCode::FeatureDisabled.into());
        }
        if !caller.is_staff && asked.owner != caller.username {
            return Err(ErrorCode::OwnerNotSelf.into());
        }
        let slugs = distinct(slug::split_list(&asked.orgs));
        if !slugs.iter().all(|slug| slug::is_well_formed(slug)) {
            return Err(ErrorCode::MalformedSlug.into());
        }
        if !caller.is_staff {
            self.check_daily_limit(SizeClass::of(asked.file.bytes())).await?;
        }
        let owner = directory::user_named(self.control.as_ref(), &asked.owner).await?;
        let owner = owner.ok_or_else(|| Refusal::from(ErrorCode::UnknownOwner))?;
        // A name may have been another's when the token was made, an id never was.
        if !caller.is_staff && owner.id != caller.id {
            return Err(ErrorCode::OwnerNotSelf.into());
        }
        Ok((slugs, owner))
    }

    ///
    /// Requests at the very same moment do not see each other, so that a few more may pass: a limit holds back a crowd.
    async fn check_daily_limit(&self, class: SizeClass) -> Result<(), Refusal> {
        let now = self.clock.now();
        let since = now.saturating_sub(DAY).unwrap_or(now);
        let count = self.store.count(class, since).await?;
        if count >= daily_limit(&self.options(), class).await? {
            return Err(ErrorCode::DailyLimitReached.into());
        }
        Ok(())
    }

    /// Stores the relocation, which is refused when its owner is busy, and takes or awaits its file.
    async fn begin(
        &self,
        caller: &Caller,
        asked: Asked,
        slugs: Vec<String>,
        owner: &User,
    ) -> Result<RelocationView, Refusal> {
        let id = RelocationId::new(self.entropy.uuid());
        let key = artifact::upload(id);
        let upload = match &asked.file {
            AskedFile::Inline(_) => None,
            AskedFile::Direct { name, .. } => {
                Some(Upload { id: self.uploads.begin(&key).await?, file_name: name.clone() })
            }
        };
        let file = RelocationFile {
            kind: FileKind::RawUserData,
            place: Place::Uploads,
            key: key.clone(),
            bytes: asked.file.bytes(),
            pinned: None,
            upload: upload.clone(),
            proof: None,
        };
        let new = NewRelocation {
            id,
            creator: caller.id,
            owner: owner.id,
            want_org_slugs: slugs,
            autopause: autopause(&self.options(), Provenance::SelfHosted).await?,
            promo_code: asked.promo_code,
            artifact_retention_days: self.artifact_retention_days,
            source: Source::Upload(file.clone()),
        };
        let commit = new_relocation(new, Actor::User(caller.id), self.clock.now());
        let relocation = match self.commit(commit).await {
            Ok(relocation) => relocation,
            // Of a commit whose answer was lost, the record tells: nobody else has its id.
            Err(refusal) => match self.store.relocation(id).await? {
                Some(relocation) => relocation,
                None => {
                    self.give_up(&key, upload.as_ref()).await;
                    return Err(refusal);
                }
            },
        };
        match asked.file {
            AskedFile::Inline(content) => {
                self.store_inline(caller, &relocation, &key, content).await?;
                self.view(relocation).await
            }
            AskedFile::Direct { .. } => {
                let view = self.view(relocation).await?;
                Ok(RelocationView { upload: upload::view(self, &file).await?, ..view })
            }
        }
    }

    /// An upload that no relocation waits for; if it stays, it expires by itself.
    pub(crate) async fn give_up(&self, key: &str, upload: Option<&Upload>) {
        let Some(upload) = upload else { return };
        if let Err(error) = self.uploads.abort(key, &upload.id).await {
            warn!(error = %runtime::telemetry::Chain(&error), "an upload that nobody waits for stays");
        }
    }

    /// Puts the file where a direct upload would put it; its arrival starts the run. The record is stored before,
    /// because an arrival that no record waits for is dropped.
    async fn store_inline(
        &self,
        caller: &Caller,
        relocation: &Relocation,
        key: &str,
        content: Bytes,
    ) -> Result<(), Refusal> {
        let stream = stream::once(async { Ok(content) }).boxed();
        let Err(error) = self.objects.put(Place::Uploads, key, stream).await else { return Ok(()) };
        // Nothing will arrive any more: the owner is free to ask again.
        if let Ok(commit) = abandon_upload(relocation, Actor::User(caller.id), self.clock.now()) {
            self.commit(commit).await?;
        }
        Err(error.into())
    }
}
