//! What AWS answers when a request fails, without anything of the request in it.

use std::error::Error;
use std::fmt;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// A request that failed. It names the service's own code and request id, which is what support asks for; the
/// service's message is left out, since it may quote the request, except where a permission is missing: then it
/// names the role, the action and the resource.
#[derive(Debug)]
pub struct ServiceError {
    operation: &'static str,
    code: String,
    message: Option<String>,
    request_id: Option<String>,
    nature: Nature,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a failure says of the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Another transaction has one of the items at this moment.
    Contended,
    /// Fewer requests are asked for.
    Throttled,
    /// No answer, or a failure of the service.
    Unavailable,
    /// The same request would be refused again.
    Refused,
}

const CONTENTION: &[&str] = &[
    "ReplicatedWriteConflictException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
];

const THROTTLING: &[&str] = &[
    "KmsThrottledException",
    "KmsThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
];

const PASSING: &[&str] = &[
    "DependencyTimeoutException",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "KMSInternalException",
    "OperationAborted",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
];

impl ServiceError {
    /// What became of a request, from what the SDK makes of it.
    pub(crate) fn new<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let plain = |code: &str, nature, source| Self {
            operation,
            code: code.to_owned(),
            message: None,
            request_id: None,
            nature,
            source,
        };
        match error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                let headers = context.raw().headers();
                // S3 has a name of its own for it.
                let request_id = headers.get("x-amzn-requestid").or_else(|| headers.get("x-amz-request-id"));
                let request_id = request_id.map(str::to_owned);
                let metadata = context.err().meta();
                let code = metadata.code().map_or_else(|| format!("status {status}"), str::to_owned);
                let message = metadata.message().filter(|_| code.starts_with("AccessDenied"));
                let nature = nature(&code, status);
                let message = message.map(str::to_owned);
                Self { operation, code, message, request_id, nature, source: None }
            }
            SdkError::ConstructionFailure(_) => {
                plain("no request could be made", Nature::Refused, error.into_source().ok())
            }
            SdkError::TimeoutError(_) => plain("no answer in time", Nature::Unavailable, None),
            SdkError::DispatchFailure(_) => {
                plain("no connection", Nature::Unavailable, error.into_source().ok())
            }
            _ => plain("an answer that cannot be read", Nature::Unavailable, None),
        }
    }

    /// A request that the SDK did not take.
    pub(crate) fn malformed(operation: &'static str, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(error.into()), ..Self::answered(operation, "no request could be made") }
    }

    /// An answer that came without an error of the SDK, such as a cancelled transaction's reason.
    pub(crate) fn answered(operation: &'static str, code: &str) -> Self {
        Self {
            operation,
            code: code.to_owned(),
            message: None,
            request_id: None,
            nature: nature(code, 400),
            source: None,
        }
    }

    /// What it says of the next try.
    pub(crate) fn nature(&self) -> Nature {
        self.nature
    }

    /// Whether the same request may succeed later.
    pub fn retryable(&self) -> bool {
        self.nature != Nature::Refused
    }
}

fn nature(code: &str, status: u16) -> Nature {
    if CONTENTION.contains(&code) {
        Nature::Contended
    } else if THROTTLING.contains(&code) || status == 429 {
        Nature::Throttled
    } else if PASSING.contains(&code) || status >= 500 || status == 408 {
        Nature::Unavailable
    } else {
        Nature::Refused
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.operation, self.code)?;
        if let Some(message) = &self.message {
            write!(formatter, ": {message}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(formatter, " (request {request_id})")?;
        }
        Ok(())
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_a_retry_can_help() {
        for (code, status, expected) in [
            ("TransactionConflict", 400, Nature::Contended),
            ("ProvisionedThroughputExceededException", 400, Nature::Throttled),
            ("SlowDown", 503, Nature::Throttled),
            ("status 429", 429, Nature::Throttled),
            ("InternalServerError", 500, Nature::Unavailable),
            ("status 502", 502, Nature::Unavailable),
            ("RequestTimeout", 400, Nature::Unavailable),
            ("ValidationException", 400, Nature::Refused),
            ("AccessDeniedException", 400, Nature::Refused),
            ("ResourceNotFoundException", 400, Nature::Refused),
        ] {
            assert_eq!(nature(code, status), expected, "{code}");
        }
    }
}
