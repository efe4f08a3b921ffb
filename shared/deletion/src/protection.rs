//! Rows that forbid a deletion: those that stay, and whose key says that its target must not go.

use std::collections::HashSet;

use catalog::{Catalog, Key, KeyKind, Model, ModelId, OnDelete};
use futures::FutureExt;
use futures::future::BoxFuture;
use silo::{Pk, Silo, StoreError};

use crate::dependents::dependents;
use crate::leading::Leading;
use crate::{CHUNK, DeletionError, RowId};

/// How many rows that stand in the way are named.
const NAMED_MAX: usize = 20;

/// Looks for rows that stand in the way of deleting some rows of a model.
pub(crate) struct Protection<'a, S> {
    silo: &'a S,
    model: &'a Model,
    doomed: HashSet<Pk>,
    /// Models below whose rows one may be found.
    guarded: HashSet<ModelId>,
}

impl<'a, S: Silo> Protection<'a, S> {
    /// For rows that are to go.
    pub(crate) fn new(silo: &'a S, model: &'a Model, pks: &[Pk]) -> Self {
        Self { silo, model, doomed: pks.iter().copied().collect(), guarded: guarded(silo.catalog()) }
    }

    /// Refuses the deletion, before it begins, if some row stands in its way. Only what may lead to one is looked at.
    pub(crate) async fn check(&self) -> Result<(), DeletionError> {
        let mut pks: Vec<Pk> = self.doomed.iter().copied().collect();
        pks.sort_unstable();
        for chunk in pks.chunks(CHUNK) {
            self.check_below(self.model, chunk.to_vec()).await?;
        }
        Ok(())
    }

    fn check_below<'s>(&'s self, model: &'s Model, pks: Vec<Pk>) -> BoxFuture<'s, Result<(), DeletionError>> {
        async move {
            if !self.guarded.contains(&model.id) {
                return Ok(());
            }
            for (dependent, key, on_delete) in dependents(self.silo.catalog(), model) {
                if !leads_to_protection(on_delete, &self.guarded, dependent) {
                    continue;
                }
                for target in &pks {
                    self.check_referring(dependent, key, on_delete, *target).await?;
                }
            }
            Ok(())
        }
        .boxed()
    }

    async fn check_referring(
        &self,
        model: &Model,
        key: &Key,
        on_delete: OnDelete,
        target: Pk,
    ) -> Result<(), DeletionError> {
        let mut after = None;
        loop {
            let page = self.silo.referring(model, &key.field, target, after, CHUNK).await?;
            if on_delete == OnDelete::Protect {
                self.refuse_staying(model, key, target, &page.items).await?;
            }
            if self.guarded.contains(&model.id) {
                let leading = Leading::to(key, target, &page.items).still(self.silo, model).await?;
                self.check_below(model, leading).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Refuses the deletion if one of these rows, which lead to a row that is to go, is to stay itself.
    pub(crate) async fn refuse_staying(
        &self,
        model: &Model,
        key: &Key,
        target: Pk,
        pks: &[Pk],
    ) -> Result<(), DeletionError> {
        let mut rows = Vec::new();
        for stored in self.silo.get(model, pks).await?.into_iter().flatten() {
            let leads_there = stored.row.key(&key.field) == Some(target);
            if leads_there && !self.goes(model, stored.row.pk).await? {
                rows.push(RowId { model: model.name.clone(), pk: stored.row.pk });
                if rows.len() == NAMED_MAX {
                    break;
                }
            }
        }
        if rows.is_empty() { Ok(()) } else { Err(DeletionError::Protected { rows }) }
    }

    /// Whether a row goes too: it is one of those that are to go, or some key by which rows go with their target leads to
    /// one that does.
    fn goes<'s>(&'s self, model: &'s Model, pk: Pk) -> BoxFuture<'s, Result<bool, StoreError>> {
        async move {
            if model.id == self.model.id && self.doomed.contains(&pk) {
                return Ok(true);
            }
            let catalog = self.silo.catalog();
            let Some(stored) = self.silo.get(model, &[pk]).await?.into_iter().flatten().next() else {
                return Ok(false);
            };
            for key in model.keys.iter().filter(|key| goes_with_target(key)) {
                if let (Some(target), Some(pk)) = (key.target, stored.row.key(&key.field))
                    && self.goes(catalog.model(target), pk).await?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        .boxed()
    }
}

fn goes_with_target(key: &Key) -> bool {
    key.kind == KeyKind::Local && key.on_delete == Some(OnDelete::Cascade)
}

/// The models with a key that protects their rows, and those whose rows take such rows along.
fn guarded(catalog: &Catalog) -> HashSet<ModelId> {
    let mut guarded = HashSet::new();
    // Dependents stand behind their targets, so that they are known when those are looked at.
    for model in catalog.models().iter().rev() {
        let mut below = dependents(catalog, model);
        if below.any(|(dependent, _, on_delete)| leads_to_protection(on_delete, &guarded, dependent)) {
            guarded.insert(model.id);
        }
    }
    guarded
}

fn leads_to_protection(on_delete: OnDelete, guarded: &HashSet<ModelId>, dependent: &Model) -> bool {
    match on_delete {
        OnDelete::Protect => true,
        OnDelete::Cascade => guarded.contains(&dependent.id),
        OnDelete::SetNull | OnDelete::DoNothing => false,
    }
}
