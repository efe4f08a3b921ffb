//! GET cascades/: how far the keys that lead across silos are reconciled with those who are gone. For staff.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use catalog::{Key, Model, OnDelete, SiloKind};
use pipeline::api::{CascadeView, CascadesView};
use silo::{CascadeRun, Pass, Reconcile, Watermark, WatermarkKey, cross_silo_keys};

use crate::openapi::answers::refusals;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World};

refusals!(CascadesRefusals: Forbidden);

/// List the keys across silos
///
/// For staff. Rows that refer to somebody who was deleted in the other silo go, or lose the key, when a job gets to
/// them: each key has two watermarks, and what is up to them is dealt with.
#[utoipa::path(
    get,
    path = "/api/0/cascades/",
    operation_id = "listCascades",
    tag = tag::DELETION,
    responses((status = 200, description = "All keys across silos.", body = CascadesView), CascadesRefusals),
)]
pub(crate) async fn list<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
) -> Result<Json<CascadesView>, Refusal> {
    caller.require_staff()?;
    let mut keys = Vec::new();
    for silo in [SiloKind::Cell, SiloKind::Control] {
        keys.extend(cascades(api.silo(silo), silo).await?);
    }
    Ok(Json(CascadesView { keys }))
}

/// The keys of a silo, each with its watermarks and its last run.
async fn cascades(silo: &impl Reconcile, kind: SiloKind) -> Result<Vec<CascadeView>, Refusal> {
    let keys: Vec<(&Model, &Key)> = cross_silo_keys(silo.catalog(), kind).collect();
    let both = [Pass::Rows, Pass::Tombstones];
    let wanted = keys.iter().flat_map(|(model, key)| both.map(|pass| WatermarkKey::new(model, key, pass)));
    let watermarks = silo.watermarks(&wanted.collect::<Vec<_>>()).await?;
    let runs = silo.runs().await?.into_iter().map(|run| ((run.model.clone(), run.field.clone()), run));
    let mut runs: HashMap<(String, String), CascadeRun> = runs.collect();
    let views = keys.into_iter().zip(watermarks.chunks(both.len())).map(|((model, key), reached)| {
        let run = runs.remove(&(model.name.clone(), key.field.clone()));
        view(kind, model, key, reached, run)
    });
    Ok(views.collect())
}

fn view(
    silo: SiloKind,
    model: &Model,
    key: &Key,
    reached: &[Option<Watermark>],
    run: Option<CascadeRun>,
) -> CascadeView {
    let at = |pass: usize| {
        let watermark = reached.get(pass).and_then(Option::as_ref);
        watermark.map_or(0, |watermark| watermark.value.unsigned_abs())
    };
    CascadeView {
        silo: silo.to_string(),
        model: model.name.clone(),
        field: key.field.clone(),
        target: key.target_name.clone(),
        on_delete: key.on_delete.unwrap_or(OnDelete::DoNothing).to_string(),
        rows_watermark: at(0),
        tombstones_watermark: at(1),
        pending: run.as_ref().map(|run| run.pending),
        lag_millis: run.as_ref().and_then(|run| run.lag_millis),
        has_more: run.as_ref().is_some_and(|run| run.has_more),
        last_run: run.as_ref().map(|run| run.ended),
        error: run.and_then(|run| run.error),
    }
}
