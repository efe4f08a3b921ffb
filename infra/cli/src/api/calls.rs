//! What the API is asked.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pipeline::api::{
    ArtifactView, ArtifactsView, AuditView, CascadesView, CompleteRequest, CreateRequest, DeletionView,
    DeletionsView, OptionView, OptionsView, PublicKeyView, ScheduleDeletionRequest, SetOptionRequest,
    UndoRequest, UndoView, UploadView,
};
use pipeline::ids::RelocationId;
use pipeline::kinds::{Status, Step};
use serde_json::json;
use ureq::Body;
use ureq::http::header::LINK;
use ureq::http::{Method, Response};

use super::error::Said;
use super::{ApiClient, ApiError, Record, pages, read};

/// Which relocations are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    /// Terms that must all occur in the uuid, the slugs or the usernames.
    pub(crate) query: Option<String>,
    /// How they fare.
    pub(crate) status: Option<Status>,
    /// How many a page has.
    pub(crate) per_page: usize,
}

/// A page of relocations.
pub(crate) struct Page {
    /// The relocations, newest first.
    pub(crate) records: Vec<Record>,
    /// Where the next page is; none after the last.
    pub(crate) next: Option<String>,
}

const RELOCATIONS: &str = "/api/0/relocations/";
const DELETIONS: &str = "/api/0/deletions/";
const OPTIONS: &str = "/api/0/relocation-options/";

/// What is left as it is in a segment of a path.
const SEGMENT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl ApiClient {
    /// This cell's public key, as PEM.
    pub(crate) fn public_key(&self) -> Result<String, ApiError> {
        let key: PublicKeyView = self.get("asking for the public key", "/api/0/publickeys/relocations/")?;
        Ok(key.public_key)
    }

    /// Asks for a relocation whose file will be uploaded.
    pub(crate) fn create(&self, request: &CreateRequest) -> Result<Record, ApiError> {
        self.send("asking for a relocation", Method::POST, RELOCATIONS, request)
    }

    /// The first page of a list.
    pub(crate) fn list(&self, listing: &Listing) -> Result<Page, ApiError> {
        let per_page = listing.per_page.to_string();
        let mut query = vec![("per_page", per_page.as_str())];
        query.extend(listing.status.map(|status| ("status", status.name())));
        query.extend(listing.query.as_deref().map(|terms| ("query", terms)));
        self.page(&self.address(RELOCATIONS, &query))
    }

    /// Another page, where the one before said it is.
    pub(crate) fn next_page(&self, next: &str) -> Result<Page, ApiError> {
        let (path, query) = next.split_once('?').unwrap_or((next, ""));
        self.page(&self.address_of(path, query))
    }

    fn page(&self, address: &str) -> Result<Page, ApiError> {
        let what = "listing relocations";
        let answer = self.call(what, Method::GET, address, None)?;
        let next = next_page(what, &answer)?;
        Ok(Page { records: read(what, answer)?, next })
    }

    /// A relocation as it is now. Who is not of the staff may not ask for one, but finds it in the list of their own.
    pub(crate) fn relocation(&self, id: RelocationId) -> Result<Record, ApiError> {
        let refused = match self.get("asking for the relocation", &relocation(id, "")) {
            Err(error) if error.status() == Some(403) => error,
            answer => return answer,
        };
        let listing = Listing { query: Some(id.to_string()), per_page: 1, ..Listing::default() };
        let mut page = self.list(&listing)?;
        loop {
            if let Some(record) = page.records.into_iter().find(|record| record.view.uuid == id) {
                return Ok(record);
            }
            page = match &page.next {
                Some(next) => self.next_page(next)?,
                None => return Err(refused),
            };
        }
    }

    /// Pauses before a step, or the next one.
    pub(crate) fn pause(&self, id: RelocationId, at: Option<Step>) -> Result<Record, ApiError> {
        self.steer("pausing", id, "pause/", "atStep", at)
    }

    /// Ends a pause, or moves it to another step.
    pub(crate) fn unpause(&self, id: RelocationId, until: Option<Step>) -> Result<Record, ApiError> {
        self.steer("unpausing", id, "unpause/", "untilStep", until)
    }

    /// Cancels before a step, or the next one.
    pub(crate) fn cancel(&self, id: RelocationId, at: Option<Step>) -> Result<Record, ApiError> {
        self.steer("cancelling", id, "cancel/", "atStep", at)
    }

    /// Gives up the upload that a relocation waits for.
    pub(crate) fn abandon(&self, id: RelocationId) -> Result<Record, ApiError> {
        self.send("giving up the upload", Method::DELETE, &relocation(id, "upload/"), &json!({}))
    }

    /// Fails a relocation at once.
    pub(crate) fn abort(&self, id: RelocationId) -> Result<Record, ApiError> {
        self.send("aborting", Method::PUT, &relocation(id, "abort/"), &json!({}))
    }

    /// Gives a failed relocation one more attempt at its latest task.
    pub(crate) fn recover(&self, id: RelocationId, until: Option<Step>) -> Result<Record, ApiError> {
        self.steer("recovering", id, "recover/", "untilStep", until)
    }

    fn steer(
        &self,
        what: &str,
        id: RelocationId,
        verb: &str,
        field: &str,
        step: Option<Step>,
    ) -> Result<Record, ApiError> {
        let body = step.map_or_else(|| json!({}), |step| json!({ field: step }));
        self.send(what, Method::PUT, &relocation(id, verb), &body)
    }

    /// Begins a new relocation with the file of a failed one.
    pub(crate) fn retry(&self, id: RelocationId) -> Result<Record, ApiError> {
        self.send("retrying", Method::POST, &relocation(id, "retry/"), &json!({}))
    }

    /// Undoes a relocation, or foresees what that would do.
    pub(crate) fn undo(&self, id: RelocationId, request: UndoRequest) -> Result<UndoView, ApiError> {
        self.send("undoing", Method::POST, &relocation(id, "undo/"), &request)
    }

    /// How far undoing a relocation is.
    pub(crate) fn undoing(&self, id: RelocationId) -> Result<UndoView, ApiError> {
        self.get("asking how far undoing is", &relocation(id, "undo/"))
    }

    /// Accepts what came of a relocation.
    pub(crate) fn accept(&self, id: RelocationId) -> Result<Record, ApiError> {
        self.send("accepting", Method::POST, &relocation(id, "accept/"), &json!({}))
    }

    /// The direct upload: what is there, and how to send what is missing.
    pub(crate) fn upload(&self, id: RelocationId) -> Result<UploadView, ApiError> {
        self.get("asking for the upload", &relocation(id, "upload/"))
    }

    /// Says that all parts of an upload are there.
    pub(crate) fn complete_upload(
        &self,
        id: RelocationId,
        request: &CompleteRequest,
    ) -> Result<Record, ApiError> {
        self.send("completing the upload", Method::POST, &relocation(id, "upload/complete/"), request)
    }

    /// The files that a relocation keeps.
    pub(crate) fn artifacts(&self, id: RelocationId) -> Result<ArtifactsView, ApiError> {
        self.get("listing artifacts", &relocation(id, "artifacts/"))
    }

    /// One of them: what is in it, or how to get it.
    pub(crate) fn artifact(
        &self,
        id: RelocationId,
        kind: &str,
        name: &str,
    ) -> Result<ArtifactView, ApiError> {
        let path = format!("artifacts/{}/{}", segment(kind), segment(name));
        self.get("asking for the artifact", &relocation(id, &path))
    }

    /// Gets a file from where the API said it is.
    pub(crate) fn download(&self, url: &str) -> Result<Response<Body>, ApiError> {
        let what = "downloading";
        let answer = self.store.get(url).call().map_err(|source| ApiError::unsent(what, source))?;
        if answer.status().is_success() { Ok(answer) } else { Err(ApiError::refused(what, answer)) }
    }

    /// Who did what to a relocation.
    pub(crate) fn audit(&self, id: RelocationId) -> Result<AuditView, ApiError> {
        self.get("reading the audit log", &relocation(id, "audit/"))
    }

    /// All options.
    pub(crate) fn options(&self) -> Result<OptionsView, ApiError> {
        self.get("listing options", OPTIONS)
    }

    /// One option.
    pub(crate) fn option(&self, name: &str) -> Result<OptionView, ApiError> {
        self.get("asking for the option", &format!("{OPTIONS}{}/", segment(name)))
    }

    /// Sets an option.
    pub(crate) fn set_option(&self, name: &str, value: &str) -> Result<OptionView, ApiError> {
        let request = SetOptionRequest { value: value.to_owned() };
        self.send("setting the option", Method::PUT, &format!("{OPTIONS}{}/", segment(name)), &request)
    }

    /// Schedules the deletion of a row, or moves its date.
    pub(crate) fn schedule_deletion(
        &self,
        request: &ScheduleDeletionRequest,
    ) -> Result<DeletionView, ApiError> {
        self.send("scheduling the deletion", Method::POST, DELETIONS, request)
    }

    /// All scheduled deletions.
    pub(crate) fn deletions(&self) -> Result<DeletionsView, ApiError> {
        self.get("listing deletions", DELETIONS)
    }

    /// The scheduled deletion of a row; none if it has come to its end, or never was.
    pub(crate) fn deletion(&self, model: &str, id: u64) -> Result<Option<DeletionView>, ApiError> {
        match self.get("asking for the deletion", &deletion(model, id)) {
            Err(error) if error.code() == "not-found" => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Cancels the scheduled deletion of a row, if there is one.
    pub(crate) fn cancel_deletion(&self, model: &str, id: u64) -> Result<(), ApiError> {
        let address = self.address(&deletion(model, id), &[]);
        self.call("cancelling the deletion", Method::DELETE, &address, None).map(drop)
    }

    /// How far keys across silos are.
    pub(crate) fn cascades(&self) -> Result<CascadesView, ApiError> {
        self.get("listing cascades", "/api/0/cascades/")
    }
}

fn deletion(model: &str, id: u64) -> String {
    format!("{DELETIONS}{}/{id}/", segment(model))
}

fn relocation(id: RelocationId, verb: &str) -> String {
    format!("{RELOCATIONS}{id}/{verb}")
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, &SEGMENT).to_string()
}

/// Where the next page is. It has to be at the same place, which alone may see the token.
fn next_page(what: &str, answer: &Response<Body>) -> Result<Option<String>, ApiError> {
    let links = answer.headers().get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    let next = links.filter_map(pages::next).next();
    match next {
        Some(next) if !next.starts_with(RELOCATIONS) => {
            let source = Said(format!("the next page is said to be at {next}")).into();
            Err(ApiError::Unexpected { what: what.to_owned(), source })
        }
        next => Ok(next.map(str::to_owned)),
    }
}
