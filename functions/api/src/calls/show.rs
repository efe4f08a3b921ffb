//! GET …/{uuid}/: a relocation as it is now. For staff.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pipeline::api::RelocationView;

use crate::extract::Path;
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfRelocation;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World};

refusals!(ShowRefusals: Forbidden, NotFound);

/// Show a relocation
///
/// For staff.
#[utoipa::path(
    get,
    path = "/api/0/relocations/{uuid}/",
    operation_id = "showRelocation",
    tag = tag::RELOCATIONS,
    params(OfRelocation),
    responses((status = 200, description = "The relocation as it is now.", body = RelocationView), ShowRefusals),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.for_staff(&caller, &uuid).await?;
    Ok(Json(api.view(relocation).await?))
}
