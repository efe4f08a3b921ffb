//! GET publickeys: the key that exports for this cell are sealed with.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pipeline::api::PublicKeyView;
use pipeline::code::ErrorCode;
use pipeline::port::PublicKey;
use tracing::error;

use crate::openapi::answers::refusals;
use crate::openapi::tag;
use crate::options::is_enabled;
use crate::{Api, Caller, Refusal, World};

refusals!(PublicKeyRefusals: FeatureDisabled, KeyServiceUnreachable);

/// The cell's public key
///
/// An export for this cell is encrypted with it. For everyone while relocation is enabled; else for staff.
#[utoipa::path(
    get,
    path = "/api/0/publickeys/relocations/",
    operation_id = "showPublicKey",
    tag = tag::CELL,
    responses((status = 200, description = "The key.", body = PublicKeyView), PublicKeyRefusals),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
) -> Result<Json<PublicKeyView>, Refusal> {
    if !caller.is_staff && !is_enabled(&api.options()).await? {
        return Err(ErrorCode::FeatureDisabled.into());
    }
    match api.key.public_key().await {
        Ok(public_key) => Ok(Json(PublicKeyView { public_key })),
        Err(cause) => {
            error!(error = %runtime::telemetry::Chain(&cause), "the public key could not be read");
            Err(ErrorCode::KeyServiceUnreachable.into())
        }
    }
}
