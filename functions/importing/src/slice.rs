//! One turn of an import: as much of it as a slice of time holds.

use std::sync::Arc;
use std::time::Duration;

use pipeline::port::KeepProgress;
use pipeline::task::OrderedTask;
use runtime::{Fence, ProgressTeller, TaskContext, TaskError};
use silo::{Silo, Silos, StoreError, Watermarks};
use tokio::time::Instant;
use tracing::warn;
use transfer::import::{ExportSource, ImportReport, ImportRequest, Proceed, Progress, Watch, import};
use uuid::Uuid;

use crate::failure::task_error;
use crate::pace::Pace;

/// How long the run is taken to be the current one after a look at the record. Together with the longest that a
/// batch takes, it is less than the second that DESIGN ("Runs, tokens, attempts") allows.
const FENCE_HOLDS: Duration = Duration::from_millis(500);

/// How many batches are written between two looks at the record, however fast they are.
const BATCHES_PER_LOOK: u32 = 16;

/// How many chunks one request reads.
const CHUNKS_PER_PAGE: usize = 500;

/// How a turn ended.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Everything is imported.
    Finished(Box<ImportReport>),
    /// Some of it was written, and more is to do.
    Again,
}

/// Stops an import between two batches when its time is up, or when its run may not go on. However short its time,
/// a slice writes a batch: to come to where the last one stopped may take as long as a slice does.
pub(crate) struct Slice<L, P> {
    time_left: L,
    fence: Fence,
    progress: ProgressTeller<P>,
    looked_at: Option<Instant>,
    batches: u32,
    broken: Option<TaskError>,
    pace: Pace,
}

impl<P: KeepProgress> Slice<(), P> {
    /// The slice that a task's visit has. How far it is, `store` keeps.
    pub(crate) fn of(
        context: &TaskContext,
        store: Arc<P>,
    ) -> Slice<impl Fn() -> Duration + Send + use<P>, P> {
        let progress = ProgressTeller::new(store, context.relocation.id, OrderedTask::Importing, context.now);
        let (context, fence) = (context.clone(), context.fence.clone());
        Slice::new(move || context.slice_left(), fence, progress)
    }
}

impl<L: Fn() -> Duration + Send, P: KeepProgress> Slice<L, P> {
    /// A slice that lasts while `time_left` says so.
    pub(crate) fn new(time_left: L, fence: Fence, progress: ProgressTeller<P>) -> Self {
        Self { time_left, fence, progress, looked_at: None, batches: 0, broken: None, pace: Pace::new() }
    }

    /// Imports what the slice holds, resuming behind what is there.
    ///
    /// A failure that a retry can mend is no failure when something was written: as long as each turn gets
    /// further, the import gets there.
    pub(crate) async fn import<S: Watermarks>(
        mut self,
        silos: Silos<'_, S>,
        source: &impl ExportSource,
        request: &ImportRequest,
    ) -> Result<Turn, TaskError> {
        let before = chunks(silos, request.import).await?;
        let ended = import(silos, source, request, &mut self).await;
        let done = ended.as_ref().ok().map(|outcome| outcome.report.rows_done());
        self.pace.report(OrderedTask::Importing.name(), done);
        let stopped = match ended.map_err(task_error) {
            Ok(outcome) if outcome.finished => return Ok(Turn::Finished(Box::new(outcome.report))),
            Ok(_) => self.broken,
            Err(error) => Some(error),
        };
        match stopped {
            None | Some(TaskError::Broken { retryable: true, .. }) => {}
            Some(error) => return Err(error),
        }
        if chunks(silos, request.import).await? > before {
            if let Some(error) = stopped {
                warn!(error = %runtime::telemetry::Chain(&error), "the import goes on after a failure");
            }
            return Ok(Turn::Again);
        }
        Err(stopped.unwrap_or_else(|| TaskError::transient("the import stopped before it wrote anything")))
    }
}

impl<L: Fn() -> Duration + Send, P: KeepProgress> Watch for Slice<L, P> {
    async fn proceed(&mut self, progress: Progress<'_>) -> Proceed {
        self.pace.note(&progress);
        if (self.time_left)().is_zero() && progress.batches_written > 0 {
            return Proceed::Stop;
        }
        let is_due = self.looked_at.is_none_or(|at| at.elapsed() >= FENCE_HOLDS);
        if is_due || self.batches >= BATCHES_PER_LOOK {
            if let Err(error) = self.fence.check().await {
                self.broken = Some(error);
                return Proceed::Stop;
            }
            self.looked_at = Some(Instant::now());
            self.batches = 0;
        }
        self.batches += 1;
        // On the way to where the last slice stopped it would seem to begin anew.
        if progress.batches_written > 0 {
            self.progress.tell(progress.rows_done, progress.rows_total, progress.models()).await;
        }
        Proceed::GoOn
    }
}

/// How many batches of an import are written.
async fn chunks<S: Silo>(silos: Silos<'_, S>, import: Uuid) -> Result<usize, TaskError> {
    let broken = |error: StoreError| TaskError::Broken { retryable: error.retryable(), source: error.into() };
    let mut count = 0;
    for silo in [silos.cell, silos.control] {
        let mut after = None;
        loop {
            let page = silo.chunks(import, after, CHUNKS_PER_PAGE).await.map_err(broken)?;
            count += page.items.len();
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI32, Ordering};

    use pipeline::commit::Actor;
    use pipeline::ids::Generation;
    use pipeline::memory::MemoryRelocations;
    use pipeline::port::CommitRelocations;
    use pipeline::transition::admin;
    use silo::{Filter, ImportFlags};
    use testkit::{Export, OWNER, Stage};

    fn request(stage: &Stage) -> ImportRequest {
        ImportRequest {
            import: stage.id.uuid(),
            scope: catalog::ImportScope::Organization,
            flags: ImportFlags::default(),
            filter: Filter::All,
            clear: false,
            source_version: "1".to_owned(),
            now: pipeline::port::Clock::now(&stage.clock),
            key: [7; 32],
        }
    }

    /// A source that is in memory.
    struct File(Vec<u8>);

    impl ExportSource for File {
        type Reader = std::io::Cursor<Vec<u8>>;

        fn open(&self) -> std::io::Result<Self::Reader> {
            Ok(std::io::Cursor::new(self.0.clone()))
        }
    }

    /// Many batches: each model change begins one.
    fn file() -> File {
        let mut rows: Vec<serde_json::Value> = serde_json::from_slice(&Export::acme().json()).unwrap();
        for number in 0..10 {
            let export = Export::new().user(&format!("zoe-{number}")).organization(&format!("z-{number}"));
            let mut more: Vec<serde_json::Value> = serde_json::from_slice(&export.json()).unwrap();
            more.iter_mut().for_each(|row| row["pk"] = (50 + number).into());
            rows.extend(more);
        }
        File(serde_json::to_vec(&rows).unwrap())
    }

    fn fence(stage: &Stage) -> Fence {
        Fence::new(Arc::clone(&stage.ports.store), stage.id, Generation(1))
    }

    /// A slice in which so many batches are begun.
    fn slice_of(
        batches: i32,
        stage: &Stage,
    ) -> Slice<impl Fn() -> Duration + Send + use<>, MemoryRelocations> {
        let left = AtomicI32::new(batches);
        let time_left = move || Duration::from_secs((left.fetch_sub(1, Ordering::SeqCst) > 0).into());
        let (store, now) = (Arc::clone(&stage.ports.store), pipeline::port::Clock::now(&stage.clock));
        let progress = ProgressTeller::new(store, stage.id, OrderedTask::Importing, now);
        Slice::new(time_left, fence(stage), progress)
    }

    #[tokio::test]
    async fn slices_come_to_the_same_as_one_go() {
        let whole = Stage::at(OrderedTask::Importing).await;
        let turn = slice_of(1000, &whole).import(whole.silos(), &file(), &request(&whole)).await.unwrap();
        assert!(matches!(turn, Turn::Finished(_)));
        let progress = whole.ports.store.progress(whole.id).await.unwrap().unwrap();
        assert!(progress.rows_done > 0 && progress.rows_done < progress.rows_total, "{progress:?}");
        let totals: u64 = progress.models.values().map(|model| model.total).sum();
        assert_eq!(totals, progress.rows_total);

        let sliced = Stage::at(OrderedTask::Importing).await;
        let mut turns = 0;
        // Batches that are there already count as begun, so that each slice is longer than the last.
        while let Turn::Again =
            slice_of(turns + 1, &sliced).import(sliced.silos(), &file(), &request(&sliced)).await.unwrap()
        {
            turns += 1;
        }
        assert!(turns >= 4, "{turns}");
        assert_eq!(sliced.observe().await.rows, whole.observe().await.rows);
    }

    #[tokio::test]
    async fn a_slice_without_time_writes_a_batch_all_the_same() {
        let whole = Stage::at(OrderedTask::Importing).await;
        slice_of(1000, &whole).import(whole.silos(), &file(), &request(&whole)).await.unwrap();

        let sliced = Stage::at(OrderedTask::Importing).await;
        let mut written = 0;
        while let Turn::Again =
            slice_of(0, &sliced).import(sliced.silos(), &file(), &request(&sliced)).await.unwrap()
        {
            let before = std::mem::replace(
                &mut written,
                chunks(sliced.silos(), request(&sliced).import).await.unwrap(),
            );
            assert!(written > before, "{written}");
        }
        assert!(written >= 4, "{written}");
        assert_eq!(sliced.observe().await.rows, whole.observe().await.rows);
    }

    #[tokio::test]
    async fn an_aborted_relocation_is_written_no_further() {
        let stage = Stage::at(OrderedTask::Importing).await;
        slice_of(2, &stage).import(stage.silos(), &file(), &request(&stage)).await.unwrap();
        let before = stage.observe().await.rows;
        let relocation = stage.relocation().await;
        let abort = admin::abort(&relocation, Actor::User(OWNER), relocation.date_updated).unwrap();
        stage.ports.store.commit(abort).await.unwrap();
        let ended = slice_of(1000, &stage).import(stage.silos(), &file(), &request(&stage)).await;
        assert!(matches!(ended, Err(TaskError::Superseded)), "{ended:?}");
        assert_eq!(stage.observe().await.rows, before);
    }
}
