//! What a silo keeps so that keys which lead to another silo are reconciled (SPEC §10, DESIGN §4): who has gone, the
//! tombstones of those who went elsewhere, and how far each key is reconciled with them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::future::Future;

use catalog::{Catalog, Key, KeyKind, Model, SiloKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{ImportPlan, Page, Pk, Silo, Silos, StoreError, StoreErrorKind, Transaction, Write};

/// A row that is gone, as tombstones know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Departed {
    /// The table of its model.
    pub table: String,
    /// Its primary key.
    pub object: Pk,
}

/// Rows that went in one transaction and to which keys may lead, kept in that transaction: until all who have to know of
/// it know, and until it has been looked again for rows that refer to them, as indexes follow late.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Departure {
    /// Who is gone; not empty.
    pub departed: Vec<Departed>,
}

/// A departure that is not forgotten yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDeparture {
    /// What it is about.
    pub departure: Departure,
    /// Since when all who have to know of it know; none if they do not.
    pub told: Option<Timestamp>,
}

impl Departure {
    /// Who goes by a transaction, of those to whom keys may lead that say something of it; none if nobody does.
    pub fn by(catalog: &Catalog, transaction: &Transaction) -> Option<Self> {
        let going = transaction.writes.iter().filter(|write| write.deletes() && write.leaves_tombstone());
        let departed = |write: &Write| {
            let model = catalog.model(write.model());
            let mut keys = catalog.models().iter().flat_map(|model| &model.keys);
            let is_missed = keys.any(|key| key.on_delete.is_some() && key.target == Some(model.id));
            is_missed.then(|| Departed { table: model.table.clone(), object: write.row().pk })
        };
        let departed: Vec<Departed> = going.filter_map(departed).collect();
        (!departed.is_empty()).then_some(Self { departed })
    }

    /// What tells it from others: 32 hexadecimal digits that are made of who is gone.
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        for Departed { table, object } in &self.departed {
            hash.update(format!("{table}#{object}\n"));
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a silo knows of a row that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Tombstones are numbered from 1 in the order in which they can be seen: when one is there, so are all before it.
    pub id: Pk,
    /// Who is gone.
    pub departed: Departed,
    /// When the tombstone was written.
    pub created: Timestamp,
}

/// One of the two ways in which a key is reconciled (SPEC §10): bounded by its rows, or by tombstones.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Pass {
    /// Rows that were written after their tombstone.
    Rows,
    /// Rows that were there before it.
    Tombstones,
}

/// Which watermark is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatermarkKey {
    /// The model, by name.
    pub model: String,
    /// Its key, by field.
    pub field: String,
    /// The pass.
    pub pass: Pass,
}

impl WatermarkKey {
    /// The watermark of a model's key.
    pub fn new(model: &Model, key: &Key, pass: Pass) -> Self {
        Self { model: model.name.clone(), field: key.field.clone(), pass }
    }
}

impl fmt::Display for WatermarkKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{} by {}", self.model, self.field, self.pass)
    }
}

/// How far a pass is: everything up to `value` is dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermark {
    /// A primary key, or a tombstone's id.
    pub value: Pk,
    /// Each move has a transaction id of its own: the SHA-1 of the last one, in hexadecimal digits.
    pub transaction: String,
}

impl Watermark {
    /// Where a pass starts that has none.
    pub fn fresh(transaction: impl Into<String>) -> Self {
        Self { value: 0, transaction: transaction.into() }
    }

    /// The watermark after a move.
    #[must_use]
    pub fn moved_to(&self, value: Pk) -> Self {
        let digest = Sha1::digest(self.transaction.as_bytes());
        let transaction = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { value, transaction }
    }
}

/// Which rows are asked for, by primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Above which primary key.
    pub after: Pk,
    /// Up to which primary key.
    pub up_to: Pk,
    /// How many primary keys those of the rows may span, from the first row on; 1 or more.
    pub span: u64,
}

/// The next rows of a model, and which of them lead to somebody who is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowBatch {
    /// The first row's primary key.
    pub first: Pk,
    /// The last row's.
    pub last: Pk,
    /// Whether there is a row behind the span that is within reach.
    pub has_next: bool,
    /// The rows that lead to somebody who is gone, in order.
    pub orphans: Vec<Orphan>,
}

/// A row that leads to somebody who is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orphan {
    /// Its primary key.
    pub pk: Pk,
    /// To whom it leads.
    pub target: Pk,
    /// When the tombstone was written.
    pub gone: Timestamp,
}

/// Rows within reach that span no more than they may, each with where it leads; none if there is none.
pub(crate) struct Span {
    first: Pk,
    last: Pk,
    has_next: bool,
    rows: Vec<(Pk, Option<Pk>)>,
}

impl Span {
    /// The first of some rows in order, of which no more are looked at than there may be and one.
    pub(crate) fn of(rows: impl Iterator<Item = (Pk, Option<Pk>)>, reach: Reach) -> Option<Self> {
        let mut rows = rows.take_while(|(pk, _)| *pk <= reach.up_to).peekable();
        let first = rows.peek()?.0;
        let end = first.saturating_add_unsigned(reach.span.max(1) - 1);
        let within: Vec<(Pk, Option<Pk>)> =
            std::iter::from_fn(|| rows.next_if(|(pk, _)| *pk <= end)).collect();
        let last = within.last().map_or(first, |(pk, _)| *pk);
        Some(Self { first, last, has_next: rows.peek().is_some(), rows: within })
    }

    /// Whereto they lead, each once and in order.
    fn targets(&self) -> Vec<Pk> {
        let targets: BTreeSet<Pk> = self.rows.iter().filter_map(|(_, target)| *target).collect();
        targets.into_iter().collect()
    }

    /// Joins them with who is gone, and since when.
    pub(crate) fn join(self, gone: impl Fn(Pk) -> Option<Timestamp>) -> RowBatch {
        let orphans = self.rows.iter().filter_map(|(pk, target)| {
            let target = (*target)?;
            Some(Orphan { pk: *pk, target, gone: gone(target)? })
        });
        RowBatch { orphans: orphans.collect(), first: self.first, last: self.last, has_next: self.has_next }
    }
}

/// What came of the last run for a key; for people to look at, nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CascadeRun {
    /// The model, by name.
    pub model: String,
    /// Its key, by field.
    pub field: String,
    /// When it ended.
    pub ended: Timestamp,
    /// Whether more was left to do.
    pub has_more: bool,
    /// How many primary keys and tombstones were known to lie ahead of the watermarks.
    pub pending: u64,
    /// How old the oldest tombstone was that it met, in milliseconds; none if it met none.
    pub lag_millis: Option<u64>,
    /// What kept it from going on, if something did.
    pub error: Option<String>,
}

/// A store that knows how far keys across silos are reconciled, and which imports may still bring rows.
pub trait Watermarks: Silo {
    /// These watermarks, in the same order.
    fn watermarks(
        &self,
        keys: &[WatermarkKey],
    ) -> impl Future<Output = Result<Vec<Option<Watermark>>, StoreError>> + Send;

    /// Moves a watermark if it is still the one that was read; says whether it was.
    fn move_watermark(
        &self,
        key: &WatermarkKey,
        from: Option<&Watermark>,
        to: &Watermark,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Notes that rows of an import may appear from now on, or that they no longer do.
    fn note_open(&self, import: Uuid, is_open: bool) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The imports of which rows may still appear, as of now.
    fn open_imports(&self) -> impl Future<Output = Result<Vec<Uuid>, StoreError>> + Send;
}

/// A store that keeps what it takes to reconcile keys across silos. The contract suite says what each call promises.
pub trait Reconcile: Watermarks {
    /// Where one of the keys of a model's rows leads, by primary key, above `after`, at most `limit`, as of now.
    fn targets(
        &self,
        model: &Model,
        key: &str,
        after: Option<Pk>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<(Pk, Option<Pk>)>, StoreError>> + Send;

    /// The next rows of a model that are within reach, joined by one of their keys with the tombstones of a table (of
    /// none: nobody is gone), as of now; none if there is no row. Two queries, the rows and then the tombstones of those
    /// to whom they lead, unless the store can join.
    fn next_rows(
        &self,
        model: &Model,
        key: &str,
        table: Option<&str>,
        reach: Reach,
    ) -> impl Future<Output = Result<Option<RowBatch>, StoreError>> + Send {
        async move {
            let limit = usize::try_from(reach.span).unwrap_or(usize::MAX).saturating_add(1);
            let page = self.targets(model, key, Some(reach.after), limit).await?;
            let Some(span) = Span::of(page.items.into_iter(), reach) else { return Ok(None) };
            let targets = if table.is_some() { span.targets() } else { Vec::new() };
            let tombstones = self.tombstones_of(table.unwrap_or_default(), &targets).await?;
            let gone: HashMap<Pk, Timestamp> = tombstones
                .into_iter()
                .flatten()
                .map(|found| (found.departed.object, found.created))
                .collect();
            Ok(Some(span.join(|target| gone.get(&target).copied())))
        }
    }

    /// What [`Silo::write`] kept of rows that went ([`Departure::by`]), in any order, at most `limit`.
    fn departures(
        &self,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<PendingDeparture>, StoreError>> + Send;

    /// Notes since when all who have to know of a departure know of it, unless it is forgotten by now.
    fn note_told(
        &self,
        departure: &Departure,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Nothing is left to be done about a departure. That it was forgotten before is success.
    fn forget(&self, departure: &Departure) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes a tombstone for each, at `now`; one for each table and object, however often this is asked for. A
    /// tombstone takes its id in the transaction that writes it.
    fn bury(
        &self,
        departed: &[Departed],
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Tombstones by id, above `after`, at most `limit`, as of now.
    fn tombstones(
        &self,
        after: Pk,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Tombstone>, StoreError>> + Send;

    /// The id of the last tombstone; 0 if there is none.
    fn last_tombstone(&self) -> impl Future<Output = Result<Pk, StoreError>> + Send;

    /// The tombstones of objects of a table, in the same order.
    fn tombstones_of(
        &self,
        table: &str,
        objects: &[Pk],
    ) -> impl Future<Output = Result<Vec<Option<Tombstone>>, StoreError>> + Send;

    /// The highest primary key of a model that was given away; 0 if none was.
    fn highest(&self, model: &Model) -> impl Future<Output = Result<Pk, StoreError>> + Send;

    /// Keeps what came of a run, in place of the one before it for that key.
    fn note_run(&self, run: &CascadeRun) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The last run for each key that had one, by model and key.
    fn runs(&self) -> impl Future<Output = Result<Vec<CascadeRun>, StoreError>> + Send;
}

/// How often a watermark is read anew because others move it.
const MOVES_MAX: usize = 20;

/// The keys across silos of the models that live in a silo, in the catalogue's order (SPEC §10).
pub fn cross_silo_keys(catalog: &Catalog, silo: SiloKind) -> impl Iterator<Item = (&Model, &Key)> {
    let models = catalog.models().iter().filter(move |model| model.silo == silo);
    let keys = models.flat_map(|model| model.keys.iter().map(move |key| (model, key)));
    keys.filter(|(_, key)| key.kind == KeyKind::CrossSilo)
}

impl<S: Watermarks> Silos<'_, S> {
    /// Opens an import: from now on its rows may appear, also beneath primary keys that are there already. No watermark
    /// may have passed them (DESIGN §4), so that those which have go back, and a job under way, which does not know of
    /// the import, can move none. To be called before the first row is written, by whoever starts or resumes it.
    ///
    /// # Errors
    /// The store's.
    pub async fn open_import(&self, plan: &ImportPlan) -> Result<(), StoreError> {
        for (silo, kind) in [(self.cell, SiloKind::Cell), (self.control, SiloKind::Control)] {
            silo.note_open(plan.import, true).await?;
            let bounds: Vec<(WatermarkKey, Pk)> = cross_silo_keys(silo.catalog(), kind)
                .filter_map(|(model, key)| {
                    let range = plan.ranges.get(&model.name)?;
                    Some((WatermarkKey::new(model, key, Pass::Rows), range.start.saturating_sub(1)))
                })
                .collect();
            let keys: Vec<WatermarkKey> = bounds.iter().map(|(key, _)| key.clone()).collect();
            for ((key, bound), read) in bounds.into_iter().zip(silo.watermarks(&keys).await?) {
                hold_back(silo, plan, &key, bound, read).await?;
            }
        }
        Ok(())
    }

    /// Closes an import of which no more rows will appear. That it was closed before is success.
    ///
    /// # Errors
    /// The store's.
    pub async fn close_import(&self, import: Uuid) -> Result<(), StoreError> {
        for silo in [self.cell, self.control] {
            silo.note_open(import, false).await?;
        }
        Ok(())
    }
}

/// Moves a watermark, to the bound if it is above it.
async fn hold_back<S: Watermarks>(
    silo: &S,
    plan: &ImportPlan,
    key: &WatermarkKey,
    bound: Pk,
    mut read: Option<Watermark>,
) -> Result<(), StoreError> {
    for _ in 0..MOVES_MAX {
        let from = read.clone().unwrap_or_else(|| Watermark::fresh(plan.import.to_string()));
        if silo.move_watermark(key, read.as_ref(), &from.moved_to(from.value.min(bound))).await? {
            return Ok(());
        }
        read = silo.watermarks(std::slice::from_ref(key)).await?.pop().flatten();
    }
    Err(StoreError::new(StoreErrorKind::Contention, format!("holding back the watermark of {key}")))
}
