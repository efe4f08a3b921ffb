//! deletions/: rows that are to be deleted, with what depends on them, some days later or now. For staff. What may
//! happen to a scheduled deletion, [`deletion::schedule`] knows.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use catalog::SiloKind;
use deletion::DeletionJob;
use deletion::schedule::{self, Ask, DAYS, ScheduledDeletion, Schedules, Standing};
use pipeline::api::{DeletionView, DeletionsView, RowView, ScheduleDeletionRequest};
use pipeline::code::ErrorCode;
use pipeline::ids::UserId;
use pipeline::kinds::DeletionState;
use pipeline::port::{Queue, SendMessages};
use serde_json::{Map, Value};
use silo::{Pk, Silo};
use tracing::{error, info};

use crate::extract::{Body, Path};
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfObject;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World};

refusals!(ListRefusals: Forbidden);
refusals!(ScheduleRefusals: Forbidden, InvalidField, FileTooLarge, UnknownModel, UnknownObject);
refusals!(ShowRefusals: Forbidden, UnknownModel, NotFound);
refusals!(CancelRefusals: Forbidden, UnknownModel, NotFound, DeletionInProgress);

/// How many deletions of a silo are listed at most: as many as surely fit into an answer.
const LISTED_MAX: usize = 1_000;

/// The longest that a deletion is put off: ten years.
const DAYS_MAX: u32 = 3_650;

/// List the scheduled deletions
///
/// For staff.
#[utoipa::path(
    get,
    path = "/api/0/deletions/",
    operation_id = "listDeletions",
    tag = tag::DELETION,
    responses(
        (status = 200, description = "What is scheduled, in progress, or given up.", body = DeletionsView),
        ListRefusals,
    ),
)]
pub(crate) async fn list<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
) -> Result<Json<DeletionsView>, Refusal> {
    caller.require_staff()?;
    let (mut deletions, mut has_more) = (Vec::new(), false);
    for silo in [SiloKind::Cell, SiloKind::Control] {
        let page = api.schedules.page(silo, None, LISTED_MAX).await?;
        has_more |= page.next.is_some();
        deletions.extend(page.items.into_iter().map(view));
    }
    deletions.sort_by_key(|deletion| deletion.date_due);
    Ok(Json(DeletionsView { deletions, has_more }))
}

/// Schedule a deletion
///
/// For staff. The row goes with all that depends on it, and nothing brings it back. Until then it says that it is to
/// be deleted, where its model has a word for that. To schedule again what is scheduled moves the date.
#[utoipa::path(
    post,
    path = "/api/0/deletions/",
    operation_id = "scheduleDeletion",
    tag = tag::DELETION,
    request_body = ScheduleDeletionRequest,
    responses((status = 201, description = "What is scheduled.", body = DeletionView), ScheduleRefusals),
)]
pub(crate) async fn schedule<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Body(body): Body,
) -> Result<(StatusCode, Json<DeletionView>), Refusal> {
    caller.require_staff()?;
    let wanted = Wanted::read(&body)?;
    let job = api.job(&wanted.model, wanted.id)?;
    let now = api.clock.now();
    let due = now.saturating_add(Duration::from_hours(24 * u64::from(wanted.days)));
    let ask = Ask { job, by: caller.id.0, due: due.map_err(|_| too_late())?, id: api.entropy.uuid() };
    let silo = api.silo(ask.job.silo);
    let record = schedule::schedule(&api.schedules, silo, &ask, now).await?;
    let DeletionJob { model, object, .. } = &ask.job;
    info!(model, object, days = wanted.days, user = %caller.id, "a deletion was scheduled");
    if wanted.days == 0 {
        api.call_for(&ask.job).await?;
    }
    Ok((StatusCode::CREATED, Json(view(record))))
}

/// Show a scheduled deletion
///
/// For staff. A deletion that has come to its end is no longer there.
#[utoipa::path(
    get,
    path = "/api/0/deletions/{model}/{id}/",
    operation_id = "showDeletion",
    tag = tag::DELETION,
    params(OfObject),
    responses((status = 200, description = "The deletion as it is now.", body = DeletionView), ShowRefusals),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path((model, id)): Path<(String, String)>,
) -> Result<Json<DeletionView>, Refusal> {
    caller.require_staff()?;
    let job = api.job(&model, number(&id)?)?;
    let record = api.schedules.get(&job).await?;
    record.map(|record| Json(view(record))).ok_or_else(|| ErrorCode::NotFound.into())
}

/// Cancel a scheduled deletion
///
/// For staff. What is in progress cannot be cancelled; what is not scheduled need not be.
#[utoipa::path(
    delete,
    path = "/api/0/deletions/{model}/{id}/",
    operation_id = "cancelDeletion",
    tag = tag::DELETION,
    params(OfObject),
    responses((status = 204, description = "Nothing is scheduled any more."), CancelRefusals),
)]
pub(crate) async fn cancel<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path((model, id)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    caller.require_staff()?;
    let job = api.job(&model, number(&id)?)?;
    let was_there = schedule::cancel(&api.schedules, api.silo(job.silo), &job, api.clock.now()).await?;
    if was_there {
        info!(model = job.model, object = job.object, user = %caller.id, "a deletion was cancelled");
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What is asked for, read field by field so that a wrong one is named.
struct Wanted {
    model: String,
    id: Pk,
    days: u32,
}

impl Wanted {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        let given: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_| Refusal::new(ErrorCode::InvalidField, "The body is no JSON object."))?;
        let is_set = |name: &str| given.get(name).filter(|value| !value.is_null());
        let model = is_set("model").and_then(Value::as_str).filter(|model| !model.is_empty());
        let id = is_set("id").and_then(Value::as_i64).filter(|id| *id > 0);
        let days = is_set("days").map_or(Some(u64::from(DAYS)), Value::as_u64);
        let days = days.and_then(|days| u32::try_from(days).ok()).filter(|days| *days <= DAYS_MAX);
        Ok(Self {
            model: model.ok_or_else(|| Refusal::field("model", "must be the name of a model"))?.to_owned(),
            id: id.ok_or_else(|| Refusal::field("id", "must be a primary key"))?,
            days: days.ok_or_else(too_late)?,
        })
    }
}

fn too_late() -> Refusal {
    Refusal::field("days", &format!("must be a whole number of days, {DAYS_MAX} at most"))
}

/// The primary key in an address; what is no number is nobody's.
fn number(id: &str) -> Result<Pk, Refusal> {
    id.parse().ok().filter(|id| *id > 0).ok_or_else(|| ErrorCode::NotFound.into())
}

fn view(record: ScheduledDeletion) -> DeletionView {
    let (state, in_progress_since) = match record.standing {
        Standing::Waiting => (DeletionState::Waiting, None),
        Standing::InProgress { since } => (DeletionState::InProgress, Some(since)),
        Standing::GivenUp { .. } => (DeletionState::GivenUp, None),
    };
    let (error, rows) = record.failure.map(|failure| (failure.error, failure.rows)).unzip();
    let in_the_way = rows.into_iter().flatten();
    DeletionView {
        silo: record.job.silo.to_string(),
        model: record.job.model,
        id: record.job.object.unsigned_abs(),
        state,
        date_due: record.due,
        date_added: record.added,
        date_updated: record.updated,
        user_id: UserId(record.asked_by),
        in_progress_since,
        announced_at: record.announced,
        attempts: record.attempts,
        rows: record.rows,
        keys: record.keys,
        error,
        in_the_way: in_the_way.map(|row| RowView { model: row.model, id: row.pk.unsigned_abs() }).collect(),
    }
}

impl<W: World> Api<W> {
    /// An object by its model's name; the catalogue says where it lives.
    fn job(&self, model: &str, object: Pk) -> Result<DeletionJob, Refusal> {
        let model = self.cell.catalog().find(model).ok_or(ErrorCode::UnknownModel)?;
        Ok(DeletionJob { silo: model.silo, model: model.name.clone(), object })
    }

    /// Calls for a deletion that is due, so that nobody has to wait for the schedule.
    async fn call_for(&self, job: &DeletionJob) -> Result<(), Refusal> {
        let body = serde_json::to_string(job).map_err(|cause| {
            error!(error = %cause, "a deletion cannot be called for");
            Refusal::from(ErrorCode::Internal)
        })?;
        Ok(self.queues.send(Queue::Deletion, body, Duration::ZERO).await?)
    }
}
