//! relocation-options/: what operators set while the system runs. For staff; setting needs a permission.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use pipeline::api::{OptionView, OptionsView, SetOptionRequest};
use pipeline::code::ErrorCode;
use pipeline::option::KnownOption;
use pipeline::port::{Options, SetOptions};
use tracing::info;

use crate::extract::{Body, Path};
use crate::openapi::answers::refusals;
use crate::openapi::parameters::OfOption;
use crate::openapi::tag;
use crate::{Api, Caller, Refusal, World};

refusals!(ListRefusals: Forbidden);
refusals!(ShowRefusals: Forbidden, NotFound);
refusals!(SetRefusals: Forbidden, NotFound, InvalidField, FileTooLarge);

/// List the options
///
/// For staff.
#[utoipa::path(
    get,
    path = "/api/0/relocation-options/",
    operation_id = "listOptions",
    tag = tag::CELL,
    responses((status = 200, description = "All options.", body = OptionsView), ListRefusals),
)]
pub(crate) async fn list<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
) -> Result<Json<OptionsView>, Refusal> {
    caller.require_staff()?;
    let mut options = Vec::new();
    for option in KnownOption::ALL {
        options.push(api.option(*option).await?);
    }
    Ok(Json(OptionsView { options }))
}

/// Show an option
///
/// For staff.
#[utoipa::path(
    get,
    path = "/api/0/relocation-options/{name}/",
    operation_id = "showOption",
    tag = tag::CELL,
    params(OfOption),
    responses((status = 200, description = "The option.", body = OptionView), ShowRefusals),
)]
pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<OptionView>, Refusal> {
    caller.require_staff()?;
    api.option(known(&name)?).await.map(Json)
}

/// Set an option
///
/// For staff with the permission `relocation.admin`. It holds everywhere some seconds later.
#[utoipa::path(
    put,
    path = "/api/0/relocation-options/{name}/",
    operation_id = "setOption",
    tag = tag::CELL,
    params(OfOption),
    request_body = SetOptionRequest,
    responses((status = 200, description = "The option as it is now.", body = OptionView), SetRefusals),
)]
pub(crate) async fn set<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<OptionView>, Refusal> {
    caller.require_admin()?;
    let option = known(&name)?;
    let SetOptionRequest { value } = serde_json::from_slice(&body)
        .map_err(|_| Refusal::field("value", "must be a text, in a JSON object"))?;
    let value = value.trim();
    option.check(value).map_err(|expected| Refusal::field("value", &format!("must be {expected}")))?;
    api.store.set_option(option.name(), value).await?;
    api.options.forget(option.name());
    info!(option = option.name(), value, user = %caller.id, "an option was set");
    api.option(option).await.map(Json)
}

fn known(name: &str) -> Result<KnownOption, Refusal> {
    name.parse().map_err(|_| ErrorCode::NotFound.into())
}

impl<W: World> Api<W> {
    async fn option(&self, option: KnownOption) -> Result<OptionView, Refusal> {
        Ok(OptionView {
            name: option.name().to_owned(),
            value: self.store.option(option.name()).await?,
            default: option.default_text().to_owned(),
            description: option.description().to_owned(),
        })
    }
}
