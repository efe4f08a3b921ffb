//! Which rows an export takes: what the scope and the filter name, and everything whose keys all lead to rows
//! that are taken (SPEC §8).

use std::collections::{BTreeSet, HashMap, HashSet};

use catalog::{Catalog, FieldPath, ImportScope, Key, Model, ModelId, Tenancy};
use serde_json::Value;
use silo::{Fields, Filter, Page, Pk, Silo, Silos, StoreError, Stored, UniqueKey};

use super::{ExportError, ExportRequest, ROWS_PER_PAGE, failed, takes};

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
    if request.scope == ImportScope::Global && request.filter == Filter::All {
        return Ok(Selections { rows: None });
    }
    let catalog = silos.cell.catalog();
    let tenancy = catalog.tenancy().ok_or(ExportError::NoTenancy)?;
    let mut selector = Selector {
        catalog,
        tenancy,
        silos,
        request,
        taken: HashMap::new(),
        orphans: HashMap::new(),
        used_values: HashMap::new(),
    };
    selector.run().await?;
    let rows = selector.taken.into_iter().map(|(model, pks)| (model, pks.into_iter().collect())).collect();
    Ok(Selections { rows: Some(rows) })
}

struct Selector<'a, S> {
    catalog: &'a Catalog,
    tenancy: &'a Tenancy,
    silos: Silos<'a, S>,
    request: &'a ExportRequest,
    taken: HashMap<ModelId, BTreeSet<Pk>>,
    /// Rows that belong to nobody: whether their own keys lead to rows that are taken.
    orphans: HashMap<(ModelId, Pk), bool>,
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

impl<S: Silo> Selector<'_, S> {
    async fn run(&mut self) -> Result<(), ExportError> {
        for stage in [Stage::Owned, Stage::Used, Stage::OfUsed] {
            for model in self.catalog.models() {
                if model.admitted_by(self.request.scope) && self.stage(model) == stage {
                    self.select(model, stage).await?;
                }
            }
        }
        Ok(())
    }

    fn stage(&self, model: &Model) -> Stage {
        let leads_to_orphans =
            |key: &Key| key.target.is_some_and(|target| self.catalog.model(target).dangling);
        if model.dangling {
            Stage::Used
        } else if !model.keys.is_empty() && model.keys.iter().all(leads_to_orphans) {
            Stage::OfUsed
        } else {
            Stage::Owned
        }
    }

    async fn select(&mut self, model: &Model, stage: Stage) -> Result<(), ExportError> {
        if stage == Stage::Used {
            return self.select_used(model).await;
        }
        if let Some(pks) = self.named(model).await? {
            return self.consider_pks(model, pks).await;
        }
        match self.driver(model) {
            Some(key) => self.consider_referring(model, key).await,
            None => self.consider_all(model).await,
        }
    }

    /// The rows that the filter and the scope name themselves; none for models that they do not speak of.
    async fn named(&self, model: &Model) -> Result<Option<Vec<Pk>>, ExportError> {
        let Tenancy { user, organization, .. } = self.tenancy;
        let by_filter = match &self.request.filter {
            Filter::Usernames(names) if model.id == user.model => Some(self.holders(user, names).await?),
            Filter::OrganizationSlugs(slugs) if model.id == organization.model => {
                Some(self.holders(organization, slugs).await?)
            }
            Filter::OrganizationSlugs(_) if model.id == user.model => Some(self.members().await?),
            _ => None,
        };
        if self.request.scope != ImportScope::Config || model.privileged.is_empty() {
            return Ok(by_filter);
        }
        let privileged = self.privileged(model).await?;
        Ok(Some(match by_filter {
            None => privileged.into_iter().collect(),
            Some(pks) => pks.into_iter().filter(|pk| privileged.contains(pk)).collect(),
        }))
    }

    /// The rows whose field has exactly one of these values.
    async fn holders(&self, path: &FieldPath, values: &[String]) -> Result<Vec<Pk>, ExportError> {
        let model = self.catalog.model(path.model);
        let Some((position, set)) = model.unique_set(std::slice::from_ref(&path.field)) else {
            return Ok(Vec::new());
        };
        let key = |value: &String| {
            let fields: Fields = [(path.field.clone(), Value::from(value.as_str()))].into_iter().collect();
            UniqueKey::in_set(model, position, set, &fields)
        };
        let keys: Vec<UniqueKey> = values.iter().filter_map(key).collect();
        let holders = self.silos.of(model).holders(&keys).await.map_err(|source| failed(model, source))?;
        let pks: Vec<Pk> = holders.into_iter().flatten().collect();
        let wanted: HashSet<&str> = values.iter().map(String::as_str).collect();
        let exact = |stored: &Stored| {
            let value = stored.row.fields.get(&path.field).and_then(Value::as_str);
            value.is_some_and(|value| wanted.contains(value))
        };
        let rows = self.rows(model, &pks).await?;
        Ok(rows.into_iter().filter(exact).map(|stored| stored.row.pk).collect())
    }

    /// The members of the organisations that are taken.
    async fn members(&self) -> Result<Vec<Pk>, ExportError> {
        let Tenancy { organization, member_user, member_organization, .. } = self.tenancy;
        let model = self.catalog.model(member_user.model);
        let mut members = Vec::new();
        for pk in self.taken.get(&organization.model).into_iter().flatten() {
            for page in self.referring(model, &member_organization.field, *pk).await? {
                let rows = self.rows(model, &page).await?;
                members.extend(rows.iter().filter_map(|stored| stored.row.key(&member_user.field)));
            }
        }
        Ok(members)
    }

    /// The rows that have a global privilege, by their own fields or by a row that grants one.
    async fn privileged(&self, model: &Model) -> Result<HashSet<Pk>, ExportError> {
        let silo = self.silos.of(model);
        let mut privileged = HashSet::new();
        let mut after = None;
        loop {
            let page = silo.privileged(model, after, ROWS_PER_PAGE).await;
            let page = page.map_err(|source| failed(model, source))?;
            privileged.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        for granting in self.catalog.models() {
            let key = granting.grants_privilege.as_ref().and_then(|field| granting.key(field));
            let Some(key) = key.filter(|key| key.target == Some(model.id)) else { continue };
            let mut after = None;
            loop {
                let page = self.page(granting, after).await?;
                privileged.extend(page.items.iter().filter_map(|stored| stored.row.key(&key.field)));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(privileged)
    }

    /// The key by which the rows of a model are found from rows that are taken. Without a restriction all rows
    /// are looked at instead, which asks the store less often.
    fn driver<'m>(&self, model: &'m Model) -> Option<&'m Key> {
        if self.request.filter == Filter::All && self.request.scope != ImportScope::Config {
            return None;
        }
        let owned = |key: &&Key| {
            let target = key.target.map(|target| self.catalog.model(target));
            !key.nullable
                && target.is_some_and(|target| !target.dangling || self.stage(model) == Stage::OfUsed)
        };
        model.keys.iter().find(owned)
    }

    async fn consider_all(&mut self, model: &Model) -> Result<(), ExportError> {
        let mut after = None;
        loop {
            let page = self.page(model, after).await?;
            self.consider(model, page.items).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn consider_referring(&mut self, model: &Model, key: &Key) -> Result<(), ExportError> {
        let targets: Vec<Pk> =
            key.target.and_then(|target| self.taken.get(&target)).into_iter().flatten().copied().collect();
        for target in targets {
            for page in self.referring(model, &key.field, target).await? {
                self.consider_pks(model, page).await?;
            }
        }
        Ok(())
    }

    async fn consider_pks(&mut self, model: &Model, pks: Vec<Pk>) -> Result<(), ExportError> {
        for pks in pks.chunks(ROWS_PER_PAGE) {
            let rows = self.rows(model, pks).await?;
            self.consider(model, rows).await?;
        }
        Ok(())
    }

    /// Takes those of the rows that the scope admits and whose keys all lead to rows that are taken.
    async fn consider(&mut self, model: &Model, rows: Vec<Stored>) -> Result<(), ExportError> {
        for stored in rows {
            if takes(model, self.request.scope, &stored.row.fields) && self.keys_lead(model, &stored).await? {
                self.take(model, &stored);
            }
        }
        Ok(())
    }

    async fn keys_lead(&mut self, model: &Model, stored: &Stored) -> Result<bool, ExportError> {
        for key in &model.keys {
            let Some(pk) = stored.row.key(&key.field) else { continue };
            if model.tolerates_missing(&key.field) {
                continue;
            }
            let Some(target) = key.target.map(|target| self.catalog.model(target)) else { return Ok(false) };
            let leads = match self.stage(model) {
                Stage::Owned if target.dangling => self.orphan_leads(target, pk).await?,
                _ => self.is_taken(target.id, pk),
            };
            if !leads {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a row that belongs to nobody could come along: its own keys lead to rows that are taken.
    async fn orphan_leads(&mut self, model: &Model, pk: Pk) -> Result<bool, ExportError> {
        if let Some(leads) = self.orphans.get(&(model.id, pk)) {
            return Ok(*leads);
        }
        let rows = self.rows(model, &[pk]).await?;
        let leads = rows.first().is_some_and(|stored| {
            model.keys.iter().all(|key| {
                let target = stored.row.key(&key.field);
                target.is_none_or(|pk| key.target.is_some_and(|model| self.is_taken(model, pk)))
            })
        });
        self.orphans.insert((model.id, pk), leads);
        Ok(leads)
    }

    fn is_taken(&self, model: ModelId, pk: Pk) -> bool {
        self.taken.get(&model).is_some_and(|pks| pks.contains(&pk))
    }

    fn take(&mut self, model: &Model, stored: &Stored) {
        self.taken.entry(model.id).or_default().insert(stored.row.pk);
        for key in &model.keys {
            if let (Some(target), Some(pk)) = (key.target, stored.row.key(&key.field))
                && self.catalog.model(target).dangling
                && self.stage(model) == Stage::Owned
            {
                self.taken.entry(target).or_default().insert(pk);
            }
        }
        for used in self.catalog.models() {
            for path in used.used_by.iter().filter(|path| path.model == model.id) {
                if let Some(value) = stored.row.fields.get(&path.field).and_then(Value::as_str) {
                    self.used_values.entry(used.id).or_default().insert(value.to_owned());
                }
            }
        }
    }

    /// Rows that belong to nobody were taken with the rows whose keys lead to them; those that are used by
    /// value are looked up now.
    async fn select_used(&mut self, model: &Model) -> Result<(), ExportError> {
        let Some(values) = self.used_values.get(&model.id) else { return Ok(()) };
        let field = model.uniques.first().and_then(|set| set.fields.first()).cloned().unwrap_or_default();
        let mut keys = Vec::new();
        for value in values {
            let fields: Fields = [(field.clone(), Value::from(value.as_str()))].into_iter().collect();
            keys.extend(UniqueKey::of(model, &fields));
        }
        let holders = self.silos.of(model).holders(&keys).await.map_err(|source| failed(model, source))?;
        self.taken.entry(model.id).or_default().extend(holders.into_iter().flatten());
        Ok(())
    }

    async fn page(&self, model: &Model, after: Option<Pk>) -> Result<Page<Stored>, ExportError> {
        let page = self.silos.of(model).page(model, after, ROWS_PER_PAGE).await;
        page.map_err(|source| failed(model, source))
    }

    async fn rows(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Stored>, ExportError> {
        let failed = |source: StoreError| failed(model, source);
        Ok(self.silos.of(model).get(model, pks).await.map_err(failed)?.into_iter().flatten().collect())
    }

    /// The rows whose key leads to a target, a page at a time.
    async fn referring(&self, model: &Model, key: &str, target: Pk) -> Result<Vec<Vec<Pk>>, ExportError> {
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let page = self.silos.of(model).referring(model, key, target, after, ROWS_PER_PAGE).await;
            let page = page.map_err(|source| failed(model, source))?;
            pages.push(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(pages),
            }
        }
    }
}
