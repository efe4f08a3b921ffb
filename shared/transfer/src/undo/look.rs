//! Looks for what stands in the way, and foresees what becomes of it.

use catalog::{KeyKind, Model, OnDelete};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, StreamExt};
use silo::{Page, Pk, Silo, StoreError, Stored, UniqueKey};

use super::dependents::{Link, links_to};
use super::error::{UndoError, at};
use super::imported::{Imported, ROWS};
use super::journaled::Journaled;
use super::report::{DEPENDENTS_COUNTED_MAX, Obstacle};
use super::restore::Standing;
use super::runner::Undoing;
use super::{ModelUndo, Watch, restore};

/// How many keys are asked at once who refers by them.
const READS_AT_ONCE: usize = 16;

/// Who refers to a target by a key: the first of them.
struct Referring<'a> {
    link: Link<'a>,
    target: Pk,
    page: Page<Pk>,
}

impl<'a, S: Silo, W: Watch> Undoing<'a, '_, S, W> {
    /// Looks who depends on rows that would go.
    pub(super) async fn look_at(
        &mut self,
        model: &Model,
        rows: &[Stored],
        known: u64,
    ) -> Result<(), UndoError> {
        if self.request.dry_run {
            self.count_going(model, rows.iter().map(|stored| stored.row.pk), known);
        }
        if self.has_found_enough() {
            return Ok(());
        }
        let imported = self.imported;
        let links: Vec<Link<'_>> = links_to(imported.catalog(), model).collect();
        let asked = links.iter().flat_map(|link| rows.iter().map(move |stored| (*link, stored.row.pk)));
        let answers: Vec<BoxFuture<'_, _>> =
            asked.map(|(link, target)| referring(imported, link, target).boxed()).collect();
        let mut answers = stream::iter(answers).buffered(READS_AT_ONCE);
        while let Some(answer) = answers.next().await {
            let Referring { link, target, mut page } = answer?;
            loop {
                let others = imported.others(link, target, &page.items).await;
                for stored in others.map_err(at(&link.model.name))? {
                    self.meet(link, &stored, (model, target)).await?;
                }
                if self.has_found_enough() {
                    return Ok(());
                }
                let Some(next) = page.next else { break };
                page = who_refers(imported, link, target, Some(next)).await?;
            }
        }
        Ok(())
    }

    /// Whether so much depends on what would go that it need not be known who else does.
    fn has_found_enough(&self) -> bool {
        !self.request.cascade && self.state.obstacles.dependents >= DEPENDENTS_COUNTED_MAX
    }

    /// What becomes of somebody else's row whose target goes.
    async fn meet(&mut self, link: Link<'_>, stored: &Stored, target: (&Model, Pk)) -> Result<(), UndoError> {
        if !self.request.cascade {
            self.state.obstacles.add(link.obstacle(stored.row.pk, target));
            return Ok(());
        }
        self.state.keys.insert(link.name());
        self.follow(link, stored, target).await
    }

    /// Foresees what becomes of a row as its key says, and of those that depend on it in turn.
    fn follow<'s>(
        &'s mut self,
        link: Link<'s>,
        stored: &'s Stored,
        target: (&'s Model, Pk),
    ) -> BoxFuture<'s, Result<(), UndoError>> {
        async move {
            let (model, pk) = (link.model, stored.row.pk);
            if self.state.cascading.get(&model.name).is_some_and(|pks| pks.contains(pk)) {
                return Ok(());
            }
            match link.on_delete {
                OnDelete::Cascade => self.go_along(model, pk).await,
                OnDelete::Protect => {
                    if self.imported.goes(model, &stored.row).await.map_err(at(&model.name))? {
                        return self.go_along(model, pk).await;
                    }
                    self.state.obstacles.add(link.obstacle(pk, target));
                    Ok(())
                }
                OnDelete::SetNull => {
                    self.foresee(&model.name, |counts| &mut counts.nulled);
                    Ok(())
                }
                OnDelete::DoNothing => Ok(()),
            }
        }
        .boxed()
    }

    /// A row goes, and takes those of its silo along that depend on it; the other silo will be told.
    async fn go_along(&mut self, model: &Model, pk: Pk) -> Result<(), UndoError> {
        self.state.cascading.entry(model.name.clone()).or_default().insert(pk);
        self.foresee(&model.name, |counts| &mut counts.cascaded);
        let imported = self.imported;
        let links = links_to(imported.catalog(), model).filter(|link| link.key.kind == KeyKind::Local);
        for link in links {
            let mut after = None;
            loop {
                let page = who_refers(imported, link, pk, after).await?;
                let others = imported.others(link, pk, &page.items).await;
                for stored in others.map_err(at(&link.model.name))? {
                    self.follow(link, &stored, (model, pk)).await?;
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    fn foresee(&mut self, model: &str, of: impl FnOnce(&mut ModelUndo) -> &mut u64) {
        if self.request.dry_run {
            self.state.report.count(model, 1, of);
        }
    }

    /// Looks whether rows that would come back were changed by somebody else, or have lost their unique values to others.
    pub(super) async fn look_at_originals(
        &mut self,
        model: &Model,
        rows: Vec<Journaled>,
    ) -> Result<(), UndoError> {
        for row in rows {
            let current = restore::current(self.imported, model, row.pk).await.map_err(at(&model.name))?;
            let standing = restore::standing(self.imported, model, &row, current.as_ref()).await;
            match standing.map_err(at(&model.name))? {
                Standing::Restored => {}
                Standing::Gone => self.foresee(&model.name, |counts| &mut counts.already_gone),
                Standing::Untouched => {
                    self.foresee(&model.name, |counts| &mut counts.restored);
                    self.look_at_values(model, &row).await?;
                }
                Standing::Changed if self.request.cascade => {
                    self.foresee(&model.name, |counts| &mut counts.restored);
                    self.foresee(&model.name, |counts| &mut counts.changed_since);
                    self.look_at_values(model, &row).await?;
                }
                Standing::Changed => {
                    self.state.obstacles.add(Obstacle::Changed { model: model.name.clone(), pk: row.pk });
                }
            }
        }
        Ok(())
    }

    async fn look_at_values(&mut self, model: &Model, row: &Journaled) -> Result<(), UndoError> {
        let failed = at(&model.name);
        let Some(original) = &row.original else { return Ok(()) };
        let keys = UniqueKey::of(model, &original.row.fields);
        let holders = self.imported.silos.of(model).holders(&keys).await.map_err(&failed)?;
        for (key, holder) in keys.iter().zip(holders) {
            let Some(holder) = holder.filter(|holder| *holder != row.pk) else { continue };
            if !self.imported.touched(model, holder).await.map_err(&failed)? {
                self.state.obstacles.add(restore::taken(model, row.pk, key.set, holder));
            }
        }
        Ok(())
    }
}

async fn referring<'l, S: Silo>(
    imported: &Imported<'_, S>,
    link: Link<'l>,
    target: Pk,
) -> Result<Referring<'l>, UndoError> {
    let page = who_refers(imported, link, target, None).await?;
    Ok(Referring { link, target, page })
}

/// Who refers to a target by a key, as the index has it.
pub(super) async fn who_refers<S: Silo>(
    imported: &Imported<'_, S>,
    link: Link<'_>,
    target: Pk,
    after: Option<Pk>,
) -> Result<Page<Pk>, UndoError> {
    let silo = imported.silos.of(link.model);
    let page: Result<_, StoreError> = silo.referring(link.model, &link.key.field, target, after, ROWS).await;
    page.map_err(at(&link.model.name))
}
