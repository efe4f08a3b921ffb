//! What AWS could not do, as the ports say it. The one place where it is decided whether a retry can help is
//! [`ServiceError`].

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use pipeline::port::PortError;

use crate::ServiceError;

/// A request that failed; `action` says what it was for, such as `get object runs/…`.
pub(crate) fn failed<A: Into<String>>(action: impl FnOnce() -> A) -> impl FnOnce(ServiceError) -> PortError {
    move |error| match error.retryable() {
        true => PortError::transient(action(), error),
        false => PortError::permanent(action(), error),
    }
}

/// A request of the SDK that failed.
pub(crate) fn refused<E, A: Into<String>>(
    operation: &'static str,
    action: impl FnOnce() -> A,
) -> impl FnOnce(SdkError<E, HttpResponse>) -> PortError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    move |error| failed(action)(ServiceError::new(operation, error))
}

/// An answer that is not what was stored or asked for, and will not be the next time.
pub(crate) fn unreadable<E, A: Into<String>>(action: impl FnOnce() -> A) -> impl FnOnce(E) -> PortError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    move |error| PortError::permanent(action(), error)
}
