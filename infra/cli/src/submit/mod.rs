//! Asks for a relocation and uploads its file, or continues an upload that was interrupted (SPEC §6, §14).

mod folder;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pipeline::api::CreateRequest;
use pipeline::ids::RelocationId;
use seal::PublicKey;

use crate::api::{ApiClient, ApiError, Patience, Record, Upload, UploadError};
use crate::commands::encrypt;
use crate::error::CliError;
use crate::input::Source;
use crate::interrupt::Farewells;
use crate::progress::Progress;
use crate::terminal::Terminal;
use folder::{Begun, UploadFolder};

/// What is asked for.
pub(crate) struct Submission<'a> {
    /// The API.
    pub(crate) api: &'a ApiClient,
    /// Its address, which tells uploads to different cells from each other.
    pub(crate) endpoint: &'a str,
    /// How long to wait before a part is sent again.
    pub(crate) patience: Patience,
    /// The export, as JSON or sealed.
    pub(crate) file: &'a Path,
    /// Who will own what is imported, and what is wanted; none when only an upload is to be continued.
    pub(crate) wanted: Option<Wanted>,
    /// The relocation whose upload is continued, if it is not the one that the folder knows of.
    pub(crate) resume: Option<RelocationId>,
}

/// What a relocation is asked for with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Wanted {
    /// Username.
    pub(crate) owner: String,
    /// Slugs, separated by commas.
    pub(crate) orgs: String,
    /// A promotion to redeem.
    pub(crate) promo_code: Option<String>,
}

/// Why a file was not handed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitError {
    #[error("the upload for relocation {relocation} did not come to its end")]
    Upload { relocation: RelocationId, source: UploadError },
    #[error("another program is uploading this file: it uses {}", .0.display())]
    InUse(PathBuf),
    #[error("an upload of this file was begun with another endpoint, owner, organisation or content, as {} says", .0.display())]
    BegunOtherwise(PathBuf),
    #[error("the sealed copy of this file is not in {}", .0.display())]
    NoSealedCopy(PathBuf),
    #[error("the public key of the cell cannot be used")]
    PublicKey(#[source] seal::SealError),
}

impl SubmitError {
    /// A stable name for machines.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Upload { source: UploadError::Api(error), .. } => error.code(),
            Self::Upload { source: UploadError::Interrupted, .. } => "interrupted",
            Self::Upload { source: UploadError::Ended(failure), .. } => failure.code.as_str(),
            Self::Upload { .. } => "upload-failed",
            Self::InUse(_) => "upload-in-use",
            Self::BegunOtherwise(_) => "upload-begun-otherwise",
            Self::NoSealedCopy(_) => "no-sealed-copy",
            Self::PublicKey(error) => error.code(),
        }
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Upload { source, .. } if source.can_continue() => {
                Some("run the same command again within 24 hours: it sends what is missing")
            }
            Self::Upload { source: UploadError::Ended(_), .. } => {
                Some("run the same command again: it begins a new relocation")
            }
            Self::Upload { .. } => Some("give the file that the upload was begun with"),
            Self::InUse(_) => Some("wait until it is done"),
            Self::BegunOtherwise(_) => Some(
                "run the command as it was first, to continue; or delete that folder to begin anew, once the relocation was aborted",
            ),
            Self::NoSealedCopy(_) => Some(
                "name the folder with --upload-folder; if it is lost, have the relocation aborted and begin anew",
            ),
            Self::PublicKey(_) => None,
        }
    }
}

/// The folder in which an upload of a file is kept unless another is named: beside the file, where there is room for
/// its sealed copy.
pub(crate) fn default_folder(file: &Path) -> PathBuf {
    let mut name = file.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".upload");
    file.with_file_name(name)
}

impl Submission<'_> {
    /// Hands the file in; answers with the relocation when all of it has arrived.
    pub(crate) fn run(&self, folder: &Path, terminal: &mut Terminal) -> Result<Record, CliError> {
        let source = Source::open(self.file)?;
        let folder = UploadFolder::open(folder)?;
        let (path, relocation) = match (self.resume, folder.begun()?) {
            (Some(relocation), _) => (self.file_to_continue(&source, &folder)?, relocation),
            (None, Some(begun)) => {
                if self.wanted.as_ref().is_none_or(|wanted| !begun.is_of(self.endpoint, wanted, &source)) {
                    return Err(SubmitError::BegunOtherwise(folder.path().to_owned()).into());
                }
                (self.file_to_continue(&source, &folder)?, begun.relocation)
            }
            (None, None) => self.begin(&source, &folder, terminal)?,
        };
        let uploaded = self.upload(&path, relocation, terminal);
        // What has arrived needs nothing here any more, nor does what nobody waits for.
        if !matches!(&uploaded, Err(error) if error.can_continue()) {
            folder.discard()?;
        }
        Ok(uploaded.map_err(|source| SubmitError::Upload { relocation, source })?)
    }

    /// The file as it was uploaded before: a file that is sealed again is another one, as its key is.
    fn file_to_continue(&self, source: &Source, folder: &UploadFolder) -> Result<PathBuf, CliError> {
        if source.is_sealed()? {
            return Ok(self.file.to_owned());
        }
        let sealed = folder.sealed();
        if sealed.is_file() {
            Ok(sealed)
        } else {
            Err(SubmitError::NoSealedCopy(folder.path().to_owned()).into())
        }
    }

    fn begin(
        &self,
        source: &Source,
        folder: &UploadFolder,
        terminal: &mut Terminal,
    ) -> Result<(PathBuf, RelocationId), CliError> {
        let Some(wanted) = &self.wanted else {
            return Err(CliError::Usage("--owner and --orgs are needed, as no upload was begun".to_owned()));
        };
        let path = if source.is_sealed()? {
            self.file.to_owned()
        } else {
            let key =
                PublicKey::from_pem(self.api.public_key()?.as_bytes()).map_err(SubmitError::PublicKey)?;
            encrypt::seal(source, &folder.sealed(), &key, terminal)?;
            folder.sealed()
        };
        let bytes = path.metadata().map_err(|source| CliError::Read { path: path.clone(), source })?.len();
        let request = CreateRequest {
            owner: Some(wanted.owner.clone()),
            orgs: Some(wanted.orgs.clone()),
            promo_code: wanted.promo_code.clone(),
            file_name: self.file.file_name().map(|name| name.to_string_lossy().into_owned()),
            file_size: Some(bytes),
        };
        let created = self.api.create(&request);
        // The sealed copy may be waited for by one whose answer was lost, now or before, when it keeps its owner busy.
        let may_be_there = |error: &ApiError| error.can_retry() || error.code() == "owner-busy";
        if created.as_ref().is_err_and(|error| !may_be_there(error)) {
            folder.discard()?;
        }
        let relocation = created?.view.uuid;
        folder.keep(&Begun::new(relocation, self.endpoint, wanted.clone(), source))?;
        Ok((path, relocation))
    }

    fn upload(
        &self,
        path: &Path,
        relocation: RelocationId,
        terminal: &Terminal,
    ) -> Result<Record, UploadError> {
        let progress = Progress::of_bytes(terminal, "uploading", 0);
        let (bar, json) = (progress.clone(), terminal.is_json());
        let _farewells = Farewells::say(move || {
            bar.clear();
            let source = UploadError::Interrupted;
            let error = CliError::from(SubmitError::Upload { relocation, source });
            let mut terminal = Terminal::of_this_process();
            terminal.set_json(json);
            error.tell(&mut terminal) as u8
        });
        Upload { api: self.api, relocation, path, progress, patience: self.patience }.send()
    }
}
