//! The bodies of requests: of POST relocations, JSON for a direct upload or a form with the file in it; of calls
//! about a step, JSON or nothing.

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::{Json, RequestExt};
use bytes::Bytes;
use pipeline::api::CreateRequest;
use pipeline::code::ErrorCode;
use pipeline::kinds::Step;
use pipeline::upload::MAX_INLINE_BYTES;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::Refusal;
use crate::extract;

/// A relocation whose file comes along.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read for the description alone")]
pub(crate) struct UploadRequest {
    /// Username of the owner; of oneself, unless staff asks.
    #[schema(min_length = 1, max_length = 128)]
    owner: String,
    /// Slugs of the wanted organisations, comma-separated: letters, digits and dashes, 50 characters at most each,
    /// not all digits, no dash at either end.
    #[schema(max_length = 10_000, example = "acme,acme-labs")]
    orgs: String,
    /// A promotion to redeem.
    #[schema(max_length = 40)]
    promo_code: Option<String>,
    /// The encrypted export, 4 MiB at most.
    #[schema(value_type = String, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
}

/// When it happens.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read for the description alone")]
#[schema(rename_all = "camelCase")]
pub(crate) struct AtStepRequest {
    /// The step before which it happens: a later one than the relocation is at, and not the last. Without it, the
    /// next.
    at_step: Option<Step>,
}

/// How far it goes on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read for the description alone")]
#[schema(rename_all = "camelCase")]
pub(crate) struct UntilStepRequest {
    /// The step before which it pauses again: a later one than the relocation is at, and not the last. Without it,
    /// none.
    until_step: Option<Step>,
}

/// What was sent.
#[derive(Debug, Default)]
pub(crate) struct CreateBody {
    pub(crate) fields: CreateRequest,
    /// The file, if it came with the request.
    pub(crate) file: Option<Bytes>,
}

impl<S: Send + Sync> FromRequest<S> for CreateBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
            let form: Multipart = request.extract().await.map_err(unreadable)?;
            return read_form(form).await;
        }
        let Json(given) = request.extract::<Json<Map<String, Value>>, _>().await.map_err(unreadable)?;
        Ok(Self { fields: fields_of(&given)?, file: None })
    }
}

/// The fields of a direct upload's request, read one by one so that a wrong one is named.
fn fields_of(given: &Map<String, Value>) -> Result<CreateRequest, Refusal> {
    let is_set = |name: &str| given.get(name).filter(|value| !value.is_null());
    let text = |name: &str| {
        let text = is_set(name).map(|value| value.as_str().map(str::to_owned));
        text.map(|text| text.ok_or_else(|| Refusal::field(name, "must be a text"))).transpose()
    };
    let file_size = is_set("fileSize").map(|value| {
        value.as_u64().ok_or_else(|| Refusal::field("fileSize", "must be a whole number of bytes"))
    });
    Ok(CreateRequest {
        owner: text("owner")?,
        orgs: text("orgs")?,
        promo_code: text("promo_code")?,
        file_name: text("fileName")?,
        file_size: file_size.transpose()?,
    })
}

fn unreadable(rejection: impl IntoResponse) -> Refusal {
    extract::unreadable(rejection, "neither a form nor JSON of the expected shape")
}

async fn read_form(mut form: Multipart) -> Result<CreateBody, Refusal> {
    let mut body = CreateBody::default();
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name().unwrap_or_default() {
            "owner" => body.fields.owner = Some(text(field).await?),
            "orgs" => body.fields.orgs = Some(text(field).await?),
            "promo_code" => body.fields.promo_code = Some(text(field).await?),
            "file" => {
                body.fields.file_name = field.file_name().map(str::to_owned);
                body.file = Some(file(field).await?);
            }
            // Forms may hold more than is asked for.
            _ => {}
        }
    }
    Ok(body)
}

async fn text(field: Field<'_>) -> Result<String, Refusal> {
    field.text().await.map_err(unreadable)
}

async fn file(field: Field<'_>) -> Result<Bytes, Refusal> {
    let content = field.bytes().await.map_err(unreadable)?;
    if content.len() as u64 > MAX_INLINE_BYTES {
        return Err(ErrorCode::FileTooLarge.into());
    }
    Ok(content)
}

/// The step that a body names in this field; none when it has none, or is empty.
pub(crate) fn step_of(body: &[u8], field: &str) -> Result<Option<Step>, Refusal> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let body: Option<Map<String, Value>> = serde_json::from_slice(body)
        .map_err(|_| Refusal::new(ErrorCode::InvalidField, "The body is no JSON object."))?;
    match body.as_ref().and_then(|body| body.get(field)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => name.parse().map(Some).map_err(|_| ErrorCode::UnknownStep.into()),
        Some(_) => Err(Refusal::field(field, "must be the name of a step")),
    }
}
