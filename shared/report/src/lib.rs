#![doc = include_str!("../README.md")]

mod about;
mod causes;
mod counts;
mod json;
mod listing;
mod page;
mod text;
mod words;

use catalog::Catalog;
use transfer::import::{ImportReport, PkMap};

pub use about::About;
pub use json::Json;
pub use page::{LISTED_ON_PAGE_MAX, RenderError};
pub use text::{Detail, LISTED_IN_BRIEF_MAX, Text};

/// What an import did, or a rehearsed one would do, ready to be told in any form.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    catalog: &'a Catalog,
    about: &'a About,
    import: &'a ImportReport,
}

impl<'a> Report<'a> {
    /// A report of an import of models of this catalogue, and what is to be told of the import as a whole.
    pub fn new(catalog: &'a Catalog, about: &'a About, import: &'a ImportReport) -> Self {
        Self { catalog, about, import }
    }

    /// For a terminal.
    pub fn text(self, detail: Detail) -> Text<'a> {
        Text { report: self, detail }
    }

    /// For machines; with a map also the primary key of every row.
    pub fn json(self, pk_map: Option<&'a PkMap>) -> Json<'a> {
        Json::new(self, pk_map)
    }

    /// A page of its own, as HTML.
    ///
    /// # Errors
    /// The page cannot be filled in.
    pub fn html(self) -> Result<String, RenderError> {
        page::render(self)
    }
}
