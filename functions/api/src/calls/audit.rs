//! GET …/{uuid}/audit/: who did what to a relocation, and when. For staff.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pipeline::api::{AuditLine, AuditView};
use pipeline::commit::{Actor, Audit};
use pipeline::ids::UserId;
use pipeline::port::AuditLog;

use crate::extract::Path;
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfRelocation;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World};

refusals!(AuditRefusals: Forbidden, NotFound);

/// Who did what, and when
///
/// For staff. Each change and each reading of an artifact is a line.
#[utoipa::path(
    get,
    path = "/api/0/relocations/{uuid}/audit/",
    operation_id = "listAudit",
    tag = tag::INSPECTION,
    params(OfRelocation),
    responses((status = 200, description = "What was done, oldest first.", body = AuditView), AuditRefusals),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(uuid): Path<String>,
) -> Result<Json<AuditView>, Refusal> {
    let relocation = api.for_staff(&caller, &uuid).await?;
    let lines = api.store.lines(relocation.id).await?;
    let mut ids: Vec<UserId> = lines.iter().filter_map(|line| user(line.by)).collect();
    ids.sort_unstable();
    ids.dedup();
    let people = api.people(&ids).await?;
    let person = |id: UserId| people.iter().flatten().find(|person| person.id == id).cloned();
    let lines = lines.into_iter().map(|Audit { time, by, action, detail }| AuditLine {
        time,
        action,
        detail,
        user_id: user(by),
        user: user(by).and_then(person),
    });
    Ok(Json(AuditView { lines: lines.collect() }))
}

const fn user(actor: Actor) -> Option<UserId> {
    match actor {
        Actor::User(id) => Some(id),
        Actor::Pipeline => None,
    }
}
