//! Answers that say why something was not done, as `application/problem+json`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deletion::DeletionError;
use deletion::schedule::ScheduleError;
use pipeline::api::Problem;
use pipeline::code::ErrorCode;
use pipeline::port::PortError;
use pipeline::transition::admin::Refused;
use runtime::TaskError;
use silo::StoreError;
use tracing::error;

/// Why a request was not served.
#[derive(Debug)]
pub struct Refusal(Problem);

impl Refusal {
    /// A refusal in words of its own. They must not repeat secrets of the request.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self(Problem::new(code, detail))
    }

    /// Its code.
    pub(crate) const fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// A field that is missing or not valid; the detail begins with its name.
    pub fn field(name: &str, problem: &str) -> Self {
        let problem = Problem::new(ErrorCode::InvalidField, format!("`{name}` {problem}."));
        Self(Problem { field: Some(name.to_owned()), ..problem })
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self(code.into())
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self(refused.into())
    }
}

impl From<PortError> for Refusal {
    fn from(cause: PortError) -> Self {
        error!(error = %runtime::telemetry::Chain(&cause), "the request could not be served");
        ErrorCode::Internal.into()
    }
}

impl From<StoreError> for Refusal {
    fn from(cause: StoreError) -> Self {
        error!(error = %runtime::telemetry::Chain(&cause), "the request could not be served");
        ErrorCode::Internal.into()
    }
}

impl From<ScheduleError> for Refusal {
    fn from(cause: ScheduleError) -> Self {
        match cause {
            ScheduleError::UnknownObject(_) => ErrorCode::UnknownObject.into(),
            ScheduleError::InProgress(_) => ErrorCode::DeletionInProgress.into(),
            ScheduleError::Object(DeletionError::UnknownModel { .. }) => ErrorCode::UnknownModel.into(),
            ScheduleError::Object(_) | ScheduleError::Store(_) => {
                error!(error = %runtime::telemetry::Chain(&cause), "the request could not be served");
                ErrorCode::Internal.into()
            }
        }
    }
}

impl From<TaskError> for Refusal {
    fn from(cause: TaskError) -> Self {
        error!(error = %runtime::telemetry::Chain(&cause), "the request could not be served");
        ErrorCode::Internal.into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, Problem::CONTENT_TYPE)], body).into_response();
        response.extensions_mut().insert(self.0.code);
        response
    }
}
