//! A client of the HTTP API (SPEC §6), as far as the commands here need it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use pipeline::api::{
    CompleteRequest, CreateRequest, PartView, Problem, PublicKeyView, RelocationView, UploadView,
};
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The API refused it and said why.
    #[error("{call} was refused: {} ({})", problem.detail, problem.code)]
    Refused {
        /// The call.
        call: String,
        /// What the API said.
        problem: Box<Problem>,
    },
    /// The gateway or a proxy answered in place of the API.
    #[error("{call} was answered with status {status}")]
    Status {
        /// The call.
        call: String,
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer.
    #[error("{call} got no answer")]
    Unreachable {
        /// The call.
        call: String,
        /// What the client said.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The answer is not of the expected shape.
    #[error("{call} was answered with something unexpected")]
    Answer {
        /// The call.
        call: String,
        /// What the parser said.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The file to upload could not be read.
    #[error("the file to upload could not be read")]
    File(#[from] std::io::Error),
    /// The answer to a part that was uploaded lacks its entity tag.
    #[error("part {0} was taken without an entity tag")]
    NoEntityTag(u32),
}

/// The API at one address, for one caller.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    agent: Agent,
    root: String,
    query: String,
    token: String,
}

impl ApiClient {
    /// A client that calls with a bearer token. `query` is added to each address; may be empty.
    pub(crate) fn new(root: &str, query: &str, token: &str) -> Self {
        // Refusals are answers here, with a body that says why.
        let agent = Agent::config_builder().http_status_as_error(false).build().new_agent();
        Self {
            agent,
            root: root.trim_end_matches('/').to_owned(),
            query: query.to_owned(),
            token: token.to_owned(),
        }
    }

    /// This cell's public key, as PEM.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) fn public_key(&self) -> Result<String, ApiError> {
        let key: PublicKeyView = self.get("/api/0/publickeys/relocations/")?;
        Ok(key.public_key)
    }

    /// Asks for a relocation; the answer carries the direct upload.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) fn create(&self, request: &CreateRequest) -> Result<RelocationView, ApiError> {
        self.post("/api/0/relocations/", request)
    }

    /// A relocation as it is now.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) fn relocation(&self, uuid: &str) -> Result<RelocationView, ApiError> {
        self.get(&format!("/api/0/relocations/{uuid}/"))
    }

    /// Sends the parts that are missing, and completes the upload. `progress` gets the bytes sent so far.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub(crate) fn upload(
        &self,
        uuid: &str,
        path: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<RelocationView, ApiError> {
        let address = format!("/api/0/relocations/{uuid}/upload/");
        let mut file = File::open(path)?;
        let mut parts: Vec<PartView> = Vec::new();
        loop {
            let upload: UploadView = self.get(&address)?;
            parts.retain(|part| !upload.parts.iter().any(|there| there.part_number == part.part_number));
            parts.extend(upload.parts);
            let mut sent = parts.len() as u64 * upload.part_size;
            progress(sent.min(upload.file_size));
            for missing in &upload.missing {
                let offset = u64::from(missing.part_number.saturating_sub(1)) * upload.part_size;
                let length = upload.part_size.min(upload.file_size.saturating_sub(offset));
                file.seek(SeekFrom::Start(offset))?;
                let mut content = Vec::new();
                (&mut file).take(length).read_to_end(&mut content)?;
                parts.push(self.send_part(missing, &content)?);
                sent += length;
                progress(sent.min(upload.file_size));
            }
            if parts.len() as u64 >= u64::from(upload.part_count) {
                break;
            }
        }
        parts.sort_by_key(|part| part.part_number);
        self.post(&format!("{address}complete/"), &CompleteRequest { parts })
    }

    fn send_part(&self, part: &pipeline::api::MissingPart, content: &[u8]) -> Result<PartView, ApiError> {
        let call = format!("PUT of part {}", part.part_number);
        let mut request = self.agent.put(&part.url);
        for (name, value) in &part.headers {
            request = request.header(name, value);
        }
        let answer = request.send(content).map_err(|source| unreachable_service(&call, source))?;
        if !answer.status().is_success() {
            return Err(ApiError::Status { call, status: answer.status().as_u16() });
        }
        let etag = answer.headers().get("etag").and_then(|value| value.to_str().ok());
        let etag = etag.ok_or(ApiError::NoEntityTag(part.part_number))?.to_owned();
        Ok(PartView { part_number: part.part_number, etag })
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let call = format!("GET {path}");
        let request = self.agent.get(self.address(path)).header("Authorization", self.bearer());
        read(&call, request.call().map_err(|source| unreachable_service(&call, source))?)
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl serde::Serialize) -> Result<T, ApiError> {
        let call = format!("POST {path}");
        let request = self.agent.post(self.address(path)).header("Authorization", self.bearer());
        read(&call, request.send_json(body).map_err(|source| unreachable_service(&call, source))?)
    }

    fn address(&self, path: &str) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{}{path}{separator}{}", self.root, self.query)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

fn unreachable_service(call: &str, source: ureq::Error) -> ApiError {
    ApiError::Unreachable { call: call.to_owned(), source: Box::new(source) }
}

fn read<T: DeserializeOwned>(call: &str, mut answer: Response<Body>) -> Result<T, ApiError> {
    let status = answer.status();
    if status.is_success() {
        let body = answer.body_mut().read_json();
        return body.map_err(|source| ApiError::Answer { call: call.to_owned(), source: Box::new(source) });
    }
    match answer.body_mut().read_json::<Problem>() {
        Ok(problem) => Err(ApiError::Refused { call: call.to_owned(), problem: Box::new(problem) }),
        Err(_) => Err(ApiError::Status { call: call.to_owned(), status: status.as_u16() }),
    }
}
