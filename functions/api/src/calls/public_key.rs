//! GET publickeys: the key that exports for this cell are sealed with.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pipeline::api::PublicKeyView;
use pipeline::code::ErrorCode;
use pipeline::port::PublicKey;
use tracing::error;

use crate::options::is_enabled;
use crate::{Api, Caller, Refusal, World};

pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
) -> Result<Json<PublicKeyView>, Refusal> {
    if !caller.is_staff && !is_enabled(&api.store).await? {
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
