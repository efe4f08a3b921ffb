use std::sync::Arc;

use artifacts::{
    Located, PlanFilter, PlanStep, SealedFile, Sealing, Spool, drive, existing_usernames, file, open,
    public_key, refused_file, refused_rows,
};
use catalog::ImportScope;
use pipeline::artifact;
use pipeline::ids::BuildId;
use pipeline::kinds::FileKind;
use pipeline::port::{KeepProgress, PublicKey, ReadObjects, ReadRelocations, UnwrapKeys, WriteObjects};
use pipeline::task::OrderedTask;
use runtime::{ProgressTeller, TaskError, metrics};
use silo::{Filter, ImportFlags, MemorySilo, Silos};
use tokio::time::Instant;
use transfer::compare::{CompareError, compare};
use transfer::export::ExportRequest;
use transfer::findings::{Finding, Instance};
use transfer::import::{ExportSource, ImportError, ImportRequest, import};
use transfer::rows::RowReader;

use crate::rehearsed::Rehearsed;
use crate::watched::Watched;
use crate::{NAME, ValidationRun};

/// An instance of its own, empty at first, in which a plan is followed.
pub(crate) struct Sandbox<'a, R, O, K, Q> {
    world: &'a ValidationRun<R, O, K, Q>,
    build: BuildId,
    cell: Arc<MemorySilo>,
    control: Arc<MemorySilo>,
    existing_usernames: Vec<String>,
    want_org_slugs: Vec<String>,
    /// What was exported, to be compared.
    exports: Vec<(FileKind, Spool)>,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) struct Done {
    /// What is to complain about.
    pub(crate) findings: Vec<Finding>,
    /// What the import did that the run is about, if this was it.
    pub(crate) rehearsed: Option<Rehearsed>,
    /// Whether the steps behind it make sense: not those behind an import that failed.
    pub(crate) may_go_on: bool,
}

impl Done {
    /// A step behind which the run goes on.
    fn with(findings: Vec<Finding>) -> Self {
        Self { findings, rehearsed: None, may_go_on: true }
    }
}

impl<'a, R, O, K, Q> Sandbox<'a, R, O, K, Q>
where
    R: ReadRelocations + KeepProgress + 'static,
    O: ReadObjects + WriteObjects + 'static,
    K: PublicKey + UnwrapKeys + Send + Sync,
{
    pub(crate) async fn prepare(
        world: &'a ValidationRun<R, O, K, Q>,
        build: BuildId,
        want_org_slugs: Vec<String>,
    ) -> Result<Self, TaskError> {
        let empty = || Arc::new(MemorySilo::new(Arc::clone(&world.catalog)));
        let existing_usernames = existing_usernames(&*world.objects, build.relocation).await?;
        let (cell, control, exports) = (empty(), empty(), Vec::new());
        Ok(Self { world, build, cell, control, existing_usernames, want_org_slugs, exports })
    }

    /// Takes one step of the plan.
    pub(crate) async fn follow(&mut self, step: PlanStep) -> Result<Done, TaskError> {
        match step {
            PlanStep::Import { file, scope, filter, overwrite_configs } => {
                self.import(file, scope, self.filter(filter), overwrite_configs).await
            }
            PlanStep::Export { file, scope, filter } => self.export(file, scope, self.filter(filter)).await,
            PlanStep::Compare { file } => self.compare(file).await,
        }
    }

    fn filter(&self, filter: PlanFilter) -> Filter {
        match filter {
            PlanFilter::Nothing => Filter::All,
            PlanFilter::ExistingUsernames => Filter::Usernames(self.existing_usernames.clone()),
            PlanFilter::WantedOrganizations => Filter::OrganizationSlugs(self.want_org_slugs.clone()),
        }
    }

    async fn open(&self, kind: FileKind) -> Result<(SealedFile<O>, String), TaskError> {
        let ValidationRun { store, objects, keys, .. } = self.world;
        let at = Located::of(&file(&**store, self.build.relocation, kind).await?)?;
        let version = at.version.clone();
        Ok((open(objects, keys, at).await?, version))
    }

    /// Imports a file. The sandbox neither merges nor hides.
    async fn import(
        &self,
        kind: FileKind,
        scope: ImportScope,
        filter: Filter,
        overwrite_configs: bool,
    ) -> Result<Done, TaskError> {
        let (export, source_version) = self.open(kind).await?;
        let request = ImportRequest {
            import: self.world.entropy.uuid(),
            scope,
            flags: ImportFlags { overwrite_configs, ..ImportFlags::default() },
            filter,
            clear: false,
            source_version,
            now: self.world.clock.now(),
            key: self.world.entropy.bytes(),
        };
        let (cell, control) = (Arc::clone(&self.cell), Arc::clone(&self.control));
        let mut watched = Watched((kind == FileKind::RawUserData).then(|| {
            let (store, task) = (Arc::clone(&self.world.store), OrderedTask::ValidatingPoll);
            ProgressTeller::new(store, self.build.relocation, task, self.world.clock.now())
        }));
        let began = Instant::now();
        drive(move || async move {
            let silos = Silos { cell: &*cell, control: &*control };
            match import(silos, &export, &request, &mut watched).await {
                Ok(outcome) => {
                    if kind == FileKind::RawUserData {
                        metrics::rows_done(NAME, outcome.report.rows_done(), began.elapsed());
                    }
                    Ok(Done { rehearsed: Rehearsed::of(kind, outcome), ..Done::with(Vec::new()) })
                }
                Err(error) => Ok(Done { may_go_on: false, ..Done::with(vec![import_finding(error)?]) }),
            }
        })
        .await
    }

    /// Exports what a file brought, keeps it to be compared, and stores it for those who look into findings.
    async fn export(
        &mut self,
        kind: FileKind,
        scope: ImportScope,
        filter: Filter,
    ) -> Result<Done, TaskError> {
        let world = self.world;
        let silos = Silos { cell: &*self.cell, control: &*self.control };
        let spool = Spool::export(silos, &ExportRequest { scope, filter }, &world.scratch).await?;
        let sealing = Sealing::new(public_key(&world.keys).await?, &*world.entropy, world.clock.now());
        spool.store(&*world.objects, &artifact::output(self.build, kind), sealing).await?;
        self.exports.push((kind, spool));
        Ok(Done::with(Vec::new()))
    }

    /// Compares what went in with what came out.
    async fn compare(&self, kind: FileKind) -> Result<Done, TaskError> {
        let (before, _) = self.open(kind).await?;
        let after = self.exports.iter().find(|(exported, _)| *exported == kind);
        let (_, after) = after.ok_or_else(|| TaskError::permanent(format!("no {kind} was exported")))?;
        let after = after.rows().map_err(TaskError::transient)?;
        let catalog = Arc::clone(&self.world.catalog);
        let findings = artifacts::blocking(move || {
            let before = RowReader::new(before.open().map_err(|error| refused_file(error.into()))?);
            compare(&catalog, before, after).map_err(|error| match error {
                CompareError::Unreadable { source, .. } => refused_rows(source),
                error @ CompareError::UnknownModel { .. } => TaskError::permanent(error),
            })
        })
        .await?;
        Ok(Done::with(findings))
    }
}

/// A row that cannot be imported is a finding, which names it; anything else keeps the run from going on.
fn import_finding(error: ImportError) -> Result<Finding, TaskError> {
    match error {
        ImportError::Row { kind, row, reason } => {
            let on = Instance { model: row.model, ordinal: row.ordinal };
            Ok(Finding::import_error(format!("{kind:?}"), on, row.source_pk, reason))
        }
        ImportError::Read(error) => Err(refused_rows(error)),
        error => Err(TaskError::Broken { retryable: error.retryable(), source: error.into() }),
    }
}
