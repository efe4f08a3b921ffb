//! What axum reads out of a request, refused in the API's own words where it cannot be read.

use axum::body::Bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use pipeline::code::ErrorCode;

use crate::Refusal;

/// What the address names.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Refusal))]
pub(crate) struct Path<T>(pub(crate) T);

impl From<PathRejection> for Refusal {
    /// The only thing that can be wrong is that it is no UTF-8, and so no name of ours.
    fn from(_: PathRejection) -> Self {
        ErrorCode::NotFound.into()
    }
}

/// The query.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Refusal))]
pub(crate) struct Query<T>(pub(crate) T);

impl From<QueryRejection> for Refusal {
    fn from(_: QueryRejection) -> Self {
        Self::new(ErrorCode::InvalidField, "The query cannot be read.")
    }
}

/// The body as it is.
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(|rejection| unreadable(rejection, "not whole"))
    }
}

/// Refuses a body that is too large, or not what was expected.
pub(crate) fn unreadable(rejection: impl IntoResponse, is: &str) -> Refusal {
    match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::FileTooLarge.into(),
        _ => Refusal::new(ErrorCode::InvalidField, format!("The body is {is}.")),
    }
}
