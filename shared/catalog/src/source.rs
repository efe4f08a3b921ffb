//! From the text of a catalogue file to models.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Deserialize;
use strum::VariantNames as _;

use crate::declaration::{self, FieldDeclaration, Shape};
use crate::error::did_you_mean;
use crate::handover::HandoverSource;
use crate::{
    Automatic, AutomaticValue, Catalog, CatalogError, Comparator, DeletionMark, Field, FieldKind, FieldPath,
    Key, Model, ModelId, Parts, RetainedValues, Rule, Sanitize, Scope, SiloKind, Tenancy, UniqueSet,
};

/// The file as it is written; README.md explains each word.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogSource {
    #[serde(default)]
    outside: Vec<String>,
    #[serde(default)]
    removed: Vec<String>,
    #[serde(default)]
    reserved_slugs: Vec<String>,
    #[serde(default)]
    known_options: HashMap<String, Vec<String>>,
    tenancy: Option<TenancySource>,
    handover: Option<HandoverSource>,
    model: Vec<ModelSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelSource {
    name: String,
    table: Option<String>,
    silo: SiloKind,
    scope: Scope,
    #[serde(default)]
    global_when: Vec<String>,
    #[serde(default)]
    unique: Vec<UniqueSource>,
    ordinal: Option<Vec<String>>,
    identifier: Option<String>,
    #[serde(default)]
    dangling: bool,
    #[serde(default)]
    used_by: Vec<String>,
    #[serde(default)]
    privileged: Vec<String>,
    grants_privilege: Option<String>,
    stays_outside_global: Option<RetainedValues>,
    deletion: Option<DeletionMark>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    automatic: Vec<AutomaticSource>,
    #[serde(default)]
    registered: Vec<AutomaticSource>,
    #[serde(default)]
    compare: IndexMap<String, String>,
    #[serde(default)]
    sanitize: IndexMap<String, String>,
    fields: IndexMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UniqueSource {
    fields: Vec<String>,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default)]
    when: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenancySource {
    user: String,
    user_address: String,
    organization: String,
    member_user: String,
    member_organization: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AutomaticSource {
    model: String,
    #[serde(default)]
    unless_taken: bool,
    #[serde(default)]
    outside_global: bool,
    fields: IndexMap<String, String>,
}

/// Names of models by position, so that keys can lead to any of them.
struct Names<'a> {
    ids: HashMap<String, ModelId>,
    outside: &'a [String],
}

impl Names<'_> {
    fn find(&self, at: &str, name: &str) -> Result<ModelId, CatalogError> {
        self.ids.get(name).copied().ok_or_else(|| {
            let advice = did_you_mean(name, self.ids.keys().map(String::as_str));
            CatalogError::declaration(at, format!("`{name}` is no model of this catalogue{advice}"))
        })
    }

    /// The target of a key: a model of the catalogue, or one that is declared to be outside of it.
    fn target(&self, at: &str, name: &str) -> Result<Option<ModelId>, CatalogError> {
        if self.outside.iter().any(|outside| outside == name) {
            return Ok(None);
        }
        self.find(at, name)
            .map(Some)
            .map_err(|error| error.adding("; a model whose rows are kept elsewhere is listed in `outside`"))
    }

    /// `app.model.field` as its two halves.
    fn field_of(&self, at: &str, path: &str) -> Result<FieldPath, CatalogError> {
        let (model, field) =
            path.rsplit_once('.').filter(|(model, _)| model.contains('.')).ok_or_else(|| {
                let problem = format!("`{path}` is no MODEL.FIELD, such as `app.user.email`");
                CatalogError::declaration(at, problem)
            })?;
        Ok(FieldPath { model: self.find(at, model)?, field: field.to_owned() })
    }
}

/// Reads the models and what filters look at. The handover is about whole models, and read when they hold.
pub(crate) fn read(text: &str) -> Result<(Catalog, Option<HandoverSource>), CatalogError> {
    let source: CatalogSource = toml::from_str(text).map_err(|error| CatalogError::Toml(Box::new(error)))?;
    let mut ids = HashMap::new();
    for (index, model) in source.model.iter().enumerate() {
        let id = u16::try_from(index).map_err(|_| {
            CatalogError::inconsistent(&model.name, "a catalogue holds at most 65,536 models")
        })?;
        if ids.insert(model.name.clone(), ModelId(id)).is_some() {
            return Err(CatalogError::inconsistent(&model.name, "the model is declared twice"));
        }
    }
    let names = Names { ids, outside: &source.outside };
    let tenancy = source.tenancy.map(|tenancy| read_tenancy(&tenancy, &names)).transpose()?;
    let models = source.model.into_iter().map(|model| read_model(model, &names)).collect::<Result<_, _>>()?;
    let catalog = Catalog::assemble(Parts {
        models,
        removed: source.removed.into_iter().collect(),
        reserved_slugs: source.reserved_slugs.into_iter().collect(),
        known_options: source.known_options,
        tenancy,
    });
    Ok((catalog, source.handover))
}

fn read_tenancy(source: &TenancySource, names: &Names<'_>) -> Result<Tenancy, CatalogError> {
    let path = |path: &str| names.field_of("tenancy", path);
    Ok(Tenancy {
        user: path(&source.user)?,
        user_address: path(&source.user_address)?,
        organization: path(&source.organization)?,
        member_user: path(&source.member_user)?,
        member_organization: path(&source.member_organization)?,
    })
}

fn read_model(source: ModelSource, names: &Names<'_>) -> Result<Model, CatalogError> {
    let at = source.name.as_str();
    let mut fields = IndexMap::new();
    let mut keys = Vec::new();
    for (name, declared) in &source.fields {
        let field = read_field(&format!("{at}.{name}"), name, declared, names, &mut keys)?;
        fields.insert(name.clone(), field);
    }
    Ok(Model {
        id: names.find(at, at)?,
        table: source.table.unwrap_or_else(|| source.name.replace('.', "_")),
        silo: source.silo,
        scope: source.scope,
        global_when: source.global_when,
        fields,
        keys,
        uniques: source.unique.into_iter().map(|unique| read_unique(at, unique)).collect::<Result<_, _>>()?,
        ordinal: source.ordinal,
        identifier: source.identifier,
        rules: source.rules.iter().map(|rule| Rule::parse(at, rule)).collect::<Result<_, _>>()?,
        automatic: read_automatics(at, source.automatic, names)?,
        registered: read_automatics(at, source.registered, names)?,
        comparators: source
            .compare
            .iter()
            .map(|(field, words)| Ok((field.clone(), read_comparators(at, words)?)))
            .collect::<Result<_, _>>()?,
        sanitize: source
            .sanitize
            .iter()
            .map(|(field, word)| Ok((field.clone(), Sanitize::parse(&format!("{at}.{field}"), word)?)))
            .collect::<Result<_, _>>()?,
        dangling: source.dangling,
        used_by: source.used_by.iter().map(|path| names.field_of(at, path)).collect::<Result<_, _>>()?,
        privileged: source.privileged,
        grants_privilege: source.grants_privilege,
        stays_outside_global: source.stays_outside_global,
        deletion: source.deletion,
        name: source.name,
    })
}

fn read_field(
    at: &str,
    name: &str,
    declared: &str,
    names: &Names<'_>,
    keys: &mut Vec<Key>,
) -> Result<Field, CatalogError> {
    let FieldDeclaration { shape, nullable, default } = declaration::field(at, declared)?;
    if let Some(AutomaticValue::ParentPk | AutomaticValue::ParentField(_)) = default {
        let problem =
            "`pk` and `field(NAME)` are of the row that another one is made with: a default has none";
        return Err(CatalogError::declaration(at, problem));
    }
    let kind = match shape {
        Shape::Plain(kind) => kind,
        Shape::Key { target, kind, on_delete } => {
            keys.push(Key {
                field: name.to_owned(),
                target: names.target(at, &target)?,
                target_name: target,
                kind,
                nullable,
                on_delete,
            });
            FieldKind::Key(keys.len() - 1)
        }
    };
    Ok(Field { kind, nullable, default })
}

fn read_unique(at: &str, source: UniqueSource) -> Result<UniqueSet, CatalogError> {
    let when = source.when.iter().map(|text| declaration::condition(at, text)).collect::<Result<_, _>>()?;
    Ok(UniqueSet { fields: source.fields, ignore_case: source.ignore_case, when })
}

fn read_automatics(
    at: &str,
    sources: Vec<AutomaticSource>,
    names: &Names<'_>,
) -> Result<Vec<Automatic>, CatalogError> {
    sources.into_iter().map(|source| read_automatic(at, source, names)).collect()
}

fn read_automatic(at: &str, source: AutomaticSource, names: &Names<'_>) -> Result<Automatic, CatalogError> {
    let fields = source
        .fields
        .into_iter()
        .map(|(field, text)| Ok((field, declaration::value(at, &text)?)))
        .collect::<Result<_, _>>()?;
    Ok(Automatic {
        model: names.find(at, &source.model)?,
        unless_taken: source.unless_taken,
        outside_global: source.outside_global,
        fields,
    })
}

fn read_comparators(at: &str, words: &str) -> Result<Vec<Comparator>, CatalogError> {
    words.split_whitespace().map(|word| read_comparator(at, word)).collect()
}

fn read_comparator(at: &str, word: &str) -> Result<Comparator, CatalogError> {
    word.parse().map_err(|_| {
        let advice = did_you_mean(word, Comparator::VARIANTS.iter().copied());
        CatalogError::declaration(at, format!("`{word}` is no comparator{advice}"))
    })
}
