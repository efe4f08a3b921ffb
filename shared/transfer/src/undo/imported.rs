//! Which rows an import inserted and changed, by its plan, its chunks and its journal (`silo`'s `journal.rs` says how
//! they are read together).

use std::collections::{HashMap, HashSet};

use catalog::{Catalog, Model, ModelId, SiloKind};
use silo::{ImportChunk, ImportKind, ImportPlan, Page, Pk, PkRange, Silo, Silos, StoreError, Stored};
use uuid::Uuid;

use super::error::{UndoError, at};
use super::journaled::{self, Journaled};
use super::pks::Pks;
use super::state::Stage;

/// How many rows are read, and go, at a time.
pub(super) const ROWS: usize = 100;

/// How many chunks one request reads.
const CHUNKS: usize = 500;

/// What an import left behind in both silos.
pub(super) struct Imported<'a, S> {
    pub(super) silos: Silos<'a, S>,
    pub(super) import: Uuid,
    plan: ImportPlan,
    mapped: HashMap<ModelId, Mapped>,
    /// Models of whose rows the journal tells.
    journaled: HashSet<ModelId>,
}

/// What the chunks of a model say of inserted rows.
#[derive(Default)]
struct Mapped {
    /// How many have the primary key that the plan gives to a row of the file.
    planned: u64,
    /// Those to which the plan gives none: hardly ever any.
    unplanned: Pks,
}

/// A page of rows to be dealt with.
pub(super) enum Rows {
    /// Rows that go, and how many were there once.
    Going { rows: Vec<Stored>, known: u64 },
    /// Rows that come back, as the journal tells of them.
    Changed(Vec<Journaled>),
}

impl<'a, S: Silo> Imported<'a, S> {
    /// Reads the plan, and through the chunks; none if the import did not come to write.
    pub(super) async fn read(silos: Silos<'a, S>, import: Uuid) -> Result<Option<Self>, UndoError> {
        let plan = match silos.cell.plan(import).await.map_err(at("the plan"))? {
            Some(plan) => Some(plan),
            None => silos.control.plan(import).await.map_err(at("the plan"))?,
        };
        let Some(plan) = plan else { return Ok(None) };
        let mut imported = Self { silos, import, plan, mapped: HashMap::new(), journaled: HashSet::new() };
        for (silo, kind) in [(silos.cell, SiloKind::Cell), (silos.control, SiloKind::Control)] {
            imported.read_chunks(silo, kind).await.map_err(at("the chunks"))?;
            imported.read_journaled(silo).await.map_err(at("the journal"))?;
        }
        Ok(Some(imported))
    }

    async fn read_chunks(&mut self, silo: &S, kind: SiloKind) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = silo.chunks(self.import, after, CHUNKS).await?;
            for chunk in &page.items {
                // The cell has copies of control's chunks.
                if let Some(model) = self.catalog().find(&chunk.model).filter(|model| model.silo == kind) {
                    self.learn(model, chunk);
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Reads one entry of each model that has any.
    async fn read_journaled(&mut self, silo: &S) -> Result<(), StoreError> {
        let mut after = None;
        while let Some(entry) = silo.journal(self.import, after, 1).await?.items.pop() {
            self.journaled.extend(self.catalog().find(&entry.model).map(|model| model.id));
            after = Some(journaled::end_of(&entry.model, Some(Pk::MAX)));
        }
        Ok(())
    }

    fn learn(&mut self, model: &Model, chunk: &ImportChunk) {
        let range = self.range(model).copied();
        let mapped = self.mapped.entry(model.id).or_default();
        for row in chunk.mapped.iter().filter(|row| row.kind == ImportKind::Inserted) {
            match range {
                Some(range) if is_of_file(&range, row.pk) => mapped.planned += 1,
                Some(range) if range.contains(row.pk) => {}
                _ => drop(mapped.unplanned.insert(row.pk)),
            }
        }
    }

    pub(super) fn catalog(&self) -> &'a Catalog {
        self.silos.cell.catalog()
    }

    /// Whether rows of a model may be known from there.
    pub(super) fn knows(&self, model: &Model, stage: Stage) -> bool {
        match stage {
            Stage::Planned => self.range(model).is_some(),
            Stage::Mapped => self.mapped.get(&model.id).is_some_and(|mapped| mapped.unplanned.len() > 0),
            Stage::Added | Stage::Originals => self.journaled.contains(&model.id),
        }
    }

    /// The primary keys that the plan has set aside for a model.
    pub(super) fn range(&self, model: &Model) -> Option<&PkRange> {
        self.plan.ranges.get(&model.name)
    }

    /// How many rows of the file have come to be under the primary keys that the plan gives them.
    pub(super) fn planned(&self, model: &Model) -> u64 {
        self.mapped.get(&model.id).map_or(0, |mapped| mapped.planned)
    }

    /// How many primary keys of a model have to be looked at, as far as arithmetic and chunks tell.
    pub(super) fn extent(&self, model: &Model) -> u64 {
        let planned = self.range(model).map_or(0, |range| range.rows.saturating_add(range.automatic));
        planned.saturating_add(self.mapped.get(&model.id).map_or(0, |mapped| mapped.unplanned.len()))
    }

    /// Whether a row has the primary key of a row of the file.
    pub(super) fn is_of_file(&self, model: &Model, pk: Pk) -> bool {
        self.range(model).is_some_and(|range| is_of_file(range, pk))
    }

    /// Whether the import inserted a row.
    pub(super) async fn inserted(&self, model: &Model, pk: Pk) -> Result<bool, StoreError> {
        if self.range(model).is_some_and(|range| range.contains(pk)) {
            return Ok(true);
        }
        let entry = self.first_entry(model, pk).await?;
        Ok(entry.unwrap_or_else(|| self.is_unplanned(model, pk)))
    }

    /// Whether the import inserted or changed a row.
    pub(super) async fn touched(&self, model: &Model, pk: Pk) -> Result<bool, StoreError> {
        let is_inserted = self.range(model).is_some_and(|range| range.contains(pk));
        Ok(is_inserted || self.is_unplanned(model, pk) || self.first_entry(model, pk).await?.is_some())
    }

    fn is_unplanned(&self, model: &Model, pk: Pk) -> bool {
        self.mapped.get(&model.id).is_some_and(|mapped| mapped.unplanned.contains(pk))
    }

    /// Whether the journal says first of a row that it was added; none if it says nothing of it.
    async fn first_entry(&self, model: &Model, pk: Pk) -> Result<Option<bool>, StoreError> {
        if !self.journaled.contains(&model.id) {
            return Ok(None);
        }
        let entry = journaled::first_entry(self.silos.of(model), self.import, &model.name, pk).await?;
        Ok(entry.map(|entry| entry.before.is_none()))
    }

    /// A page of the rows that are known from somewhere, and where the next one begins.
    pub(super) async fn page(
        &self,
        model: &Model,
        stage: Stage,
        after: Option<Pk>,
    ) -> Result<(Rows, Option<Pk>), StoreError> {
        match stage {
            Stage::Planned => self.planned_page(model, after).await,
            Stage::Mapped => self.mapped_page(model, after).await,
            Stage::Added => {
                let Page { items, next } = self.journaled(model, after).await?;
                let added = items.iter().filter(|row| row.original.is_none()).map(|row| row.pk).collect();
                Ok((self.going(model, added).await?, next))
            }
            Stage::Originals => {
                let Page { mut items, next } = self.journaled(model, after).await?;
                items.retain(|row| row.original.is_some());
                Ok((Rows::Changed(items), next))
            }
        }
    }

    async fn planned_page(&self, model: &Model, after: Option<Pk>) -> Result<(Rows, Option<Pk>), StoreError> {
        let none = (Rows::Going { rows: Vec::new(), known: 0 }, None);
        let Some(range) = self.range(model) else { return Ok(none) };
        let after = after.or_else(|| range.start.checked_sub(1));
        let Page { items, next } = self.silos.of(model).page(model, after, ROWS).await?;
        let next = next.filter(|next| range.contains(*next));
        let rows: Vec<Stored> = items.into_iter().filter(|stored| range.contains(stored.row.pk)).collect();
        Ok((Rows::Going { rows, known: 0 }, next))
    }

    /// What a rule has put in the place of a row that was there counts as inserted, and comes back all the same.
    async fn mapped_page(&self, model: &Model, after: Option<Pk>) -> Result<(Rows, Option<Pk>), StoreError> {
        let unplanned = self.mapped.get(&model.id).map(|mapped| mapped.unplanned.above(after).take(ROWS));
        let unplanned: Vec<Pk> = unplanned.into_iter().flatten().collect();
        let next = unplanned.last().copied().filter(|_| unplanned.len() == ROWS);
        let mut pks = Vec::with_capacity(unplanned.len());
        for pk in unplanned {
            // What the journal says was added is known from there.
            if self.first_entry(model, pk).await?.is_none() {
                pks.push(pk);
            }
        }
        Ok((self.going(model, pks).await?, next))
    }

    async fn going(&self, model: &Model, pks: Vec<Pk>) -> Result<Rows, StoreError> {
        let known = pks.len() as u64;
        let rows = if pks.is_empty() { Vec::new() } else { self.silos.of(model).get(model, &pks).await? };
        Ok(Rows::Going { rows: rows.into_iter().flatten().collect(), known })
    }

    async fn journaled(&self, model: &Model, after: Option<Pk>) -> Result<Page<Journaled>, StoreError> {
        journaled::rows(self.silos.of(model), self.import, &model.name, after).await
    }
}

/// Whether the plan gives a primary key to a row of the file, and not to one that is made with another.
fn is_of_file(range: &PkRange, pk: Pk) -> bool {
    PkRange { automatic: 0, ..*range }.contains(pk)
}
