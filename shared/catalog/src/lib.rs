#![doc = include_str!("../README.md")]

mod check;
mod declaration;
mod error;
mod handover;
mod line;
mod model;
mod rule;
mod sanitize;
mod source;
mod tenancy;

pub use error::CatalogError;
pub use handover::{CLAIM_HASH_LENGTH, Claim, Handover, Shown};
pub use model::{
    Automatic, AutomaticValue, Comparator, Condition, DeletionMark, Field, FieldKind, FieldPath, ImportScope,
    Key, KeyKind, Model, ModelId, OnDelete, RetainedValues, Scope, SiloKind, UniqueSet,
};
pub use rule::Rule;
pub use sanitize::Sanitize;
pub use tenancy::Tenancy;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

/// Every model that the product knows, in dependency order, with the tables that rules look things up in.
///
/// A catalogue is checked whole when it is loaded, so that the engine never meets a rule, a key or a field
/// that does not exist.
#[derive(Debug)]
pub struct Catalog {
    models: Vec<Model>,
    by_name: HashMap<String, ModelId>,
    removed: HashSet<String>,
    reserved_slugs: HashSet<String>,
    known_options: HashMap<String, Vec<String>>,
    tenancy: Option<Tenancy>,
    handover: Option<Handover>,
}

/// What a catalogue is put together from.
pub(crate) struct Parts {
    pub(crate) models: Vec<Model>,
    pub(crate) removed: HashSet<String>,
    pub(crate) reserved_slugs: HashSet<String>,
    pub(crate) known_options: HashMap<String, Vec<String>>,
    pub(crate) tenancy: Option<Tenancy>,
}

impl Catalog {
    /// The catalogue this product ships: the models of `sentry.toml`.
    pub fn builtin() -> Arc<Catalog> {
        static BUILTIN: LazyLock<Arc<Catalog>> = LazyLock::new(|| match Catalog::parse(SENTRY) {
            Ok(catalog) => Arc::new(catalog),
            Err(error) => builtin_is_broken(&error),
        });
        Arc::clone(&BUILTIN)
    }

    /// Reads a catalogue from the text of a catalogue file (TOML, described in this crate's README).
    ///
    /// # Errors
    /// The first thing that does not hold, with the model and field it was found in.
    pub fn parse(text: &str) -> Result<Catalog, CatalogError> {
        let read = || {
            let (mut catalog, handover) = source::read(text)?;
            check::check(&catalog)?;
            catalog.handover = handover.map(|handover| handover.read(&catalog)).transpose()?;
            Ok(catalog)
        };
        read().map_err(|error: CatalogError| error.located(|at| line::of(text, at)))
    }

    /// All models, in dependency order.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model with this id. Ids come from the same catalogue; one of another catalogue may name a
    /// different model.
    pub fn model(&self, id: ModelId) -> &Model {
        match self.models.get(id.index()) {
            Some(model) => model,
            None => foreign_id(id),
        }
    }

    /// The model with this name, such as `sentry.project`.
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.by_name.get(name).map(|id| self.model(*id))
    }

    /// Whether newer versions of the application dropped this model (SPEC §7, "Fields and models that newer
    /// versions dropped").
    pub fn is_removed_model(&self, name: &str) -> bool {
        self.removed.contains(name)
    }

    /// Whether newer versions of the application dropped this field of a model.
    pub fn is_removed_field(&self, model: &str, field: &str) -> bool {
        self.removed.contains(&format!("{model}.{field}"))
    }

    /// Whether an organisation may not have this slug because it would shadow a path (SPEC §7,
    /// organization).
    pub fn is_reserved_slug(&self, slug: &str) -> bool {
        self.reserved_slugs.contains(slug)
    }

    /// The values that a user option of this name may have; none if it may have any (SPEC §7, useroption).
    pub fn known_options(&self, option: &str) -> Option<&[String]> {
        self.known_options.get(option).map(Vec::as_slice)
    }

    /// What filters by user and organisation look at; a catalogue without users has none.
    pub fn tenancy(&self) -> Option<&Tenancy> {
        self.tenancy.as_ref()
    }

    /// What the tasks after an import do with what it brought; a catalogue that no cell works with may say nothing
    /// of it. One that does has [`Catalog::tenancy`] too.
    pub fn handover(&self) -> Option<&Handover> {
        self.handover.as_ref()
    }

    pub(crate) fn assemble(parts: Parts) -> Catalog {
        let Parts { models, removed, reserved_slugs, known_options, tenancy } = parts;
        let by_name = models.iter().map(|model| (model.name.clone(), model.id)).collect();
        Catalog { models, by_name, removed, reserved_slugs, known_options, tenancy, handover: None }
    }
}

const SENTRY: &str = include_str!("../sentry.toml");

#[expect(clippy::panic, reason = "the shipped catalogue is part of the program and is loaded by its tests")]
fn builtin_is_broken(error: &CatalogError) -> ! {
    panic!("the built-in catalogue does not load: {error}")
}

#[expect(
    clippy::panic,
    reason = "ids are only made by a catalogue; mixing two catalogues is a bug of the caller"
)]
fn foreign_id(id: ModelId) -> ! {
    panic!("model id {id:?} belongs to another catalogue")
}
