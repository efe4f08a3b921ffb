//! relocation-options/: what operators set while the system runs. For staff; setting needs a permission.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use bytes::Bytes;
use pipeline::api::{OptionView, OptionsView, SetOptionRequest};
use pipeline::code::ErrorCode;
use pipeline::option::KnownOption;
use pipeline::port::{Options, SetOptions};
use tracing::info;

use crate::{Api, Caller, Refusal, World};

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

pub(crate) async fn show<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<OptionView>, Refusal> {
    caller.require_staff()?;
    api.option(known(&name)?).await.map(Json)
}

pub(crate) async fn set<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<OptionView>, Refusal> {
    caller.require_admin()?;
    let option = known(&name)?;
    let SetOptionRequest { value } = serde_json::from_slice(&body)
        .map_err(|_| Refusal::field("value", "must be a text, in a JSON object"))?;
    let value = value.trim();
    option.check(value).map_err(|expected| Refusal::field("value", &format!("must be {expected}")))?;
    api.store.set_option(option.name(), value).await?;
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
