//! Rows that others wrote and that depend on what goes.

use catalog::{Catalog, Key, KeyKind, Model, OnDelete};
use futures::FutureExt;
use futures::future::BoxFuture;
use silo::{Pk, Row, Silo, StoreError, Stored};

use super::imported::Imported;
use super::report::Obstacle;

/// A key that leads to rows of a model and says what becomes of its own row when they go.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) model: &'a Model,
    pub(super) key: &'a Key,
    pub(super) on_delete: OnDelete,
}

impl Link<'_> {
    /// What it is called: its model and its field.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.model.name, self.key.field)
    }

    /// A row with this key stands in the way of its target.
    pub(super) fn obstacle(&self, pk: Pk, (target_model, target): (&Model, Pk)) -> Obstacle {
        Obstacle::Dependent {
            model: self.model.name.clone(),
            pk,
            key: self.key.field.clone(),
            on_delete: self.on_delete.to_string(),
            target_model: target_model.name.clone(),
            target,
        }
    }
}

/// The keys that lead to a model and ask for something, within its silo and across silos, deepest first.
pub(super) fn links_to<'a>(catalog: &'a Catalog, target: &'a Model) -> impl Iterator<Item = Link<'a>> {
    let models = catalog.models().iter().rev();
    let keys = models.flat_map(|model| model.keys.iter().map(move |key| (model, key)));
    keys.filter_map(move |(model, key)| {
        let leads_here = key.kind != KeyKind::Reference && key.target == Some(target.id);
        let on_delete = key.on_delete.filter(|on_delete| leads_here && *on_delete != OnDelete::DoNothing)?;
        Some(Link { model, key, on_delete })
    })
}

impl<S: Silo> Imported<'_, S> {
    /// Of these rows, those that lead to a target by a key, and that neither go nor come back themselves. Indexes follow
    /// late, so that the rows themselves are looked at.
    pub(super) async fn others(
        &self,
        link: Link<'_>,
        target: Pk,
        pks: &[Pk],
    ) -> Result<Vec<Stored>, StoreError> {
        let range = self.range(link.model);
        let is_planned = |pk: &Pk| range.is_some_and(|range| range.contains(*pk));
        let pks: Vec<Pk> = pks.iter().copied().filter(|pk| !is_planned(pk)).collect();
        let mut others = Vec::new();
        if pks.is_empty() {
            return Ok(others);
        }
        for stored in self.silos.of(link.model).get(link.model, &pks).await?.into_iter().flatten() {
            let leads_there = stored.row.key(&link.key.field) == Some(target);
            if leads_there && !self.touched(link.model, stored.row.pk).await? {
                others.push(stored);
            }
        }
        Ok(others)
    }

    /// Whether somebody else's row goes anyway: some key by which rows go with their targets leads to one that goes.
    pub(super) fn goes<'s>(
        &'s self,
        model: &'s Model,
        row: &'s Row,
    ) -> BoxFuture<'s, Result<bool, StoreError>> {
        async move {
            let goes_with =
                |key: &&Key| key.kind != KeyKind::Reference && key.on_delete == Some(OnDelete::Cascade);
            for key in model.keys.iter().filter(goes_with) {
                let Some((id, pk)) = key.target.zip(row.key(&key.field)) else { continue };
                let target = self.catalog().model(id);
                if self.inserted(target, pk).await? {
                    return Ok(true);
                }
                // A model's keys lead to models above it, but for keys to itself, which are not followed.
                if target.id < model.id
                    && let Some(stored) = self.silos.of(target).get(target, &[pk]).await?.pop().flatten()
                    && !self.touched(target, pk).await?
                    && self.goes(target, &stored.row).await?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        .boxed()
    }
}
