//! That a request is served at the address that it asked for.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lambda_http::RequestExt;
use percent_encoding::percent_decode_str;
use pipeline::code::ErrorCode;

use crate::Refusal;

/// Middleware around the whole router. The gateway hands over the path decoded, and the runtime reads it as part of
/// a URL: what is a `?`, `#`, `\` or `..` in a name would lead elsewhere. No name of ours has any of them.
pub(crate) async fn as_asked(request: Request, next: Next) -> Response {
    let (asked, read) = (request.raw_http_path(), request.uri().path());
    let is_same = asked == read || percent_decode_str(read).decode_utf8_lossy() == asked;
    // What does not come through the gateway has been read once.
    if asked.is_empty() || is_same {
        next.run(request).await
    } else {
        Refusal::from(ErrorCode::NotFound).into_response()
    }
}
