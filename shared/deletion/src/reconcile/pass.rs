//! One pass over one batch: what is above the watermark, what of it leads to somebody who is gone, and what becomes of
//! that.

use std::collections::HashMap;

use catalog::OnDelete;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use silo::{
    Orphan, Page, Pass, Pk, Reach, Reconcile, RowBatch, StoreError, StoreErrorKind, Tombstone, Watermark,
    WatermarkKey,
};

use super::{CrossSiloKey, PassReport, Reconciler};
use crate::leading::Leading;
use crate::rows::{delete_leading, set_null};
use crate::{CHUNK, Deleted, DeletionError, Watch};

/// How many tombstones are asked for their rows at once.
const CONCURRENT: usize = 8;

pub(super) struct PassRun<'a, S> {
    pub(super) of: &'a Reconciler<'a, S>,
    pub(super) key: CrossSiloKey<'a>,
    pub(super) on_delete: OnDelete,
    pub(super) pass: Pass,
}

/// What a batch has to look at.
struct Batch {
    low: Pk,
    up: Pk,
    /// Whether there is something behind it that can be looked at now.
    has_next: bool,
    /// How many ids may be ahead, those included that cannot be looked at yet.
    ahead: u64,
    found: Found,
}

/// Where rows are looked for that lead to somebody who is gone.
enum Found {
    /// These rows do.
    Rows(Vec<Orphan>),
    /// Whatever leads to these does.
    Tombstones(Vec<Tombstone>),
}

impl<S: Reconcile> PassRun<'_, S> {
    pub(super) async fn run(&self, watch: &mut impl Watch) -> Result<PassReport, DeletionError> {
        let watermark_key = WatermarkKey::new(self.key.model, self.key.key, self.pass);
        // The watermark is read first: whoever opens an import moves it after the import can be seen, so that a bound
        // that does not know of the import moves none.
        let read = self.of.silo.watermarks(std::slice::from_ref(&watermark_key)).await?.pop().flatten();
        let from = read.clone().unwrap_or_else(|| Watermark::fresh(self.of.fresh.clone()));
        let batch = match self.pass {
            Pass::Rows => self.batch_of_rows(from.value).await?,
            Pass::Tombstones => self.batch_of_tombstones(from.value).await?,
        };
        let Some(batch) = batch else {
            return Ok(PassReport { low: from.value, up: from.value, ..PassReport::default() });
        };
        let oldest = batch.found.oldest();
        let (done, is_whole) = self.apply(batch.found, watch).await?;
        let mut report = PassReport {
            low: batch.low,
            up: batch.up,
            ahead: batch.ahead,
            deleted: done.deleted.get(&self.key.model.name).copied().unwrap_or(0),
            nulled: done.keys(),
            oldest,
            has_more: batch.has_next,
            was_overtaken: false,
        };
        if is_whole {
            let to = from.moved_to(batch.up);
            if !self.of.silo.move_watermark(&watermark_key, read.as_ref(), &to).await? {
                (report.has_more, report.was_overtaken) = (false, true);
            }
        } else {
            report.has_more = true;
        }
        Ok(report)
    }

    /// The next rows above a watermark whose ids span a batch, and what of them leads to somebody who is gone; none if
    /// there is no row.
    async fn batch_of_rows(&self, watermark: Pk) -> Result<Option<Batch>, DeletionError> {
        let CrossSiloKey { model, key, .. } = self.key;
        let bound = self.lowest_open_pk().await?.map_or(Pk::MAX, |lowest| lowest.saturating_sub(1));
        let reach = Reach { after: watermark, up_to: bound, span: self.of.settings.batch.max(1) };
        let next = self.of.silo.next_rows(model, &key.field, self.key.table, reach).await?;
        let Some(RowBatch { first, last, has_next, orphans }) = next else { return Ok(None) };
        let low = first - 1;
        // As in the original, the bound is the last row if there is no further one.
        let up = if has_next { low.saturating_add_unsigned(reach.span) } else { last };
        let ahead = self.of.silo.highest(model).await?.saturating_sub(up);
        let ahead = u64::try_from(ahead).unwrap_or(0).max(u64::from(has_next));
        Ok(Some(Batch { low, up, has_next, ahead, found: Found::Rows(orphans) }))
    }

    /// Below which primary key no row may still appear, as far as open imports are concerned.
    async fn lowest_open_pk(&self) -> Result<Option<Pk>, DeletionError> {
        let mut lowest: Option<Pk> = None;
        for import in self.of.silo.open_imports().await? {
            let plan = self.of.silo.plan(import).await?.ok_or_else(|| {
                let action = format!("reading the plan of import {import}, which is open and has none,");
                StoreError::new(StoreErrorKind::Corrupt, action)
            })?;
            let start = plan.ranges.get(&self.key.model.name).map(|range| range.start);
            lowest = start.into_iter().chain(lowest).min();
        }
        Ok(lowest)
    }

    /// The next tombstones above a watermark that are old enough; none if there is none.
    async fn batch_of_tombstones(&self, watermark: Pk) -> Result<Option<Batch>, DeletionError> {
        let settled = |tombstone: &Tombstone| {
            let age = self.of.now.duration_since(tombstone.created);
            age >= self.of.settings.settling.try_into().unwrap_or_default()
        };
        let limit = self.batch_size();
        let page = self.of.silo.tombstones(watermark, limit.saturating_add(1)).await?;
        // Only a run without a gap may be passed.
        let mut tombstones: Vec<Tombstone> = page.into_iter().take_while(settled).collect();
        let has_next = tombstones.len() > limit;
        tombstones.truncate(limit);
        let (Some(first), Some(last)) = (tombstones.first(), tombstones.last()) else { return Ok(None) };
        let (low, up) = (first.id - 1, last.id);
        let newest = self.of.silo.last_tombstone().await?;
        let ahead = u64::try_from(newest.saturating_sub(up)).unwrap_or(0);
        tombstones.retain(|tombstone| Some(tombstone.departed.table.as_str()) == self.key.table);
        Ok(Some(Batch { low, up, has_next, ahead, found: Found::Tombstones(tombstones) }))
    }

    fn batch_size(&self) -> usize {
        usize::try_from(self.of.settings.batch.max(1)).unwrap_or(usize::MAX)
    }

    /// Does to rows what their key says. Whether nothing was left to do: what deletes is run again, and the next time
    /// there is nothing to delete.
    async fn apply(&self, found: Found, watch: &mut impl Watch) -> Result<(Deleted, bool), DeletionError> {
        let mut rows = match (self.on_delete, found) {
            (OnDelete::Cascade | OnDelete::SetNull, Found::Rows(orphans)) => Rows::known(&orphans),
            (OnDelete::Cascade | OnDelete::SetNull, Found::Tombstones(tombstones)) => Rows::of(tombstones),
            (OnDelete::DoNothing | OnDelete::Protect, _) => return Ok((Deleted::default(), true)),
        };
        let mut done = Deleted::default();
        loop {
            if !watch.goes_on(&done).await {
                return Ok((done, false));
            }
            let Some(chunk) = self.next_chunk(&mut rows).await? else { return Ok((done, true)) };
            if self.on_delete == OnDelete::SetNull {
                for (target, pks) in by_target(chunk) {
                    let nulled = set_null(self.of.silo, self.key.model, self.key.key, target, &pks).await?;
                    *done.nulled.entry(self.key.key.field.clone()).or_default() += nulled;
                }
            } else {
                let leading = Leading::new(self.key.key, chunk);
                let done = delete_leading(self.of.silo, self.key.model, &leading, watch).await?;
                if done != Deleted::default() {
                    return Ok((done, false));
                }
            }
        }
    }

    /// Up to a chunk of rows that lead to somebody who is gone, as far as the index knows; none when there are no more.
    async fn next_chunk(&self, rows: &mut Rows) -> Result<Option<Vec<(Pk, Pk)>>, StoreError> {
        match rows {
            Rows::Known(rows) => {
                let chunk: Vec<(Pk, Pk)> = rows.drain(..rows.len().min(CHUNK)).collect();
                Ok((!chunk.is_empty()).then_some(chunk))
            }
            Rows::Referring { targets, after } => loop {
                let asked: Vec<Pk> = targets.iter().take(CONCURRENT).copied().collect();
                let Some(first) = asked.first().copied() else { return Ok(None) };
                let (model, field) = (self.key.model, &self.key.key.field);
                // Most of them have no rows, or few: then several are done with at once.
                let pages: Vec<Page<Pk>> = stream::iter(asked.iter().zip(0..).map(|(target, place)| {
                    let after = if place == 0 { *after } else { None };
                    self.of.silo.referring(model, field, *target, after, CHUNK)
                }))
                .buffered(CONCURRENT)
                .try_collect()
                .await?;
                let mut chunk = Vec::new();
                let mut done = 0;
                for (target, page) in asked.iter().zip(pages) {
                    if *target != first && chunk.len() + page.items.len() > CHUNK {
                        break;
                    }
                    chunk.extend(page.items.into_iter().map(|pk| (pk, *target)));
                    *after = page.next;
                    if page.next.is_some() {
                        break;
                    }
                    done += 1;
                }
                targets.drain(..done);
                if !chunk.is_empty() {
                    return Ok(Some(chunk));
                }
            },
        }
    }
}

impl Found {
    fn oldest(&self) -> Option<Timestamp> {
        match self {
            Self::Rows(orphans) => orphans.iter().map(|orphan| orphan.gone).min(),
            Self::Tombstones(tombstones) => tombstones.iter().map(|tombstone| tombstone.created).min(),
        }
    }
}

/// Rows that are yet to be dealt with.
enum Rows {
    /// These, each with its target.
    Known(Vec<(Pk, Pk)>),
    /// Those that lead to these targets; to the first of them, behind a row.
    Referring { targets: Vec<Pk>, after: Option<Pk> },
}

impl Rows {
    fn known(orphans: &[Orphan]) -> Self {
        Self::Known(orphans.iter().map(|orphan| (orphan.pk, orphan.target)).collect())
    }

    fn of(tombstones: Vec<Tombstone>) -> Self {
        let targets = tombstones.into_iter().map(|tombstone| tombstone.departed.object).collect();
        Self::Referring { targets, after: None }
    }
}

fn by_target(rows: Vec<(Pk, Pk)>) -> HashMap<Pk, Vec<Pk>> {
    let mut by_target: HashMap<Pk, Vec<Pk>> = HashMap::new();
    for (pk, target) in rows {
        by_target.entry(target).or_default().push(pk);
    }
    by_target
}
