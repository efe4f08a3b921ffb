//! `preprocessing_scan`, the third ordered task (SPEC §3, 3, and §5): opens the export, reads it once, and refuses
//! what cannot be relocated before anything else is done with it.

mod memory;
mod rules;
mod scan;

use std::sync::Arc;

use artifacts::{Located, SealedFile, blocking, file, open, refused_file, refused_rows};
use catalog::Catalog;
use pipeline::kinds::{FileKind, Notified};
use pipeline::port::{PublicKey, ReadObjects, ReadRelocations, UnwrapKeys};
use pipeline::relocation::RelocationFile;
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};
use silo::Filter;
use transfer::import::{Census, ExportSource};
use transfer::rows::RowReader;

use memory::Budget;
use scan::Scan;

/// The task.
pub struct PreprocessingScan<R, O, K> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Where the upload is.
    pub objects: Arc<O>,
    /// The key that the export is sealed for.
    pub keys: K,
    /// The models that the cell knows.
    pub catalog: Arc<Catalog>,
    /// The memory of the function that validates, in bytes.
    pub validation_memory_bytes: u64,
}

impl<R, O, K> Task for PreprocessingScan<R, O, K>
where
    R: ReadRelocations,
    O: ReadObjects + 'static,
    K: PublicKey + UnwrapKeys + Send + Sync,
{
    const TASK: OrderedTask = OrderedTask::PreprocessingScan;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let relocation = &context.relocation;
        let raw = file(&*self.store, relocation.id, FileKind::RawUserData).await?;
        let export = open(&self.objects, &self.keys, Located::of(&raw)?).await?;
        let (catalog, slugs) = (Arc::clone(&self.catalog), relocation.want_org_slugs.clone());
        let budget = Budget::of_function(self.validation_memory_bytes);
        let proof = Some(export.proof()?);
        let usernames = blocking(move || check(&catalog, &export, slugs, budget)).await?;
        Ok(Finished::next().with(Changes {
            want_usernames: Some(usernames),
            notify: Some(Notified::Started),
            files: vec![RelocationFile { proof, ..raw }],
            ..Changes::default()
        }))
    }
}

/// Reads the rows and checks them, in the order of SPEC §5. The wanted usernames.
fn check<O: ReadObjects + 'static>(
    catalog: &Catalog,
    export: &SealedFile<O>,
    slugs: Vec<String>,
    budget: Budget,
) -> Result<Vec<String>, TaskError> {
    let scan = Scan::read(catalog, &slugs, &mut rows(export)?)?;
    let usernames = rules::check(&scan, &slugs).map_err(TaskError::Verdict)?;
    // As a rule all of a file would fit; only otherwise does it matter how much of it is wanted.
    if budget.check(&scan.everything()).is_err() {
        let filter = Filter::OrganizationSlugs(slugs);
        let census = Census::take(catalog, &mut rows(export)?, &filter).map_err(refused_rows)?;
        budget.check(&scan.admitted(catalog, &census)).map_err(TaskError::Verdict)?;
    }
    Ok(usernames)
}

fn rows<E: ExportSource>(export: &E) -> Result<RowReader<E::Reader>, TaskError> {
    Ok(RowReader::new(export.open().map_err(|error| refused_file(error.into()))?))
}
