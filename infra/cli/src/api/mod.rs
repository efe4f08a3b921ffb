//! A client of the HTTP API (SPEC §6): how it is reached, what it is asked, and what it answers.

mod args;
mod calls;
mod error;
mod pages;
mod patience;
mod record;
mod upload;

use std::time::Duration;

use form_urlencoded::Serializer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

pub(crate) use args::ApiArgs;
pub(crate) use calls::Listing;
pub(crate) use error::ApiError;
pub(crate) use patience::Patience;
pub(crate) use record::Record;
pub(crate) use upload::{Upload, UploadError};

/// How long an answer of the API may take; its gateway gives up after half of it.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a part may take on its way: 16 MiB in that time are less than 30 KB a second.
const PART_TIMEOUT: Duration = Duration::from_mins(10);

/// The API at one address, for one caller.
#[derive(Debug, Clone)]
pub(crate) struct ApiClient {
    api: Agent,
    /// Talks to the store of files; it has no token to lose.
    store: Agent,
    root: String,
    query: String,
    token: String,
}

impl ApiClient {
    /// A client that calls with a bearer token. What stands behind a `?` in the endpoint is added to each address.
    pub(crate) fn new(endpoint: &str, token: &str) -> Self {
        let (root, query) = endpoint.split_once('?').unwrap_or((endpoint, ""));
        // Refusals are answers here, with a body that says why.
        let agent =
            || Agent::config_builder().http_status_as_error(false).timeout_connect(Some(CONNECT_TIMEOUT));
        let store = agent().timeout_send_body(Some(PART_TIMEOUT)).timeout_recv_response(Some(ANSWER_TIMEOUT));
        Self {
            api: agent().timeout_per_call(Some(ANSWER_TIMEOUT)).build().new_agent(),
            store: store.build().new_agent(),
            root: root.trim_end_matches('/').to_owned(),
            query: query.to_owned(),
            token: token.to_owned(),
        }
    }

    fn get<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<T, ApiError> {
        read(what, self.call(what, Method::GET, &self.address(path, &[]), None)?)
    }

    /// Sends JSON, and reads JSON.
    fn send<T: DeserializeOwned>(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body).map_err(|source| ApiError::unsent(what, source.into()))?;
        read(what, self.call(what, method, &self.address(path, &[]), Some(body))?)
    }

    /// Makes a call; its answer is that of a success.
    fn call(
        &self,
        what: &str,
        method: Method,
        address: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response<Body>, ApiError> {
        let request = Request::builder().method(method).uri(address);
        let request = request.header(AUTHORIZATION, format!("Bearer {}", self.token));
        let answer = match body {
            Some(body) => {
                let request = request.header(CONTENT_TYPE, "application/json").body(body);
                request.map_err(ureq::Error::from).and_then(|request| self.api.run(request))
            }
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.api.run(request)),
        };
        let answer = answer.map_err(|source| ApiError::unsent(what, source))?;
        if answer.status().is_success() { Ok(answer) } else { Err(ApiError::refused(what, answer)) }
    }

    fn address(&self, path: &str, query: &[(&str, &str)]) -> String {
        let query = Serializer::new(String::new()).extend_pairs(query).finish();
        self.address_of(path, &query)
    }

    fn address_of(&self, path: &str, query: &str) -> String {
        let parts: Vec<&str> = [query, &self.query].into_iter().filter(|part| !part.is_empty()).collect();
        let separator = if parts.is_empty() { "" } else { "?" };
        format!("{}{path}{separator}{}", self.root, parts.join("&"))
    }
}

fn read<T: DeserializeOwned>(what: &str, mut answer: Response<Body>) -> Result<T, ApiError> {
    let body = answer.body_mut().read_json();
    body.map_err(|source| ApiError::Unexpected { what: what.to_owned(), source: Box::new(source) })
}
