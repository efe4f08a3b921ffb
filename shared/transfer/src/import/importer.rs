//! Goes through a file in its order: prepares batch after batch, has several written at once, and takes in what became
//! of them in the order of the file again, so that nothing depends on which of them was faster (DESIGN §3).

use std::collections::{HashMap, HashSet};
use std::io::Read;

use catalog::{Model, ModelId};
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesOrdered, StreamExt};
use silo::{ChunkPosition, ImportChunk, Pk, Silo, Silos};

use super::batch_writer::{BatchWriter, Writer, Written};
use super::batches::{Batch, Batches};
use super::census::Census;
use super::chunks::Replicator;
use super::context::ImportContext;
use super::error::ImportError;
use super::left_out::LeftOut;
use super::order::{InFlight, WriteOrder};
use super::pk_map::PkMap;
use super::pk_runs::PkRuns;
use super::report::{Absence, Dropped, ImportReport, count_unknown};
use super::row::{Candidate, Prepared, Preparer};
use super::settle::drop_reason;
use super::{Pass, Proceed, Progress, Watch};
use crate::rows::RowReader;

/// How many batches are written at once: so many that a store is never waited for by all of them, and so few that a
/// table that has to grow into its load is not asked for more than it can give.
const WRITES_AT_ONCE: usize = 4;

/// What an import has come to so far.
pub(super) struct Importer<'a, S> {
    silos: Silos<'a, S>,
    context: ImportContext<'a>,
    census: &'a Census,
    order: WriteOrder,
    /// What earlier runs wrote and this one has not come to yet.
    chunks: HashMap<ChunkPosition, ImportChunk>,
    replicator: Replicator<'a, S>,
    pk_map: PkMap,
    report: ImportReport,
    /// Primary keys in the file that were seen, by model: each may be there once.
    seen: Vec<PkRuns<()>>,
    /// Rows that scope or filter leave out.
    left_out: LeftOut,
    /// Rows made with others that a row of the file replaces.
    replaced: HashSet<(ModelId, Pk)>,
    in_flight: InFlight,
    rows_total: u64,
    batches_written: u64,
}

/// Batches that are being written, in the order of the file.
type Writes<'a> = FuturesOrdered<BoxFuture<'a, Pending<'a>>>;

/// A batch, and what became of it.
struct Pending<'a> {
    model: &'a Model,
    candidates: Vec<Candidate>,
    written: Result<Written, ImportError>,
}

impl<'a, S: Silo> Importer<'a, S> {
    pub(super) fn new(
        silos: Silos<'a, S>,
        context: ImportContext<'a>,
        census: &'a Census,
        chunks: HashMap<ChunkPosition, ImportChunk>,
    ) -> Self {
        let catalog = context.catalog;
        Self {
            silos,
            context,
            census,
            order: WriteOrder::new(catalog),
            chunks,
            replicator: Replicator::new(silos),
            pk_map: PkMap::new(catalog),
            report: ImportReport {
                unknown_models: census.unknown_models().clone(),
                ..ImportReport::default()
            },
            seen: vec![PkRuns::default(); catalog.models().len()],
            left_out: LeftOut::new(catalog),
            replaced: HashSet::new(),
            in_flight: InFlight::default(),
            rows_total: catalog.models().iter().map(|model| census.rows(model.id)).sum(),
            batches_written: 0,
        }
    }

    /// Goes through the file once; false when it was stopped.
    pub(super) async fn run<R: Read + Send>(
        &mut self,
        pass: Pass,
        reader: RowReader<R>,
        watch: &mut impl Watch,
    ) -> Result<bool, ImportError> {
        let mut writes = Writes::new();
        let begun = self.begin_all(pass, reader, watch, &mut writes).await;
        let ended = match begun {
            Ok(finished) => self.end_all(&mut writes).await.map(|()| finished),
            Err(error) => Err(error),
        };
        // Whatever is still being written is let end: what became of it is known, and nothing goes on by itself.
        while writes.next().await.is_some() {}
        let copied = self.replicator.flush().await;
        let finished = ended?;
        copied.map(|()| finished)
    }

    /// Begins to write every batch of a pass; false when it was stopped. What was begun is not ended yet.
    async fn begin_all<R: Read + Send>(
        &mut self,
        pass: Pass,
        reader: RowReader<R>,
        watch: &mut impl Watch,
        writes: &mut Writes<'a>,
    ) -> Result<bool, ImportError> {
        let catalog = self.context.catalog;
        let mut batches = Batches::new(catalog, self.context.plan, reader);
        loop {
            let batch = match batches.next_batch() {
                Ok(Some(batch)) => batch,
                Ok(None) => return Ok(true),
                Err(error) => return self.fail_behind(writes, error.into()).await,
            };
            let Some(model) = catalog.find(&batch.model).filter(|model| Pass::of(model) == pass) else {
                continue;
            };
            while writes.len() >= WRITES_AT_ONCE || self.in_flight.holds_back(&self.order, model) {
                self.end_next(writes).await?;
            }
            if watch.proceed(self.progress()).await == Proceed::Stop {
                return Ok(false);
            }
            let position = ChunkPosition::new(model, batch.min_ordinal);
            let candidates = match self.prepare(model, batch) {
                Ok(candidates) => candidates,
                Err(error) => return self.fail_behind(writes, error).await,
            };
            while self.in_flight.has_any(&candidates) {
                self.end_next(writes).await?;
            }
            self.in_flight.begin(model, &candidates);
            writes.push_back(self.write(model, position, candidates));
        }
    }

    /// Fails, unless a batch fails that comes before in the file.
    async fn fail_behind<T>(
        &mut self,
        writes: &mut Writes<'a>,
        error: ImportError,
    ) -> Result<T, ImportError> {
        self.end_all(writes).await?;
        Err(error)
    }

    fn progress(&self) -> Progress<'_> {
        Progress {
            rows_done: self.report.rows_done(),
            rows_total: self.rows_total,
            batches_written: self.batches_written,
            report: &self.report,
            census: self.census,
            catalog: self.context.catalog,
        }
    }

    /// Takes the rows of a batch as far as they go without the store, and counts those that end there.
    fn prepare(&mut self, model: &Model, batch: Batch) -> Result<Vec<Candidate>, ImportError> {
        self.report.model(&model.name).in_file += batch.rows.len() as u64;
        let preparer = Preparer { context: self.context, census: self.census, pk_map: &self.pk_map };
        let mut unseen = PkRuns::default();
        let seen = self.seen.get_mut(model.id.index()).unwrap_or(&mut unseen);
        let mut candidates: Vec<Candidate> = Vec::with_capacity(batch.rows.len());
        for (ordinal, row) in (batch.min_ordinal..).zip(batch.rows) {
            let source_pk = row.pk;
            let prepared = preparer
                .prepare(model, ordinal, row, seen)
                .map_err(|problem| problem.at(&model.name, ordinal, source_pk))?;
            match prepared {
                Prepared::Candidate(mut candidate, unknown_fields) => {
                    for field in unknown_fields {
                        count_unknown(&mut self.report.unknown_fields, &format!("{}.{field}", model.name));
                    }
                    // Only the first row of the file takes the place of what was made with its target.
                    let replaced = &mut self.replaced;
                    candidate.first_automatic =
                        candidate.first_automatic.filter(|pk| replaced.insert((model.id, *pk)));
                    candidates.push(candidate);
                }
                Prepared::OutOfScope => {
                    self.report.model(&model.name).out_of_scope += 1;
                    self.left_out.add(model, source_pk, Absence::OutOfScope);
                }
                Prepared::Filtered => {
                    self.report.model(&model.name).filtered += 1;
                    self.left_out.add(model, source_pk, Absence::Filtered);
                }
                Prepared::Dropped(reason) => {
                    let (model, absence) = (model.name.clone(), None);
                    self.report.drop_row(Dropped { model, ordinal, source_pk, reason, absence });
                }
            }
        }
        Ok(candidates)
    }

    /// Writes a batch, unless an earlier run wrote it.
    fn write(
        &mut self,
        model: &'a Model,
        position: ChunkPosition,
        candidates: Vec<Candidate>,
    ) -> BoxFuture<'a, Pending<'a>> {
        let earlier = self.chunks.remove(&position);
        let writer = BatchWriter::new(self.silos, self.context, model);
        let write = async move {
            let written = match earlier {
                None if !candidates.is_empty() => writer.write(&position, &candidates).await,
                chunk => writer.found(chunk, &candidates).await,
            };
            Pending { model, candidates, written }
        };
        write.boxed()
    }

    async fn end_all(&mut self, writes: &mut Writes<'a>) -> Result<(), ImportError> {
        while !writes.is_empty() {
            self.end_next(writes).await?;
        }
        Ok(())
    }

    /// Waits for the batch that comes next in the file, and takes in what became of it.
    async fn end_next(&mut self, writes: &mut Writes<'a>) -> Result<(), ImportError> {
        let Some(Pending { model, candidates, written }) = writes.next().await else { return Ok(()) };
        self.in_flight.end(model, &candidates);
        let Written { chunk, by } = written?;
        self.learn(model, chunk.as_ref(), &candidates);
        if let Some(chunk) = chunk.filter(|_| by != Writer::Earlier) {
            self.batches_written += u64::from(by == Writer::Ourselves);
            self.replicator.add(model, &chunk).await?;
        }
        Ok(())
    }

    /// Takes in what became of a batch, whoever wrote its chunk; what the chunk does not map was settled away.
    fn learn(&mut self, model: &Model, chunk: Option<&ImportChunk>, candidates: &[Candidate]) {
        let mapped = chunk.map(|chunk| chunk.mapped.as_slice()).unwrap_or_default();
        let mut mapped = mapped.iter().peekable();
        for candidate in candidates {
            // Both are in the order of the file.
            let Some(row) = mapped.next_if(|row| row.source == candidate.source_pk) else {
                let (model, reason, absence) = (model.name.clone(), drop_reason(model), None);
                let (ordinal, source_pk) = (candidate.ordinal, candidate.source_pk);
                self.report.drop_row(Dropped { model, ordinal, source_pk, reason, absence });
                continue;
            };
            let name = chunk.and_then(|chunk| chunk.identifiers.get(&row.pk));
            let names = (candidate.name.as_deref(), name.map(String::as_str));
            let is_own = self.context.pks().has(model, row.pk);
            self.report.map_row(&model.name, *row, names, is_own);
        }
        if let Some(chunk) = chunk {
            self.pk_map.learn(model.id, chunk);
        }
    }

    /// What it all came to.
    pub(super) fn end(mut self) -> (ImportReport, PkMap) {
        self.left_out.explain(self.context.catalog, &self.seen, &mut self.report.dropped);
        (self.report, self.pk_map)
    }
}
