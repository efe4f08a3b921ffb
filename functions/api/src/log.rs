//! One line for each request: what was asked for and how it was answered. Lines written meanwhile carry the same
//! relocation, and the run that the request began or changed.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use lambda_http::RequestExt;
use pipeline::code::ErrorCode;
use pipeline::ids::RelocationId;
use runtime::{lambda, telemetry};
use tokio::time::Instant;
use tracing::{Instrument, Span, field, info};

/// Middleware around the whole router. An address that leads nowhere is not logged, since it may hold anything; nor is
/// a query.
pub async fn logged(request: Request, next: Next) -> Response {
    let invocation = request
        .lambda_context_ref()
        .map(|context| lambda::invocation(&context.request_id))
        .unwrap_or_else(Span::none);
    let span = invocation.in_scope(|| telemetry::span("api", None));
    let id = request.uri().path().split('/').find_map(|part| part.parse::<RelocationId>().ok());
    if let Some(id) = id {
        span.record("relocation", field::display(id));
    }
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let began = Instant::now();
    async {
        let response = next.run(request).await;
        let status = response.status().as_u16();
        let code = response.extensions().get::<ErrorCode>().copied().map(ErrorCode::as_str);
        let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        info!(%method, route, status, code, milliseconds, "a request was answered");
        response
    }
    .instrument(span)
    .await
}
