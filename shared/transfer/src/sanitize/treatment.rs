//! How every field is sanitised: by its name and type, unless the catalogue says otherwise.

use catalog::{Catalog, Field, FieldKind, Model, Sanitize};
use indexmap::IndexMap;

/// How one field is sanitised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It stays: a key, a number, or text that says nothing about anybody.
    Keep(FieldKind),
    /// A date.
    Date,
    /// A text with this form, which is replaced.
    Formed(Form),
    /// What the catalogue says.
    Declared(Sanitize, FieldKind),
}

/// The form that a replaced text has by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Ip,
    Uuid,
}

/// How each field of each model is sanitised.
#[derive(Debug)]
pub(crate) struct Treatments<'a> {
    catalog: &'a Catalog,
    models: Vec<IndexMap<&'a str, Treatment>>,
}

impl<'a> Treatments<'a> {
    pub(crate) fn new(catalog: &'a Catalog) -> Self {
        let of_model = |model: &'a Model| {
            let fields = model.fields.iter();
            fields.map(|(name, field)| (name.as_str(), treatment(model, name, field))).collect()
        };
        Self { catalog, models: catalog.models().iter().map(of_model).collect() }
    }

    /// The model of this name, if its rows relocate, and how its fields are sanitised.
    pub(crate) fn of(&self, name: &str) -> Option<(&'a Model, &IndexMap<&'a str, Treatment>)> {
        let model = self.catalog.find(name).filter(|model| model.relocates())?;
        Some((model, self.models.get(model.id.index())?))
    }
}

fn treatment(model: &Model, name: &str, field: &Field) -> Treatment {
    if let Some(declared) = model.sanitize.get(name) {
        return Treatment::Declared(declared.clone(), field.kind);
    }
    match field.kind {
        FieldKind::Date => Treatment::Date,
        FieldKind::Ip => Treatment::Formed(Form::Ip),
        FieldKind::Uuid => Treatment::Formed(Form::Uuid),
        FieldKind::Text(_) => match by_name(name) {
            Some(way) => Treatment::Declared(way, field.kind),
            None => Treatment::Keep(field.kind),
        },
        kind => Treatment::Keep(kind),
    }
}

/// What a text is sanitised for by its name alone, in every model (SPEC §13, "Always").
fn by_name(field: &str) -> Option<Sanitize> {
    let is_name = matches!(field, "name" | "slug" | "email") || field.ends_with("_email");
    let is_location = ["url", "uri", "guid", "uuid"].iter().any(|ending| field.ends_with(ending));
    let is_secret = ["password", "token", "secret"].iter().any(|word| field.contains(word));
    match () {
        () if is_name => Some(Sanitize::Name),
        () if is_location || is_secret => Some(Sanitize::Text),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_decide_where_the_catalogue_says_nothing() {
        let catalog = Catalog::parse(
            r#"
            [[model]]
            name = "shop.customer"
            silo = "control"
            scope = "user"
            sanitize = { notes = "mentions", token_kind = "mentions" }
            [model.fields]
            name          = "text"
            slug          = "text"
            email         = "text"
            billing_email = "text"
            homepage_url  = "text"
            return_uri    = "text"
            return_uris   = "text"
            guid          = "text"
            uuid          = "uuid"
            address       = "ip"
            joined        = "date"
            password      = "text"
            old_token     = "text"
            token_kind    = "text"
            client_secret = "text"
            is_secret     = "bool"
            token_expires = "date"
            owner_email   = "int"
            notes         = "any"
            rank          = "int"
            colour        = "text"
            "#,
        )
        .unwrap();
        let treatments = Treatments::new(&catalog);
        let (_, fields) = treatments.of("shop.customer").unwrap();
        let text = |way| Treatment::Declared(way, FieldKind::Text(None));
        for (field, expected) in [
            ("name", text(Sanitize::Name)),
            ("slug", text(Sanitize::Name)),
            ("email", text(Sanitize::Name)),
            ("billing_email", text(Sanitize::Name)),
            ("homepage_url", text(Sanitize::Text)),
            ("return_uri", text(Sanitize::Text)),
            ("return_uris", Treatment::Keep(FieldKind::Text(None))),
            ("guid", text(Sanitize::Text)),
            ("uuid", Treatment::Formed(Form::Uuid)),
            ("address", Treatment::Formed(Form::Ip)),
            ("joined", Treatment::Date),
            ("password", text(Sanitize::Text)),
            ("old_token", text(Sanitize::Text)),
            ("token_kind", text(Sanitize::Mentions)),
            ("client_secret", text(Sanitize::Text)),
            ("is_secret", Treatment::Keep(FieldKind::Bool)),
            ("token_expires", Treatment::Date),
            ("owner_email", Treatment::Keep(FieldKind::Int)),
            ("notes", Treatment::Declared(Sanitize::Mentions, FieldKind::Any)),
            ("rank", Treatment::Keep(FieldKind::Int)),
            ("colour", Treatment::Keep(FieldKind::Text(None))),
        ] {
            assert_eq!(fields.get(field), Some(&expected), "{field}");
        }
    }
}
