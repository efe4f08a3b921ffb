//! `preprocessing_baseline_config`, the fifth ordered task (SPEC §3, 5): exports this instance in config scope,
//! sealed with the cell's own key, for validation to see what an import does to it.

use std::path::PathBuf;
use std::sync::Arc;

use artifacts::{Sealing, Spool, public_key, recorded};
use catalog::ImportScope;
use pipeline::artifact;
use pipeline::kinds::FileKind;
use pipeline::port::{Entropy, PublicKey, WriteObjects};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};
use silo::{Filter, Silo, Silos};
use transfer::export::ExportRequest;

const KIND: FileKind = FileKind::BaselineConfigValidationData;

/// The task.
pub struct PreprocessingBaselineConfig<O, K, S> {
    /// Where the run's files go.
    pub objects: Arc<O>,
    /// The key to seal with.
    pub keys: K,
    /// Where tenants' rows live.
    pub cell: Arc<S>,
    /// Where users live.
    pub control: Arc<S>,
    /// Makes data keys.
    pub entropy: Box<dyn Entropy>,
    /// The folder for temporary files.
    pub scratch: PathBuf,
}

impl<O, K, S> Task for PreprocessingBaselineConfig<O, K, S>
where
    O: WriteObjects,
    K: PublicKey + Send + Sync,
    S: Silo,
{
    const TASK: OrderedTask = OrderedTask::PreprocessingBaselineConfig;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let sealing = Sealing::new(public_key(&self.keys).await?, &*self.entropy, context.now);
        let silos = Silos { cell: &*self.cell, control: &*self.control };
        let request = ExportRequest { scope: ImportScope::Config, filter: Filter::All };
        let spool = Spool::export(silos, &request, &self.scratch).await?;
        let key = artifact::input(context.relocation.id, KIND);
        let stored = spool.store(&*self.objects, &key, sealing).await?;
        Ok(Finished::next().with(Changes { files: vec![recorded(KIND, stored)], ..Changes::default() }))
    }
}
