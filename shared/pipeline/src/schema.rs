//! Schemas of the closed sets that are written as names, for the description of the HTTP API. Those of structures are
//! derived where they are declared.

use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

/// A schema of a text that is one of these names, each with what it means; the description lists them.
pub(crate) fn names<M: AsRef<str>>(about: &str, names: &[(&str, M)]) -> Object {
    let lines = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
    let meanings = names.iter().map(|(name, meaning)| format!("\n- `{name}`: {}", lines(meaning.as_ref())));
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("{}\n{}", lines(about), meanings.collect::<String>())))
        .enum_values(Some(names.iter().map(|(name, _)| *name)))
        .build()
}

/// Gives a set its schema: the set, what it is, and an array of its names with their meanings.
macro_rules! of_names {
    ($set:ident, $about:expr, $names:expr) => {
        impl utoipa::PartialSchema for $set {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::schema::names($about, &$names).into()
            }
        }

        impl utoipa::ToSchema for $set {}
    };
}

pub(crate) use of_names;
