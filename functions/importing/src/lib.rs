//! `importing` (SPEC §3, 11): the wanted organisations, their users and everything they own are written into the
//! live silos, hidden until all is done.
//!
//! An import of any size fits, because it is done in slices: a turn that runs out of time while rows were
//! written answers `again`, and the next one resumes behind the last batch.

mod failure;
mod pace;
mod slice;

use std::sync::Arc;

use artifacts::Located;
use catalog::ImportScope;
use pipeline::artifact::{self, Folder};
use pipeline::ids::RelocationId;
use pipeline::kinds::{FileKind, Provenance};
use pipeline::port::{
    Entropy, KeepProgress, PublicKey, ReadObjects, ReadRelocations, UnwrapKeys, WriteObjects,
};
use pipeline::task::OrderedTask;
use pipeline::transition::Finished;
use runtime::{Task, TaskContext, TaskError};
use silo::{Filter, ImportFlags, Silos, Watermarks};
use transfer::import::{ImportReport, ImportRequest};

use slice::{Slice, Turn};

/// The task.
pub struct Importing<R, O, K, S> {
    /// Says where the export lies.
    pub store: Arc<R>,
    /// Holds the export and takes the report.
    pub objects: Arc<O>,
    /// Opens the export.
    pub keys: Arc<K>,
    /// Where tenants' rows go.
    pub cell: Arc<S>,
    /// Where users go.
    pub control: Arc<S>,
    /// Makes the key of the import's random values.
    pub entropy: Box<dyn Entropy>,
}

impl<R, O, K, S> Task for Importing<R, O, K, S>
where
    R: ReadRelocations + KeepProgress + 'static,
    O: ReadObjects + WriteObjects + 'static,
    K: PublicKey + UnwrapKeys,
    S: Watermarks + 'static,
{
    const TASK: OrderedTask = OrderedTask::Importing;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let relocation = &context.relocation;
        let file = artifacts::file(self.store.as_ref(), relocation.id, FileKind::RawUserData).await?;
        let at = Located::of(&file)?;
        let request = self.request(context, at.version.clone());
        let source = artifacts::open(&self.objects, self.keys.as_ref(), at).await?;
        let (slice, silos) = (
            Slice::of(context, Arc::clone(&self.store)),
            (Arc::clone(&self.cell), Arc::clone(&self.control)),
        );
        let turn = artifacts::drive(move || async move {
            let silos = Silos { cell: &*silos.0, control: &*silos.1 };
            slice.import(silos, &source, &request).await
        });
        match turn.await? {
            Turn::Finished(report) => {
                self.store_report(relocation.id, &report).await?;
                Ok(Finished::next())
            }
            Turn::Again => Ok(Finished::again(0)),
        }
    }
}

impl<R, O: WriteObjects, K, S> Importing<R, O, K, S> {
    fn request(&self, context: &TaskContext, source_version: String) -> ImportRequest {
        let relocation = &context.relocation;
        ImportRequest {
            import: relocation.id.uuid(),
            scope: ImportScope::Organization,
            flags: ImportFlags {
                merge_users: relocation.provenance == Provenance::SaasToSaas,
                overwrite_configs: false,
                hide_organizations: true,
            },
            filter: Filter::OrganizationSlugs(relocation.want_org_slugs.clone()),
            clear: false,
            source_version,
            now: context.now,
            key: self.entropy.bytes(),
        }
    }

    async fn store_report(&self, id: RelocationId, report: &ImportReport) -> Result<(), TaskError> {
        let report = serde_json::to_vec_pretty(report).map_err(TaskError::permanent)?;
        artifacts::put_small(self.objects.as_ref(), &report_key(id), report).await?;
        Ok(())
    }
}

/// The key of the report: counts by model, what was renamed, what was dropped and why.
#[must_use]
pub fn report_key(id: RelocationId) -> String {
    format!("{}import-report.json", artifact::folder(id, Folder::Out))
}
