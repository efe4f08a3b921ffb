//! Why a call did not succeed.

use serde::Deserialize;
use ureq::Body;
use ureq::http::Response;

/// Why a call did not succeed. `what` says what the call was to do, as in "pausing".
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The API refused it and said why.
    #[error("{what} was refused ({code})")]
    Refused {
        /// What the call was to do.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The code of the problem.
        code: String,
        /// What happened and what to do.
        #[source]
        detail: Said,
    },
    /// The gateway, a proxy or the store of files answered, and not the API.
    #[error("{what} was answered with status {status}")]
    Status {
        /// What the call was to do.
        what: String,
        /// The HTTP status.
        status: u16,
        /// What the answer says.
        #[source]
        message: Option<Said>,
    },
    /// There was no answer.
    #[error("{what} got no answer")]
    NoAnswer {
        /// What the call was to do.
        what: String,
        /// What the client says.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The answer is not what it has to be.
    #[error("{what} was answered with something unexpected")]
    Unexpected {
        /// What the call was to do.
        what: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What an answer says, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Said(pub(super) String);

/// An error of the API (RFC 9457). The code is text here, so that one that is newer than this program is told, too.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

/// An error of API Gateway.
#[derive(Deserialize)]
struct GatewayMessage {
    message: String,
}

impl ApiError {
    /// A call that could not be made, or got no answer.
    pub(super) fn unsent(what: &str, source: ureq::Error) -> Self {
        Self::NoAnswer { what: what.to_owned(), source: Box::new(source) }
    }

    /// What an answer says that is not that of a success.
    pub(super) fn refused(what: &str, mut answer: Response<Body>) -> Self {
        let (what, status) = (what.to_owned(), answer.status().as_u16());
        let body = answer.body_mut().read_to_vec().unwrap_or_default();
        if let Ok(Problem { code, detail }) = serde_json::from_slice(&body) {
            return Self::Refused { what, status, code, detail: Said(detail) };
        }
        let message = serde_json::from_slice(&body).ok().map(|GatewayMessage { message }| Said(message));
        Self::Status { what, status, message }
    }

    /// The HTTP status, if there was an answer that says no.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Status { status, .. } => Some(*status),
            Self::NoAnswer { .. } | Self::Unexpected { .. } => None,
        }
    }

    /// A stable name for machines: the API's own where it gave one.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            Self::Status { .. } => "api-status",
            Self::NoAnswer { .. } => "api-unreachable",
            Self::Unexpected { .. } => "api-answer",
        }
    }

    /// Whether the same call can succeed later: nothing was answered, or something on the other side went wrong.
    pub(crate) fn can_retry(&self) -> bool {
        match self {
            Self::NoAnswer { source, .. } => {
                !matches!(**source, ureq::Error::BadUri(_) | ureq::Error::Http(_))
            }
            Self::Refused { status, .. } => *status >= 500,
            // Of too many requests at once the gateway tells; the API means a limit of a day.
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Unexpected { .. } => false,
        }
    }

    /// What to do about it, where the API does not say so itself.
    pub(crate) fn advice(&self) -> Option<&'static str> {
        match (self, self.code()) {
            (Self::NoAnswer { .. }, _) => {
                Some("check --endpoint, or RELOCATE_ENDPOINT, and whether you are connected")
            }
            (Self::Status { status: 401, .. }, _) | (_, "unauthenticated") => Some(
                "give a token that has not expired with --token, or RELOCATE_TOKEN; `relocate token` makes one for the local stack",
            ),
            (_, "owner-busy") => Some(
                "`relocate list --status in_progress` shows it; `relocate submit FILE --resume UUID` continues its upload",
            ),
            _ => None,
        }
    }
}
