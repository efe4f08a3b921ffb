//! Which rows of a model come into question, and how they are read: as few as the store can tell apart.

use std::collections::HashSet;

use catalog::{FieldPath, ImportScope, Key, Model, Tenancy};
use serde_json::Value;
use silo::{Fields, Filter, Page, Pk, Silo, StoreError, Stored, UniqueKey};

use super::{Selector, Stage};
use crate::export::{ExportError, ROWS_PER_PAGE, failed};

/// The rows of a model that come into question and were not looked at yet.
pub(crate) struct Candidates<'m> {
    model: &'m Model,
    left: Left,
}

enum Left {
    /// All rows above this one; none at the end.
    Above(Option<Pk>),
    /// These.
    These(std::vec::IntoIter<Pk>),
    Nothing,
}

impl<S: Silo> Selector<'_, S> {
    /// The rows of a model that come into question.
    pub(crate) async fn candidates<'m>(&self, model: &'m Model) -> Result<Candidates<'m>, ExportError> {
        let pks = match (self.stage(model), self.driver(model)) {
            (Stage::Used, _) => Some(self.used_by_value(model).await?),
            (_, driver) => match (self.named(model).await?, driver) {
                (Some(named), _) => Some(named),
                (None, Some(key)) => Some(self.referring_to_taken(model, key).await?),
                (None, None) => None,
            },
        };
        let left = match pks {
            None => Left::Above(None),
            Some(mut pks) => {
                pks.sort_unstable();
                pks.dedup();
                Left::These(pks.into_iter())
            }
        };
        Ok(Candidates { model, left })
    }

    /// Looks at the next candidates and takes those that can be taken, by primary key; none at the end.
    pub(crate) async fn next_rows(
        &mut self,
        candidates: &mut Candidates<'_>,
    ) -> Result<Option<Vec<Stored>>, ExportError> {
        let model = candidates.model;
        let rows = match &mut candidates.left {
            Left::Nothing => return Ok(None),
            Left::Above(after) => {
                let page = self.page(model, *after).await?;
                candidates.left = page.next.map_or(Left::Nothing, |next| Left::Above(Some(next)));
                page.items
            }
            Left::These(pks) => {
                let pks: Vec<Pk> = pks.take(ROWS_PER_PAGE).collect();
                if pks.is_empty() {
                    return Ok(None);
                }
                self.rows(model, &pks).await?
            }
        };
        self.admit(model, rows).await.map(Some)
    }

    /// The rows that the filter and the scope name themselves; none for models that they do not speak of.
    async fn named(&self, model: &Model) -> Result<Option<Vec<Pk>>, ExportError> {
        let by_filter = match self.catalog.tenancy() {
            Some(tenancy) => self.named_by_filter(model, tenancy).await?,
            None => None,
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

    async fn named_by_filter(
        &self,
        model: &Model,
        tenancy: &Tenancy,
    ) -> Result<Option<Vec<Pk>>, ExportError> {
        let Tenancy { user, organization, .. } = tenancy;
        Ok(match &self.request.filter {
            Filter::Usernames(names) if model.id == user.model => Some(self.holders(user, names).await?),
            Filter::OrganizationSlugs(slugs) if model.id == organization.model => {
                Some(self.holders(organization, slugs).await?)
            }
            Filter::OrganizationSlugs(_) if model.id == user.model => Some(self.members(tenancy).await?),
            _ => None,
        })
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
    async fn members(&self, tenancy: &Tenancy) -> Result<Vec<Pk>, ExportError> {
        let Tenancy { organization, member_user, member_organization, .. } = tenancy;
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

    async fn referring_to_taken(&self, model: &Model, key: &Key) -> Result<Vec<Pk>, ExportError> {
        let mut pks = Vec::new();
        for target in key.target.and_then(|target| self.taken.get(&target)).into_iter().flatten() {
            pks.extend(self.referring(model, &key.field, *target).await?.into_iter().flatten());
        }
        Ok(pks)
    }

    /// Rows that belong to nobody and are used by value. Those that are used by key were taken already.
    async fn used_by_value(&self, model: &Model) -> Result<Vec<Pk>, ExportError> {
        let Some(values) = self.used_values.get(&model.id) else { return Ok(Vec::new()) };
        let field = model.uniques.first().and_then(|set| set.fields.first()).cloned().unwrap_or_default();
        let mut keys = Vec::new();
        for value in values {
            let fields: Fields = [(field.clone(), Value::from(value.as_str()))].into_iter().collect();
            keys.extend(UniqueKey::of(model, &fields));
        }
        let holders = self.silos.of(model).holders(&keys).await.map_err(|source| failed(model, source))?;
        Ok(holders.into_iter().flatten().filter(|pk| !self.is_taken(model.id, *pk)).collect())
    }

    async fn page(&self, model: &Model, after: Option<Pk>) -> Result<Page<Stored>, ExportError> {
        let page = self.silos.of(model).page(model, after, ROWS_PER_PAGE).await;
        page.map_err(|source| failed(model, source))
    }

    pub(super) async fn rows(&self, model: &Model, pks: &[Pk]) -> Result<Vec<Stored>, ExportError> {
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
