//! Writes one batch: settles it, registers its names, writes it, and settles it anew with what a refused write says.

use catalog::{Model, Rule};
use silo::{
    ChunkPosition, Conflict, ImportChunk, Pk, Silo, Silos, StoreError, StoreErrorKind, Transaction,
    UniqueKey, Write, WriteError,
};

use super::chunks;
use super::context::ImportContext;
use super::error::{ImportError, RowProblem};
use super::row::Candidate;
use super::settle::{Known, Settled, Settler};
use super::store_error;

/// How often a batch is settled anew because more turned out to be taken. Each time something new is learnt, so
/// that this is far more than ever needed.
pub(super) const SETTLE_ATTEMPTS_MAX: usize = 256;

/// What became of a batch.
pub(super) struct Written {
    /// What the silo remembers of it; none when it came to nothing.
    pub(super) chunk: Option<ImportChunk>,
    /// Who wrote it.
    pub(super) by: Writer,
}

/// Which run wrote a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// One that had ended before this one began.
    Earlier,
    /// Another one, while this one was at it.
    Faster,
    /// This one.
    Ourselves,
}

/// One batch on its way into its silo.
pub(super) struct BatchWriter<'a, S> {
    pub(super) silos: Silos<'a, S>,
    pub(super) context: ImportContext<'a>,
    pub(super) known: Known,
    pub(super) model: &'a Model,
}

impl<'a, S: Silo> BatchWriter<'a, S> {
    pub(super) fn new(silos: Silos<'a, S>, context: ImportContext<'a>, model: &'a Model) -> Self {
        Self { silos, context, known: Known::default(), model }
    }

    /// Settles and writes a batch; answers with its chunk, or with the one that a faster run wrote.
    pub(super) async fn write(
        mut self,
        position: &ChunkPosition,
        candidates: &[Candidate],
    ) -> Result<Written, ImportError> {
        let model = self.model;
        let failed = |source| store_error(&model.name, source);
        self.look_ahead(candidates).await.map_err(failed)?;
        for _ in 0..SETTLE_ATTEMPTS_MAX {
            let settled = Settler::new(self.context, model, &self.known).settle(candidates)?;
            if settled.mapped.is_empty() {
                return Ok(Written { chunk: None, by: Writer::Ourselves });
            }
            if !self.register(&settled.registrations).await? {
                continue;
            }
            let chunk = self.chunk(position, &settled);
            let ImportContext { catalog, plan, .. } = self.context;
            let transaction = plan.transaction(catalog, settled.writes, Some(chunk.clone()));
            match self.silos.of(model).write(&transaction).await {
                Ok(()) => return Ok(Written { chunk: Some(chunk), by: Writer::Ourselves }),
                Err(WriteError::Conflict(conflict)) if conflict.chunk_exists => {
                    let import = self.context.plan.import;
                    let chunk = chunks::of_faster_run(self.silos, import, model, position).await?;
                    self.agree(&chunk, candidates).await?;
                    return Ok(Written { chunk: Some(chunk), by: Writer::Faster });
                }
                Err(WriteError::Conflict(conflict)) => {
                    self.learn_conflict(&transaction, &settled.origins, &conflict).await?;
                }
                Err(WriteError::RowTooLarge { write }) => {
                    let problem = RowProblem::validation(
                        "the row, or the one that it replaces, is larger than the store can keep",
                    );
                    return Err(self.at_origin(&settled.origins, write, problem));
                }
                Err(WriteError::Store(source)) => return Err(failed(source)),
            }
        }
        let action = format!("settling a batch of {} against a store that keeps changing", model.name);
        Err(failed(StoreError::new(StoreErrorKind::Contention, action)))
    }

    /// Answers with the chunk that an earlier run wrote, if it wrote one.
    pub(super) async fn found(
        mut self,
        chunk: Option<ImportChunk>,
        candidates: &[Candidate],
    ) -> Result<Written, ImportError> {
        if let Some(chunk) = &chunk {
            self.agree(chunk, candidates).await?;
        }
        Ok(Written { chunk, by: Writer::Earlier })
    }

    fn chunk(&self, position: &ChunkPosition, settled: &Settled) -> ImportChunk {
        ImportChunk {
            import: self.context.plan.import,
            model: position.model.clone(),
            min_ordinal: position.min_ordinal,
            mapped: settled.mapped.clone(),
            identifiers: settled.identifiers.clone(),
        }
    }

    /// Reads what the batch is bound to meet, so that its first write can succeed: rows made automatically, and
    /// rows that are kept when they are there.
    async fn look_ahead(&mut self, candidates: &[Candidate]) -> Result<(), StoreError> {
        for rule in &self.model.rules {
            let Rule::KeepIfTaken(natural_key) = rule else { continue };
            let keys = unique_keys(self.model, natural_key, candidates);
            let holders = self.silos.of(self.model).holders(&keys).await?;
            let held = keys.into_iter().zip(holders);
            self.known.holders.extend(held.filter_map(|(key, holder)| Some((key, holder?))));
        }
        let first = candidates.iter().filter_map(|candidate| candidate.first_automatic);
        self.read_rows(self.model, first.collect()).await?;
        let likely: Vec<Pk> = candidates.iter().filter_map(|candidate| candidate.likely_automatic).collect();
        self.read_rows(self.model, likely.clone()).await?;
        for pk in likely {
            if let Some(row) = self.known.rows.get(&(self.model.id, pk)) {
                let keys = UniqueKey::of(self.model, &row.row.fields);
                self.known.holders.extend(keys.into_iter().map(|key| (key, pk)));
            }
        }
        Ok(())
    }

    pub(super) async fn read_rows(&mut self, model: &Model, mut pks: Vec<Pk>) -> Result<(), StoreError> {
        pks.sort_unstable();
        pks.dedup();
        if pks.is_empty() {
            return Ok(());
        }
        let rows = self.silos.of(model).get(model, &pks).await?;
        for (pk, row) in pks.into_iter().zip(rows) {
            match row {
                Some(row) => drop(self.known.rows.insert((model.id, pk), row)),
                None => drop(self.known.rows.remove(&(model.id, pk))),
            }
        }
        Ok(())
    }

    /// A row that was replaced has another revision now.
    pub(super) fn forget_rows(&mut self, transaction: &Transaction) {
        for write in &transaction.writes {
            self.known.rows.remove(&(write.model(), write.row().pk));
        }
    }

    /// Remembers what a refused write found out; the batch is settled anew with it.
    async fn learn_conflict(
        &mut self,
        transaction: &Transaction,
        origins: &[(u64, Pk)],
        conflict: &Conflict,
    ) -> Result<(), ImportError> {
        let model = self.model;
        let mut holders = self.learn_taken(transaction, conflict);
        for position in &conflict.changed {
            match transaction.writes.get(*position).and_then(Write::before) {
                Some(before) => holders.push(before.row.pk),
                None => {
                    let problem = RowProblem::integrity("its primary key is in use");
                    return Err(self.at_origin(origins, *position, problem));
                }
            }
        }
        self.read_rows(model, holders.clone()).await.map_err(|source| store_error(&model.name, source))?;
        // A holder that is gone, or that has another value by now, holds nothing any more.
        for pk in holders {
            let held = self.known.rows.get(&(model.id, pk));
            let held = held.map(|stored| UniqueKey::of(model, &stored.row.fields)).unwrap_or_default();
            self.known
                .holders
                .retain(|key, holder| key.model != model.id || *holder != pk || held.contains(key));
        }
        Ok(())
    }

    /// Remembers who has the values that a refused write wanted; answers with those that are rows of the batch's model.
    pub(super) fn learn_taken(&mut self, transaction: &Transaction, conflict: &Conflict) -> Vec<Pk> {
        let mut holders = Vec::new();
        for taken in &conflict.taken {
            let write = transaction.writes.get(taken.write);
            let key = write.and_then(|write| write.takes().iter().find(|key| key.set == taken.set));
            if let Some(key) = key {
                self.known.holders.insert(key.clone(), taken.holder);
                holders.extend((taken.model == self.model.id).then_some(taken.holder));
            }
        }
        holders
    }

    fn at_origin(&self, origins: &[(u64, Pk)], write: usize, problem: RowProblem) -> ImportError {
        let (ordinal, source_pk) = origins.get(write).copied().unwrap_or_default();
        problem.at(&self.model.name, ordinal, source_pk)
    }
}

fn unique_keys(model: &Model, natural_key: &[String], candidates: &[Candidate]) -> Vec<UniqueKey> {
    let Some((position, _)) = model.unique_set(natural_key) else { return Vec::new() };
    let keys = candidates.iter().flat_map(|candidate| &candidate.takes);
    let mut keys: Vec<UniqueKey> = keys.filter(|key| key.set == position).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
