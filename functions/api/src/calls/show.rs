//! GET …/{uuid}/: a relocation as it is now. For staff.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use pipeline::api::RelocationView;

use crate::{Api, Caller, Refusal, World};

pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<RelocationView>, Refusal> {
    let relocation = api.for_staff(&caller, &uuid).await?;
    Ok(Json(api.view(relocation).await?))
}
