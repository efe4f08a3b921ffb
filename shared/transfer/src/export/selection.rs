//! Which rows an export takes: what the scope and the filter name, and everything whose keys all lead to rows
//! that are taken (SPEC §8).

mod candidates;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use catalog::{Catalog, ImportScope, Key, Model, ModelId};
use serde_json::Value;
use silo::{Fields, Filter, Pk, Silo, Silos, Stored};

use super::{ExportError, ExportRequest, takes};

/// The rows of all models that are taken.
pub(crate) struct Selections {
    /// None: the export takes everything.
    rows: Option<HashMap<ModelId, Vec<Pk>>>,
}

/// The rows of one model that are taken.
pub(crate) enum Selection<'a> {
    /// All that the scope admits.
    All,
    /// These, ascending.
    These(&'a [Pk]),
}

impl Selections {
    pub(crate) fn of(&self, model: &Model) -> Selection<'_> {
        match &self.rows {
            None => Selection::All,
            Some(rows) => Selection::These(rows.get(&model.id).map(Vec::as_slice).unwrap_or_default()),
        }
    }
}

pub(crate) async fn select<S: Silo>(
    silos: Silos<'_, S>,
    request: &ExportRequest,
) -> Result<Selections, ExportError> {
    let mut selector = Selector::new(silos, request)?;
    if request.scope == ImportScope::Global {
        return Ok(Selections { rows: None });
    }
    for model in selector.order() {
        let mut candidates = selector.candidates(model).await?;
        while selector.next_rows(&mut candidates).await?.is_some() {}
    }
    let rows = selector.taken.into_iter().map(|(model, pks)| (model, pks.into_iter().collect())).collect();
    Ok(Selections { rows: Some(rows) })
}

/// Selects rows model by model, in an order in which what a model needs to know is known when its turn comes.
pub(crate) struct Selector<'a, S> {
    catalog: &'a Catalog,
    silos: Silos<'a, S>,
    request: &'a ExportRequest,
    taken: HashMap<ModelId, BTreeSet<Pk>>,
    /// Rows that belong to nobody: whether their own keys lead to rows that are taken.
    orphans: HashMap<(ModelId, Pk), bool>,
    /// Rows that belong to nobody and that rows of the present model were the first to need.
    brought: BTreeMap<ModelId, BTreeSet<Pk>>,
    /// Values that name rows of a model which relocates with the rows that use it.
    used_values: HashMap<ModelId, HashSet<String>>,
}

/// When a model's rows are selected. Within a stage it is done in dependency order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// By where their keys lead.
    Owned,
    /// They belong to nobody and come with the rows that use them.
    Used,
    /// All their keys lead to rows that belong to nobody.
    OfUsed,
}

impl<'a, S: Silo> Selector<'a, S> {
    pub(crate) fn new(silos: Silos<'a, S>, request: &'a ExportRequest) -> Result<Self, ExportError> {
        let catalog = silos.cell.catalog();
        if request.filter != Filter::All {
            if request.scope == ImportScope::Global {
                return Err(ExportError::FilteredGlobal);
            }
            catalog.tenancy().ok_or(ExportError::NoTenancy)?;
        }
        Ok(Self {
            catalog,
            silos,
            request,
            taken: HashMap::new(),
            orphans: HashMap::new(),
            brought: BTreeMap::new(),
            used_values: HashMap::new(),
        })
    }

    /// The models that the scope admits, in the order in which their rows are to be selected.
    pub(crate) fn order(&self) -> Vec<&'a Model> {
        let admitted = || self.catalog.models().iter().filter(|model| model.admitted_by(self.request.scope));
        let in_stage = |stage| admitted().filter(move |model| self.stage(model) == stage);
        [Stage::Owned, Stage::Used, Stage::OfUsed].into_iter().flat_map(in_stage).collect()
    }

    fn stage(&self, model: &Model) -> Stage {
        let leads_to_orphans =
            |key: &Key| key.target.is_some_and(|target| self.catalog.model(target).dangling);
        if self.request.scope == ImportScope::Global {
            // Everything comes along, whoever uses it.
            Stage::Owned
        } else if model.dangling {
            Stage::Used
        } else if !model.keys.is_empty() && model.keys.iter().all(leads_to_orphans) {
            Stage::OfUsed
        } else {
            Stage::Owned
        }
    }

    /// Whether rows of `model` take along the rows of `target` that their keys lead to.
    pub(crate) fn brings_along(&self, model: &Model, target: &Model) -> bool {
        self.stage(target) == Stage::Used
            && self.stage(model) == Stage::Owned
            && model.keys.iter().any(|key| key.target == Some(target.id))
    }

    /// For each model whose rows belong to nobody: those that rows which were taken since the last time were the
    /// first to need.
    pub(crate) fn take_brought(&mut self) -> BTreeMap<ModelId, BTreeSet<Pk>> {
        std::mem::take(&mut self.brought)
    }

    /// Takes those of the rows that the scope admits and whose keys all lead to rows that are taken.
    async fn admit(&mut self, model: &Model, rows: Vec<Stored>) -> Result<Vec<Stored>, ExportError> {
        let mut admitted = Vec::with_capacity(rows.len());
        for stored in rows {
            if takes(model, self.request.scope, &stored.row.fields) && self.keys_lead(model, &stored).await? {
                self.take(model, stored.row.pk, &stored.row.fields);
                admitted.push(stored);
            }
        }
        Ok(admitted)
    }

    async fn keys_lead(&mut self, model: &Model, stored: &Stored) -> Result<bool, ExportError> {
        for key in &model.keys {
            let Some(pk) = stored.row.key(&key.field) else { continue };
            if model.tolerates_missing(&key.field) {
                continue;
            }
            let target = key.target.map(|target| self.catalog.model(target));
            let leads = match target {
                _ if self.request.scope == ImportScope::Global => self.leads_nowhere_new(target, pk).await?,
                None => false,
                Some(target) if self.stage(model) == Stage::Owned && target.dangling => {
                    self.orphan_leads(target, pk).await?
                }
                Some(target) => self.is_taken(target.id, pk),
            };
            if !leads {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Everything is taken, also rows whose keys lead nowhere; but not those of a row that came into being when
    /// the rows of its model had been taken already.
    async fn leads_nowhere_new(&self, target: Option<&Model>, pk: Pk) -> Result<bool, ExportError> {
        match target {
            Some(target) if target.relocates() && !self.is_taken(target.id, pk) => {
                let found = self.rows(target, &[pk]).await?;
                Ok(!found.iter().any(|stored| takes(target, self.request.scope, &stored.row.fields)))
            }
            _ => Ok(true),
        }
    }

    /// Whether a row that belongs to nobody could come along: its own keys lead to rows that are taken.
    async fn orphan_leads(&mut self, model: &Model, pk: Pk) -> Result<bool, ExportError> {
        if self.is_taken(model.id, pk) {
            return Ok(true);
        }
        if let Some(leads) = self.orphans.get(&(model.id, pk)) {
            return Ok(*leads);
        }
        let rows = self.rows(model, &[pk]).await?;
        let leads = rows.first().is_some_and(|stored| self.comes_along(model, stored));
        self.orphans.insert((model.id, pk), leads);
        Ok(leads)
    }

    fn comes_along(&self, model: &Model, orphan: &Stored) -> bool {
        model.keys.iter().all(|key| {
            let target = orphan.row.key(&key.field);
            target.is_none_or(|pk| key.target.is_some_and(|model| self.is_taken(model, pk)))
        })
    }

    /// Rows that belong to nobody, which were found to come along a moment ago.
    ///
    /// # Errors
    /// One of them does so no longer, or the store failed.
    pub(crate) async fn still_coming(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Stored>, ExportError> {
        let mut rows = self.rows(model, pks).await?;
        rows.retain(|stored| self.comes_along(model, stored));
        let found: HashSet<Pk> = rows.iter().map(|stored| stored.row.pk).collect();
        match pks.iter().find(|pk| !found.contains(pk)) {
            None => Ok(rows),
            Some(pk) => Err(ExportError::Changed { model: model.name.clone(), pk: *pk }),
        }
    }

    fn is_taken(&self, model: ModelId, pk: Pk) -> bool {
        self.taken.get(&model).is_some_and(|pks| pks.contains(&pk))
    }

    /// Notes that a row is taken, and what comes along with it.
    pub(crate) fn take(&mut self, model: &Model, pk: Pk, fields: &Fields) {
        self.taken.entry(model.id).or_default().insert(pk);
        for key in &model.keys {
            if let (Some(target), Some(pk)) = (key.target, fields.get(&key.field).and_then(Value::as_i64))
                && self.brings_along(model, self.catalog.model(target))
                && self.taken.entry(target).or_default().insert(pk)
            {
                self.brought.entry(target).or_default().insert(pk);
            }
        }
        for used in self.catalog.models() {
            for path in used.used_by.iter().filter(|path| path.model == model.id) {
                if let Some(value) = fields.get(&path.field).and_then(Value::as_str) {
                    self.used_values.entry(used.id).or_default().insert(value.to_owned());
                }
            }
        }
    }
}
