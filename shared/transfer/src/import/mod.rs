//! Imports an export into an instance (SPEC §7): every row in scope exactly once, with a new primary key.
//!
//! Two passes over the file: a census counts rows and finds out what a filter admits; then batches are
//! prepared, settled and written in the order of the file. Organisation tokens need a third one: they come
//! last, when slugs are final.

mod batches;
mod census;
mod error;
mod fields;
mod pk_map;
mod plan;
mod random;
mod register;
mod report;
mod row;
mod settle;
mod slugs;
mod tokens;
mod users;

use std::collections::HashMap;
use std::future::Future;
use std::io::Read;

use catalog::{Catalog, ImportScope, Model, Rule};
use silo::{
    ChunkPosition, Conflict, Filter, ImportChunk, ImportPlan, Silo, Silos, StoreError, StoreErrorKind,
    Transaction, UniqueKey, Write, WriteError,
};

pub use census::Census;
pub use error::{FailedRow, ImportError, ImportErrorKind};
pub use pk_map::PkMap;
pub use plan::{ImportRequest, TRANSACTION_ITEMS_MAX};
pub use report::{
    DROPPED_LISTED_MAX, DropReason, Dropped, ImportReport, ModelReport, Renamed, UNKNOWN_NAME_BYTES_MAX,
    UNKNOWN_NAMED_MAX, UNKNOWN_OTHERS,
};

use batches::{Batch, Batches};
use error::RowProblem;
use report::count_unknown;
use row::{Candidate, Prepared, RowContext};
use settle::{Known, Settled, Settler};

use crate::dates;
use crate::rows::RowReader;

/// A file that can be read more than once.
pub trait ExportSource: Sync {
    /// One reading of it.
    type Reader: Read + Send;

    /// Starts reading at the beginning.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn open(&self) -> std::io::Result<Self::Reader>;
}

impl ExportSource for [u8] {
    type Reader = std::io::Cursor<Vec<u8>>;

    fn open(&self) -> std::io::Result<Self::Reader> {
        Ok(std::io::Cursor::new(self.to_vec()))
    }
}

/// Watches an import, and may stop it between two batches.
pub trait Watch: Send {
    /// Asked before each batch; what was written until then stays when it says stop.
    fn proceed(&mut self, progress: Progress) -> impl Future<Output = Proceed> + Send;
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows of the file dealt with.
    pub rows_done: u64,
    /// Rows in the file, but for those of models that the catalogue does not know.
    pub rows_total: u64,
    /// Batches that this call has written; those that it found written do not count.
    pub batches_written: u64,
}

/// Whether an import goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proceed {
    /// It does.
    GoOn,
    /// It stops here and may be resumed.
    Stop,
}

/// Lets an import run to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    async fn proceed(&mut self, _: Progress) -> Proceed {
        Proceed::GoOn
    }
}

/// How an import ended, short of an error.
#[derive(Debug)]
pub struct ImportOutcome {
    /// Whether everything was dealt with; otherwise it was stopped and may be resumed.
    pub finished: bool,
    /// What it did, including what earlier runs of it did.
    pub report: ImportReport,
    /// Which primary key each row has.
    pub pk_map: PkMap,
    /// The decisions it rests on.
    pub plan: ImportPlan,
}

/// Imports a file, or resumes the import that has this uuid.
///
/// # Errors
/// The first row that cannot be imported, or whatever keeps the import from going on; what was written
/// before stays, and the same call goes on behind it.
pub async fn import<S: Silo, E: ExportSource + ?Sized>(
    silos: Silos<'_, S>,
    source: &E,
    request: &ImportRequest,
    watch: &mut impl Watch,
) -> Result<ImportOutcome, ImportError> {
    if request.scope == ImportScope::Global {
        let reason = "an import in Global scope is not offered yet";
        return Err(ImportError::request(ImportErrorKind::UnspecifiedScope, reason));
    }
    if request.import.is_nil() {
        return Err(ImportError::request(ImportErrorKind::MissingImportUUID, "it has no uuid"));
    }
    let catalog = silos.cell.catalog();
    if request.filter != Filter::All && catalog.tenancy().is_none() {
        let reason = "its catalogue does not say what filters look at";
        return Err(ImportError::request(ImportErrorKind::ValidationError, reason));
    }
    let mut reader = RowReader::new(source.open().map_err(ImportError::Open)?);
    let census = Census::take(catalog, &mut reader, &request.filter)?;
    let rows_total = catalog.models().iter().map(|model| census.rows(model.id)).sum();
    let plan = plan::plan(silos, &census, request).await.map_err(|source| store_error("the plan", source))?;
    check_same_import(&plan, request)?;
    let mut importer = Importer {
        catalog,
        silos,
        plan: &plan,
        now: dates::text(plan.now),
        census: &census,
        rows_total,
        chunks: load_chunks(silos, &plan).await?,
        pk_map: PkMap::new(catalog),
        known: Known::default(),
        batches_written: 0,
        report: ImportReport { unknown_models: census.unknown_models().clone(), ..ImportReport::default() },
    };
    let mut finished = true;
    for pass in [Pass::Main, Pass::HeldBack] {
        if finished && importer.has_rows(pass) {
            let reader = RowReader::new(source.open().map_err(ImportError::Open)?);
            finished = importer.run(pass, reader, watch).await?;
        }
    }
    let Importer { report, pk_map, .. } = importer;
    Ok(ImportOutcome { finished, report, pk_map, plan })
}

fn store_error(model: &str, source: StoreError) -> ImportError {
    ImportError::Store { model: model.to_owned(), source }
}

/// A plan is only good for the file, the scope, the flags and the filter it was made for.
fn check_same_import(plan: &ImportPlan, request: &ImportRequest) -> Result<(), ImportError> {
    let changed = [
        ("another file", plan.source_version != request.source_version),
        ("another scope", plan.scope != request.scope),
        ("other flags", plan.flags != request.flags),
        ("another filter", plan.filter != request.filter),
    ];
    match changed.into_iter().find(|(_, changed)| *changed) {
        None => Ok(()),
        Some((what, _)) => {
            let reason = format!("the import {} was begun with {what}", plan.import);
            Err(ImportError::request(ImportErrorKind::IntegrityError, reason))
        }
    }
}

/// How many chunks one request reads.
const CHUNKS_PER_PAGE: usize = 500;

/// The batches that earlier runs wrote. Chunks of control models that did not reach the cell are copied now.
async fn load_chunks<S: Silo>(
    silos: Silos<'_, S>,
    plan: &ImportPlan,
) -> Result<HashMap<ChunkPosition, ImportChunk>, ImportError> {
    let failed = |source| store_error("the chunks", source);
    let mut chunks = HashMap::new();
    for (silo, is_cell) in [(silos.cell, true), (silos.control, false)] {
        let mut after = None;
        loop {
            let page = silo.chunks(plan.import, after, CHUNKS_PER_PAGE).await.map_err(failed)?;
            for chunk in page.items {
                let position = chunk.position();
                if !is_cell && !chunks.contains_key(&position) {
                    silos.cell.replicate_chunk(&chunk).await.map_err(failed)?;
                }
                chunks.insert(position, chunk);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(chunks)
}

/// Which rows a pass over the file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Main,
    HeldBack,
}

impl Pass {
    fn of(model: &Model) -> Pass {
        if model.rules.contains(&Rule::HoldBack) { Pass::HeldBack } else { Pass::Main }
    }
}

/// How often a batch is settled anew because more turned out to be taken. Each time something new is learnt, so
/// that this is far more than ever needed.
const SETTLE_ATTEMPTS_MAX: usize = 256;

struct Importer<'a, S> {
    catalog: &'a Catalog,
    silos: Silos<'a, S>,
    plan: &'a ImportPlan,
    now: String,
    census: &'a Census,
    rows_total: u64,
    chunks: HashMap<ChunkPosition, ImportChunk>,
    pk_map: PkMap,
    known: Known,
    batches_written: u64,
    report: ImportReport,
}

impl<S: Silo> Importer<'_, S> {
    fn has_rows(&self, pass: Pass) -> bool {
        pass == Pass::Main
            || self
                .catalog
                .models()
                .iter()
                .any(|model| Pass::of(model) == pass && self.census.rows(model.id) > 0)
    }

    /// Goes through the file once; false when it was stopped.
    async fn run<R: Read + Send>(
        &mut self,
        pass: Pass,
        reader: RowReader<R>,
        watch: &mut impl Watch,
    ) -> Result<bool, ImportError> {
        let mut batches = Batches::new(self.catalog, self.plan.transaction_items, reader);
        while let Some(batch) = batches.next_batch()? {
            let Some(model) = self.catalog.find(&batch.model).filter(|model| Pass::of(model) == pass) else {
                continue;
            };
            let progress = Progress {
                rows_done: self.report.rows_done(),
                rows_total: self.rows_total,
                batches_written: self.batches_written,
            };
            if watch.proceed(progress).await == Proceed::Stop {
                return Ok(false);
            }
            self.import_batch(model, batch).await?;
        }
        Ok(true)
    }

    async fn import_batch(&mut self, model: &Model, batch: Batch) -> Result<(), ImportError> {
        self.report.model(&model.name).in_file += batch.rows.len() as u64;
        let min_ordinal = batch.min_ordinal;
        let candidates = self.prepare(model, batch)?;
        let position = ChunkPosition::new(model, min_ordinal);
        let chunk = match self.chunks.remove(&position) {
            Some(chunk) => Some(chunk),
            None if candidates.is_empty() => None,
            None => self.write(model, position, &candidates).await?,
        };
        self.learn(model, chunk.as_ref(), &candidates);
        Ok(())
    }

    /// Takes the rows of a batch as far as they go without the store, and counts those that end there.
    fn prepare(&mut self, model: &Model, batch: Batch) -> Result<Vec<Candidate>, ImportError> {
        let mut candidates: Vec<Candidate> = Vec::with_capacity(batch.rows.len());
        for (ordinal, row) in (batch.min_ordinal..).zip(batch.rows) {
            let source_pk = row.pk;
            let context = self.context();
            let prepared = context
                .prepare(model, ordinal, row)
                .and_then(|prepared| match candidates.iter().any(|earlier| earlier.source_pk == source_pk) {
                    true => Err(RowProblem::integrity("another row of the file has the same primary key")),
                    false => Ok(prepared),
                })
                .map_err(|problem| problem.at(&model.name, ordinal, source_pk))?;
            match prepared {
                Prepared::Candidate(candidate) => {
                    for field in &candidate.unknown_fields {
                        count_unknown(&mut self.report.unknown_fields, &format!("{}.{field}", model.name));
                    }
                    candidates.push(candidate);
                }
                Prepared::OutOfScope => self.report.model(&model.name).out_of_scope += 1,
                Prepared::Filtered => self.report.model(&model.name).filtered += 1,
                Prepared::Dropped(reason) => {
                    self.report.drop_row(Dropped { model: model.name.clone(), ordinal, source_pk, reason });
                }
            }
        }
        Ok(candidates)
    }

    fn context(&self) -> RowContext<'_> {
        RowContext {
            catalog: self.catalog,
            plan: self.plan,
            now: &self.now,
            census: self.census,
            pk_map: &self.pk_map,
        }
    }

    /// Settles and writes a batch; answers with its chunk, or with the one that a faster run wrote.
    async fn write(
        &mut self,
        model: &Model,
        position: ChunkPosition,
        candidates: &[Candidate],
    ) -> Result<Option<ImportChunk>, ImportError> {
        let silo = self.silos.of(model);
        self.look_ahead(model, candidates).await.map_err(|source| store_error(&model.name, source))?;
        for _ in 0..SETTLE_ATTEMPTS_MAX {
            let settled = Settler::new(&self.context(), model, &self.known).settle(candidates)?;
            let Some(transaction) = self.transaction(&position, &settled) else {
                return Ok(None);
            };
            if !self.register(&settled.registrations).await? {
                continue;
            }
            match silo.write(&transaction).await {
                Ok(()) => return self.written(model, transaction).await.map(Some),
                Err(WriteError::Conflict(conflict)) if conflict.chunk_exists => {
                    let chunk = self.faster_run(model, &position).await?;
                    self.agree(model, &chunk).await?;
                    return Ok(Some(chunk));
                }
                Err(WriteError::Conflict(conflict)) => {
                    self.learn_conflict(model, &transaction, &settled, &conflict).await?;
                }
                Err(WriteError::RowTooLarge { write }) => {
                    let problem = RowProblem::validation("the row is larger than the store can keep");
                    return Err(self.at_origin(model, &settled, write, problem));
                }
                Err(WriteError::Store(source)) => return Err(store_error(&model.name, source)),
            }
        }
        let action = format!("settling a batch of {} against a store that keeps changing", model.name);
        Err(store_error(&model.name, StoreError::new(StoreErrorKind::Contention, action)))
    }

    fn transaction(&self, position: &ChunkPosition, settled: &Settled) -> Option<Transaction> {
        if settled.mapped.is_empty() {
            return None;
        }
        let chunk = ImportChunk {
            import: self.plan.import,
            model: position.model.clone(),
            min_ordinal: position.min_ordinal,
            mapped: settled.mapped.clone(),
            identifiers: settled.identifiers.clone(),
        };
        Some(Transaction { writes: settled.writes.clone(), chunk: Some(chunk) })
    }

    async fn written(&mut self, model: &Model, transaction: Transaction) -> Result<ImportChunk, ImportError> {
        self.forget_rows(&transaction);
        let Some(chunk) = transaction.chunk else {
            return Err(ImportError::request(
                ImportErrorKind::Unknown,
                "a batch was written without its chunk",
            ));
        };
        self.replicate(model, &chunk).await?;
        self.batches_written += 1;
        Ok(chunk)
    }

    /// A row that was replaced has another revision now.
    fn forget_rows(&mut self, transaction: &Transaction) {
        for write in &transaction.writes {
            self.known.rows.remove(&(write.model(), write.row().pk));
        }
    }

    async fn replicate(&self, model: &Model, chunk: &ImportChunk) -> Result<(), ImportError> {
        if model.silo == catalog::SiloKind::Control {
            let copied = self.silos.cell.replicate_chunk(chunk).await;
            copied.map_err(|source| store_error(&model.name, source))?;
        }
        Ok(())
    }

    async fn faster_run(&self, model: &Model, position: &ChunkPosition) -> Result<ImportChunk, ImportError> {
        let chunk = self.silos.of(model).chunk(self.plan.import, position).await;
        let chunk = chunk.map_err(|source| store_error(&model.name, source))?;
        let vanished = || {
            let error =
                StoreError::new(StoreErrorKind::Corrupt, "reading a chunk that was there a moment ago");
            store_error(&model.name, error)
        };
        let chunk = chunk.ok_or_else(vanished)?;
        self.replicate(model, &chunk).await?;
        Ok(chunk)
    }

    /// Reads what a batch is bound to meet, so that its first write can succeed: rows made automatically, and
    /// rows that are kept when they are there.
    async fn look_ahead(&mut self, model: &Model, candidates: &[Candidate]) -> Result<(), StoreError> {
        let silo = self.silos.of(model);
        let mut pks = Vec::new();
        for rule in &model.rules {
            let natural_key = match rule {
                Rule::ReplaceAutomatic(fields) | Rule::KeepIfTaken(fields) => fields,
                Rule::ReplaceFirstAutomatic(_) => {
                    let context = self.context();
                    let made = candidates
                        .iter()
                        .filter_map(|row| settle::automatic_pk(&context, model, &row.fields));
                    pks.extend(made);
                    continue;
                }
                _ => continue,
            };
            let keys = unique_keys(model, natural_key, candidates);
            let holders = silo.holders(&keys).await?;
            for (key, holder) in keys.into_iter().zip(holders) {
                if let Some(holder) = holder {
                    self.known.holders.insert(key, holder);
                    pks.extend(matches!(rule, Rule::ReplaceAutomatic(_)).then_some(holder));
                }
            }
        }
        self.read_rows(model, pks).await
    }

    async fn read_rows(&mut self, model: &Model, mut pks: Vec<silo::Pk>) -> Result<(), StoreError> {
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

    /// Remembers what a refused write found out; the batch is settled anew with it.
    async fn learn_conflict(
        &mut self,
        model: &Model,
        transaction: &Transaction,
        settled: &Settled,
        conflict: &Conflict,
    ) -> Result<(), ImportError> {
        let mut holders = Vec::new();
        for taken in &conflict.taken {
            let owner = self.catalog.model(taken.model);
            let row = transaction.writes.get(taken.write).map(Write::row);
            let set = owner.uniques.get(taken.set);
            let key =
                row.zip(set).and_then(|(row, set)| UniqueKey::in_set(owner, taken.set, set, &row.fields));
            if let Some(key) = key {
                self.known.holders.insert(key, taken.holder);
                holders.extend((owner.id == model.id).then_some(taken.holder));
            }
        }
        for position in &conflict.changed {
            match transaction.writes.get(*position) {
                Some(Write::Replace { before, .. }) => holders.push(before.row.pk),
                _ => {
                    let problem = RowProblem::integrity("its primary key is in use");
                    return Err(self.at_origin(model, settled, *position, problem));
                }
            }
        }
        self.read_rows(model, holders.clone()).await.map_err(|source| store_error(&model.name, source))?;
        // A holder that is gone, or that has another value by now, holds nothing any more.
        for pk in holders {
            let held =
                self.known.rows.get(&(model.id, pk)).map(|stored| UniqueKey::of(model, &stored.row.fields));
            let held = held.unwrap_or_default();
            self.known
                .holders
                .retain(|key, holder| key.model != model.id || *holder != pk || held.contains(key));
        }
        Ok(())
    }

    fn at_origin(&self, model: &Model, settled: &Settled, write: usize, problem: RowProblem) -> ImportError {
        let (ordinal, source_pk) = settled.origins.get(write).copied().unwrap_or_default();
        problem.at(&model.name, ordinal, source_pk)
    }

    /// Takes in what became of a batch, whoever wrote its chunk; what the chunk does not map was settled away.
    fn learn(&mut self, model: &Model, chunk: Option<&ImportChunk>, candidates: &[Candidate]) {
        let mapped: HashMap<_, _> =
            chunk.iter().flat_map(|chunk| &chunk.mapped).map(|row| (row.source, row)).collect();
        for candidate in candidates {
            let (ordinal, source_pk) = (candidate.ordinal, candidate.source_pk);
            let Some(row) = mapped.get(&source_pk) else {
                let reason = settle::drop_reason(model);
                self.report.drop_row(Dropped { model: model.name.clone(), ordinal, source_pk, reason });
                continue;
            };
            self.report.model(&model.name).count(row.kind);
            let name = chunk.and_then(|chunk| chunk.identifiers.get(&row.pk));
            if let (Some(from), Some(to)) = (&candidate.name, name)
                && from != to
            {
                let (model, from, to) = (model.name.clone(), from.clone(), to.clone());
                self.report.renamed.push(Renamed { model, pk: row.pk, from, to });
            }
        }
        let Some(chunk) = chunk else { return };
        let automatic_from =
            self.plan.ranges.get(&model.name).and_then(|range| {
                i64::try_from(range.rows).ok().and_then(|rows| range.start.checked_add(rows))
            });
        let replaced = chunk.mapped.iter().filter(|row| automatic_from.is_some_and(|from| row.pk >= from));
        self.known.replaced.extend(replaced.map(|row| (model.id, row.pk)));
        self.pk_map.learn(model.id, chunk);
    }
}

fn unique_keys(model: &Model, natural_key: &[String], candidates: &[Candidate]) -> Vec<UniqueKey> {
    let Some((position, set)) = model.unique_set(natural_key) else { return Vec::new() };
    let mut keys: Vec<UniqueKey> = candidates
        .iter()
        .filter_map(|candidate| UniqueKey::in_set(model, position, set, &candidate.fields))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
