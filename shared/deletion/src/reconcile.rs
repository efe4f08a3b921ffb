//! Reconciling a key that leads across silos with the tombstones of those who are gone (SPEC §10).

mod pass;

use std::time::Duration;

use catalog::{Catalog, Key, KeyKind, Model, OnDelete, SiloKind};
use jiff::Timestamp;
use silo::{Pass, Pk, Reconcile};

use crate::{DeletionError, Watch};
use pass::PassRun;

/// A key of a model in one silo whose target may go in another one.
#[derive(Debug, Clone, Copy)]
pub struct CrossSiloKey<'a> {
    /// The model whose rows have the key.
    pub model: &'a Model,
    /// The key.
    pub key: &'a Key,
    /// The table of its target; none if the catalogue does not have it, so that nobody who is gone can be meant.
    pub table: Option<&'a str>,
}

impl<'a> CrossSiloKey<'a> {
    /// The key in a field of a model that lives in a silo.
    ///
    /// # Errors
    /// There is no such model, field or key.
    pub fn find(
        catalog: &'a Catalog,
        silo: SiloKind,
        model: &str,
        field: &str,
    ) -> Result<Self, DeletionError> {
        let unknown_model = || DeletionError::UnknownModel { model: model.to_owned() };
        let unknown_key = || DeletionError::UnknownKey { model: model.to_owned(), field: field.to_owned() };
        let model = catalog.find(model).filter(|found| found.silo == silo).ok_or_else(unknown_model)?;
        let key = model.key(field).filter(|key| key.kind == KeyKind::CrossSilo).ok_or_else(unknown_key)?;
        let table = key.target.map(|target| catalog.model(target).table.as_str());
        Ok(Self { model, key, table })
    }

    /// What becomes of rows whose target is gone.
    ///
    /// # Errors
    /// Tombstones cannot do it.
    pub fn on_delete(&self) -> Result<OnDelete, DeletionError> {
        match self.key.on_delete {
            Some(known @ (OnDelete::Cascade | OnDelete::SetNull | OnDelete::DoNothing)) => Ok(known),
            None => Ok(OnDelete::DoNothing),
            Some(on_delete @ OnDelete::Protect) => Err(DeletionError::UnknownBehaviour {
                model: self.model.name.clone(),
                field: self.key.field.clone(),
                on_delete,
            }),
        }
    }
}

/// How keys are reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many ids a pass takes at a time, 1 or more.
    pub batch: u64,
    /// How old a tombstone is before rows are looked for that were there before it: as long as the store's indexes take
    /// to show every row that was there when it was written.
    pub settling: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { batch: 500, settling: Duration::from_mins(1) }
    }
}

/// What a pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Above which id it looked.
    pub low: Pk,
    /// Up to which id it looked; the low bound if there was nothing to look at.
    pub up: Pk,
    /// How many ids may lie behind the upper bound.
    pub ahead: u64,
    /// How many rows went that led to a target that is gone, without those that depended on them.
    pub deleted: u64,
    /// How many rows lost the key.
    pub nulled: u64,
    /// When the oldest of the tombstones was written that it met, if it met one.
    pub oldest: Option<Timestamp>,
    /// Whether there is more to do.
    pub has_more: bool,
    /// Whether somebody else moved the watermark meanwhile, and goes on in its place.
    pub was_overtaken: bool,
}

/// What a job did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// The pass that rows bound.
    pub rows: PassReport,
    /// The pass that tombstones bound; none if there was more to do in the first one.
    pub tombstones: Option<PassReport>,
}

impl Reconciled {
    /// Whether the job is to run again.
    pub fn has_more(&self) -> bool {
        self.passes().any(|pass| pass.has_more)
    }

    /// How old the oldest tombstone is that was met.
    pub fn lag(&self, now: Timestamp) -> Option<Duration> {
        let oldest = self.passes().filter_map(|pass| pass.oldest).min()?;
        Some(now.duration_since(oldest).try_into().unwrap_or_default())
    }

    /// How many ids lie ahead of the watermarks.
    pub fn ahead(&self) -> u64 {
        self.passes().map(|pass| pass.ahead).sum()
    }

    /// What was done, pass by pass.
    pub fn passes(&self) -> impl Iterator<Item = &PassReport> {
        std::iter::once(&self.rows).chain(&self.tombstones)
    }
}

/// Reconciles the keys of the models that live in a silo.
#[derive(Debug)]
pub struct Reconciler<'a, S> {
    /// The silo: its rows, and the tombstones of those who are gone elsewhere.
    pub silo: &'a S,
    /// How.
    pub settings: Settings,
    /// The time.
    pub now: Timestamp,
    /// The transaction id that a watermark starts with which is moved for the first time; nobody else has it.
    pub fresh: String,
}

impl<S: Reconcile> Reconciler<'_, S> {
    /// Runs one job for a key: a batch of its rows and, if nothing more is to do there, a batch of tombstones. Killed
    /// anywhere, or run twice at once, it does no harm: what it did is done, and whoever runs it again does the rest.
    ///
    /// # Errors
    /// The key says what cannot be done, or a store failed.
    pub async fn reconcile(
        &self,
        key: CrossSiloKey<'_>,
        watch: &mut impl Watch,
    ) -> Result<Reconciled, DeletionError> {
        let on_delete = key.on_delete()?;
        let rows = PassRun { of: self, key, on_delete, pass: Pass::Rows }.run(watch).await?;
        if rows.has_more || rows.was_overtaken {
            return Ok(Reconciled { rows, tombstones: None });
        }
        let tombstones = PassRun { of: self, key, on_delete, pass: Pass::Tombstones }.run(watch).await?;
        Ok(Reconciled { rows, tombstones: Some(tombstones) })
    }
}
