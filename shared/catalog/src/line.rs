//! Finds the line of a catalogue file in which something is declared. Only errors ask for it, so that the text is
//! read once more rather than kept with every model.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

#[derive(Deserialize)]
struct Places {
    tenancy: Option<Spanned<IgnoredAny>>,
    handover: Option<Spanned<IgnoredAny>>,
    #[serde(default)]
    model: Vec<ModelPlaces>,
}

#[derive(Deserialize)]
struct ModelPlaces {
    name: Spanned<String>,
    #[serde(default)]
    fields: IndexMap<String, Spanned<IgnoredAny>>,
}

/// The line, counted from 1, of a table, of a model, or of a field as `MODEL.FIELD`. Of a model that is declared
/// twice it is the second.
pub(crate) fn of(text: &str, at: &str) -> Option<usize> {
    let places: Places = toml::from_str(text).ok()?;
    let start = match at {
        "tenancy" => places.tenancy?.span().start,
        "handover" => places.handover?.span().start,
        _ => places.model.iter().rev().find_map(|model| model.start(at))?,
    };
    Some(text.get(..start)?.matches('\n').count() + 1)
}

impl ModelPlaces {
    fn start(&self, at: &str) -> Option<usize> {
        let rest = at.strip_prefix(self.name.get_ref().as_str())?;
        if rest.is_empty() {
            return Some(self.name.span().start);
        }
        Some(self.fields.get(rest.strip_prefix('.')?)?.span().start)
    }
}
