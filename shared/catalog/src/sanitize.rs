//! What becomes of a field when an export is sanitised (SPEC §13).

use crate::declaration::Call;
use crate::{CatalogError, FieldKind, Model};

/// How a field is sanitised, where its name and type do not say so already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sanitize {
    /// `name`: text that is replaced, and that other texts mention.
    Name,
    /// `text`: text that is replaced.
    Text,
    /// `mentions`: stays, but for what it mentions: names, and what `addresses` replaces.
    Mentions,
    /// `addresses`: stays, but for e-mail addresses, IP addresses, UUIDs and long hexadecimal numbers in it.
    Addresses,
    /// `empty`: emptied.
    Empty,
    /// `sha256-of(field)`: the hash of what that field becomes, in lower-case hexadecimal digits.
    Sha256Of(String),
    /// `end-of(field)`: as many last characters of what that field becomes.
    EndOf(String),
}

impl Sanitize {
    pub(crate) fn parse(at: &str, text: &str) -> Result<Self, CatalogError> {
        let Call { name, args } = Call::parse(at, text)?;
        Ok(match (name, args.as_slice()) {
            ("name", []) => Self::Name,
            ("text", []) => Self::Text,
            ("mentions", []) => Self::Mentions,
            ("addresses", []) => Self::Addresses,
            ("empty", []) => Self::Empty,
            ("sha256-of", [field]) => Self::Sha256Of((*field).to_owned()),
            ("end-of", [field]) => Self::EndOf((*field).to_owned()),
            _ => return Err(CatalogError::declaration(at, format!("`{text}` is no way to sanitise"))),
        })
    }

    /// What keeps a field from being sanitised so; nothing if it can be.
    pub(crate) fn problem(&self, model: &Model, field: &str) -> Option<String> {
        let is_text = |name: &str| {
            model.field(name).is_some_and(|declared| matches!(declared.kind, FieldKind::Text(_)))
        };
        let is_any = model
            .field(field)
            .is_some_and(|declared| matches!(declared.kind, FieldKind::Json | FieldKind::Any));
        let is_unique = model.uniques.iter().any(|set| set.fields.iter().any(|name| name == field));
        match self {
            Self::Name | Self::Text if !is_text(field) => {
                Some(format!("`{field}` is replaced but is no text"))
            }
            Self::Mentions | Self::Addresses | Self::Empty if !is_text(field) && !is_any => {
                Some(format!("`{field}` is neither text nor JSON"))
            }
            // Two values that differ may come out equal: only replacing a text as a whole keeps them apart.
            Self::Mentions | Self::Addresses | Self::Empty if is_unique => {
                Some(format!("`{field}` would not stay unique"))
            }
            Self::Sha256Of(source) | Self::EndOf(source) if !is_text(field) || !is_text(source) => {
                Some(format!("`{field}` is to follow from `{source}`, and one of them is no text"))
            }
            _ => None,
        }
    }
}
