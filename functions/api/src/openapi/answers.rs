//! What calls are answered with when they are not served: by the API, in one form for all, or by the gateway before
//! it.

use std::collections::BTreeMap;
use std::fmt::Write;

use pipeline::api::{Problem, http_status};
use pipeline::code::ErrorCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder, Schema};

/// What the gateway in front of the API says when it does not let a request through, or gets no answer.
#[derive(Serialize, ToSchema)]
pub(super) struct GatewayAnswer {
    /// What is wrong, in a few words.
    message: String,
}

/// An answer that any call may get, because the gateway gives it.
struct Common {
    status: u16,
    /// Its name in the document.
    name: &'static str,
    /// When the gateway gives it.
    gateway: &'static str,
    /// What the API itself answers with that status, whatever was asked.
    codes: &'static [ErrorCode],
}

/// SPEC §6 at its end, and the throttle of the template.
const COMMON: [Common; 6] = [
    Common {
        status: 401,
        name: "Unauthenticated",
        gateway: "There is no token, or it is not valid: expired, of another issuer or for another audience.",
        codes: &[ErrorCode::Unauthenticated],
    },
    Common { status: 413, name: "TooLarge", gateway: "The request is larger than 10 MB.", codes: &[] },
    Common { status: 429, name: "TooMany", gateway: "Too many requests at once. Try again.", codes: &[] },
    Common {
        status: 500,
        name: "Broken",
        gateway: "The API ended without an answer. Try again later.",
        codes: &[ErrorCode::Internal],
    },
    Common {
        status: 503,
        name: "Unavailable",
        gateway: "The API cannot be reached. Try again later.",
        codes: &[],
    },
    Common {
        status: 504,
        name: "TimedOut",
        gateway: "There was no answer within 30 seconds. Look what became of the request before it is sent again.",
        codes: &[],
    },
];

/// The answers that any call may get, by their names in the document.
pub(super) fn common() -> impl Iterator<Item = (String, RefOr<Response>)> {
    COMMON.iter().map(|common| (common.name.to_owned(), response(common.codes, Some(common)).into()))
}

/// The answers, by status, of a call that refuses with these codes; those that any call may get are among them.
pub(crate) fn refused_with(codes: &[ErrorCode]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(http_status(*code)).or_default().push(*code);
    }
    let shared = COMMON
        .iter()
        .map(|common| (common.status.to_string(), RefOr::Ref(Ref::from_response_name(common.name))));
    let mut answers: BTreeMap<_, _> = shared.collect();
    for (status, mut codes) in by_status {
        let common = COMMON.iter().find(|common| common.status == status);
        codes.extend(common.iter().flat_map(|common| common.codes));
        answers.insert(status.to_string(), response(&codes, common).into());
    }
    answers
}

/// An answer with one of these codes, or with the gateway's words.
fn response(codes: &[ErrorCode], common: Option<&Common>) -> Response {
    let mut description = String::new();
    let mut response = ResponseBuilder::new();
    if !codes.is_empty() {
        response = response.content(Problem::CONTENT_TYPE, Content::new(Some(problem_of(codes))));
        description.push_str("Refused, with one of these codes:\n");
        for code in codes {
            // Writing to a text cannot fail.
            let _ = write!(description, "\n- `{code}`: {}", code.sentence());
        }
    }
    if let Some(common) = common {
        let separator = if codes.is_empty() { "" } else { "\n\n" };
        let _ = write!(description, "{separator}The gateway: {}", common.gateway);
        let said = Ref::from_schema_name(GatewayAnswer::name());
        response = response.content("application/json", Content::new(Some(said)));
    }
    response.description(description).build()
}

/// A problem whose code is one of these.
fn problem_of(codes: &[ErrorCode]) -> Schema {
    let names = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(codes.iter().map(|code| code.as_str())));
    let narrowed = ObjectBuilder::new().property("code", names);
    AllOfBuilder::new().item(Ref::from_schema_name(Problem::name())).item(narrowed).into()
}

/// Declares what a call refuses with, besides what any call may be answered: an entry for the `responses` of
/// `utoipa::path`.
macro_rules! refusals {
    ($name:ident: $($code:ident),* $(,)?) => {
        pub(crate) enum $name {}

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::openapi::answers::refused_with(&[$(pipeline::code::ErrorCode::$code),*])
            }
        }
    };
}

pub(crate) use refusals;
