//! The API's description (OpenAPI 3.1), made of what stands at the handlers and of the types they take and give.
//!
//! A call is described where it is served, in `calls`; it is named in the list below, too. A test compares this
//! with the router, so that neither can be forgotten.

pub(crate) mod answers;
pub(crate) mod parameters;

use pipeline::api::Problem;
use utoipa::openapi::schema::{Object, Schema};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi as Document, RefOr, Server};
use utoipa::{Modify, OpenApi};

use crate::calls;

/// The tags, by which readers find a call.
pub(crate) mod tag {
    pub(crate) const RELOCATIONS: &str = "Relocations";
    pub(crate) const UPLOAD: &str = "Upload";
    pub(crate) const STEERING: &str = "Steering";
    pub(crate) const UNDO: &str = "Undo";
    pub(crate) const INSPECTION: &str = "Inspection";
    pub(crate) const DELETION: &str = "Deletion";
    pub(crate) const CELL: &str = "Cell";
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Relocation", description = include_str!("about.md")),
    paths(
        calls::list::list,
        calls::create::create,
        calls::show::show,
        calls::upload::show,
        calls::upload::complete,
        calls::upload::abandon,
        calls::steer::pause,
        calls::steer::unpause,
        calls::steer::cancel,
        calls::steer::abort,
        calls::steer::recover,
        calls::retry::retry,
        calls::undo::show,
        calls::undo::ask,
        calls::undo::accept,
        calls::artifacts::list,
        calls::artifacts::show,
        calls::audit::show,
        calls::deletions::list,
        calls::deletions::schedule,
        calls::deletions::show,
        calls::deletions::cancel,
        calls::cascades::list,
        calls::options::list,
        calls::options::show,
        calls::options::set,
        calls::public_key::show,
        calls::description::show,
    ),
    components(schemas(Problem, answers::GatewayAnswer)),
    security(("token" = [])),
    tags(
        (name = tag::RELOCATIONS, description = "Ask for a relocation, and see how it fares."),
        (name = tag::UPLOAD, description = "Send the file of a relocation in parts, straight to storage."),
        (name = tag::STEERING, description = "What staff do to a relocation on its way."),
        (name = tag::UNDO, description = "Take back what a relocation brought, or settle that it stays."),
        (name = tag::INSPECTION, description = "What a relocation left behind, for staff."),
        (name = tag::DELETION, description = "Delete rows of the cell or of control, with what depends on them."),
        (name = tag::CELL, description = "What holds for the whole cell."),
    ),
    modifiers(&Rest),
)]
struct Described;

/// The document.
pub(crate) fn document() -> Document {
    Described::openapi()
}

/// What the macro has no words for.
struct Rest;

impl Modify for Rest {
    fn modify(&self, document: &mut Document) {
        document.servers = Some(vec![Server::new("/")]);
        let components = document.components.get_or_insert_default();
        components.responses.extend(answers::common());
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A token of the OpenID Connect issuer that the cell was deployed with."))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        require_what_is_always_there(components);
    }
}

/// What the API answers with is always whole: where there is nothing, a field is null. The derived schemas would
/// let it be missing. What calls take is named `…Request`, and stays as it is.
fn require_what_is_always_there(components: &mut Components) {
    let may_be_missing = [("RelocationView", "upload"), ("Problem", "field")];
    for (name, schema) in &mut components.schemas {
        if name.ends_with("Request") {
            continue;
        }
        for object in objects(schema) {
            let there = object
                .properties
                .keys()
                .filter(|field| !may_be_missing.iter().any(|(of, missing)| of == name && missing == field));
            object.required = there.cloned().collect();
        }
    }
}

/// The objects of a schema: itself, or those that it is one of.
fn objects(schema: &mut RefOr<Schema>) -> Vec<&mut Object> {
    match schema {
        RefOr::T(Schema::Object(object)) => vec![object],
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter_mut().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}
