//! GET openapi.json: the API's description, for programs that make clients or documentation of it.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use pipeline::code::ErrorCode;
use tracing::error;

use crate::openapi::answers::refusals;
use crate::openapi::{document, tag};
use crate::{Caller, Refusal};

refusals!(DescriptionRefusals:);

/// The document, which is the same for all.
static DOCUMENT: LazyLock<serde_json::Result<Bytes>> =
    LazyLock::new(|| serde_json::to_vec(&document()).map(Bytes::from));

/// This document
///
/// For everyone with a token.
#[utoipa::path(
    get,
    path = "/api/0/openapi.json",
    operation_id = "showDescription",
    tag = tag::CELL,
    responses(
        (status = 200, description = "An OpenAPI document.", body = Object),
        DescriptionRefusals
    ),
)]
pub(crate) async fn show(_: Caller) -> Result<Response, Refusal> {
    let document = DOCUMENT.as_ref().map_err(|cause| {
        error!(error = %cause, "the description cannot be written");
        Refusal::from(ErrorCode::Internal)
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], document.clone()).into_response())
}
