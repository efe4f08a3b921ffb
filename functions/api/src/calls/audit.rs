//! GET …/{uuid}/audit/: who did what to a relocation, and when. For staff.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use pipeline::api::{AuditLine, AuditView};
use pipeline::commit::{Actor, Audit};
use pipeline::ids::UserId;
use pipeline::port::AuditLog;

use crate::{Api, Caller, Refusal, World};

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
