//! What is asked of AWS, call by call, in a log at level debug.

use aws_sdk_dynamodb::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use tracing::debug;

/// Logs every call when it has ended: service, operation, how often it was sent, whether it failed. Never what it
/// was about, which may be a customer's.
#[derive(Debug)]
pub(crate) struct CallLog;

impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "CallLog"
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        settings: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A request that is only signed, for others to send, comes to nothing here.
        if let (Some(call), Some(outcome)) = (settings.load::<Metadata>(), context.output_or_error()) {
            let sent = settings.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts);
            let failed = outcome.is_err();
            debug!(service = call.service(), operation = call.name(), sent, failed, "AWS was called");
        }
        Ok(())
    }
}
