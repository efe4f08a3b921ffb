//! The HTTP API (SPEC §6): axum behind API Gateway's HTTP API. One file in `calls` for each thing that can be
//! asked for; `router` says which address leads where.

mod address;
mod body;
mod caller;
mod calls;
mod extract;
mod log;
mod openapi;
mod option_cache;
mod options;
mod payload;
mod refusal;
mod world;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get, post, put};
use pipeline::code::ErrorCode;
use pipeline::upload::MAX_INLINE_BYTES;

pub use caller::Caller;
pub use log::logged;
pub use option_cache::OptionCache;
pub use refusal::Refusal;
pub use world::{Api, World};

/// What a form needs beside its file.
const FORM_OVERHEAD_BYTES: u64 = 64 * 1024;

/// The API's addresses, without a slash at their end.
fn routes<W: World>() -> [(String, MethodRouter<Arc<Api<W>>>); 22] {
    let relocation = "/api/0/relocations/{uuid}";
    [
        ("/api/0/relocations".to_owned(), get(calls::list::list::<W>).post(calls::create::create::<W>)),
        (relocation.to_owned(), get(calls::show::show::<W>)),
        (format!("{relocation}/artifacts"), get(calls::artifacts::list::<W>)),
        (format!("{relocation}/artifacts/{{kind}}/{{name}}"), get(calls::artifacts::show::<W>)),
        (format!("{relocation}/audit"), get(calls::audit::show::<W>)),
        (format!("{relocation}/pause"), put(calls::steer::pause::<W>)),
        (format!("{relocation}/unpause"), put(calls::steer::unpause::<W>)),
        (format!("{relocation}/cancel"), put(calls::steer::cancel::<W>)),
        (format!("{relocation}/abort"), put(calls::steer::abort::<W>)),
        (format!("{relocation}/recover"), put(calls::steer::recover::<W>)),
        (format!("{relocation}/retry"), post(calls::retry::retry::<W>)),
        (format!("{relocation}/undo"), get(calls::undo::show::<W>).post(calls::undo::ask::<W>)),
        (format!("{relocation}/accept"), post(calls::undo::accept::<W>)),
        (format!("{relocation}/upload"), get(calls::upload::show::<W>).delete(calls::upload::abandon::<W>)),
        (format!("{relocation}/upload/complete"), post(calls::upload::complete::<W>)),
        ("/api/0/relocation-options".to_owned(), get(calls::options::list::<W>)),
        (
            "/api/0/relocation-options/{name}".to_owned(),
            get(calls::options::show::<W>).put(calls::options::set::<W>),
        ),
        (
            "/api/0/deletions".to_owned(),
            get(calls::deletions::list::<W>).post(calls::deletions::schedule::<W>),
        ),
        (
            "/api/0/deletions/{model}/{id}".to_owned(),
            get(calls::deletions::show::<W>).delete(calls::deletions::cancel::<W>),
        ),
        ("/api/0/cascades".to_owned(), get(calls::cascades::list::<W>)),
        ("/api/0/publickeys/relocations".to_owned(), get(calls::public_key::show::<W>)),
        ("/api/0/openapi.json".to_owned(), get(calls::description::show)),
    ]
}

/// The addresses that lead somewhere, with the names of their parts in braces.
pub fn addresses<W: World>() -> Vec<String> {
    routes::<W>().into_iter().map(|(path, _)| path).collect()
}

/// The API. Each of its addresses works with and without a trailing slash.
pub fn router<W: World>(api: Arc<Api<W>>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(&format!("{path}/"), methods.clone()).route(&path, methods)
    });
    let body_bytes_max = usize::try_from(MAX_INLINE_BYTES + FORM_OVERHEAD_BYTES).unwrap_or(usize::MAX);
    router
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(ErrorCode::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn(address::as_asked))
        .layer(from_fn(logged))
        .with_state(api)
}
