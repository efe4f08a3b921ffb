//! `preprocessing_transfer`, the fourth ordered task (SPEC §3, 4): puts everything that validation needs under the
//! run's `conf/` and `in/`, where customers cannot write.

mod usernames;

use std::sync::Arc;

use artifacts::{Located, ValidationPlan, file, put_small, recorded};
use pipeline::artifact;
use pipeline::ids::RelocationId;
use pipeline::kinds::FileKind;
use pipeline::port::{ReadRelocations, WriteObjects};
use pipeline::relocation::{Place, RelocationFile};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};
use serde_json::json;
use silo::Silo;

/// The task.
pub struct PreprocessingTransfer<R, O, S> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Where the upload is, and where the run's files go.
    pub objects: Arc<O>,
    /// Where users live.
    pub control: Arc<S>,
    /// The KMS key that exports are sealed for.
    pub seal_key_id: String,
}

impl<R, O, S> Task for PreprocessingTransfer<R, O, S>
where
    R: ReadRelocations,
    O: WriteObjects,
    S: Silo,
{
    const TASK: OrderedTask = OrderedTask::PreprocessingTransfer;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let relocation = &context.relocation;
        let id = relocation.id;
        let wanted = relocation.want_usernames.as_deref();
        let wanted = wanted.ok_or_else(|| TaskError::permanent("the scan left no wanted usernames"))?;

        let plan = ValidationPlan::new(relocation.want_org_slugs.clone());
        let plan = serde_json::to_vec_pretty(&plan).map_err(TaskError::permanent)?;
        put_small(&*self.objects, &artifact::validation_plan(id), plan).await?;
        let kms = json!({"keyId": self.seal_key_id, "algorithm": "RSAES_OAEP_SHA_256"});
        put_small(&*self.objects, &artifact::kms_config(id), kms.to_string()).await?;
        let existing = usernames::existing(&*self.control, wanted).await?;
        put_small(&*self.objects, &artifact::filter_usernames(id), existing).await?;

        let raw = self.transfer(id).await?;
        Ok(Finished::next().with(Changes { files: vec![raw], ..Changes::default() }))
    }
}

impl<R: ReadRelocations, O: WriteObjects, S> PreprocessingTransfer<R, O, S> {
    /// Copies the pinned version of the raw file; from now on the record names the copy.
    async fn transfer(&self, id: RelocationId) -> Result<RelocationFile, TaskError> {
        let raw = file(&*self.store, id, FileKind::RawUserData).await?;
        let target = artifact::input(id, raw.kind);
        if raw.place == Place::Artifacts && raw.key == target {
            return Ok(raw);
        }
        let Located { place, key, version, proof, .. } = Located::of(&raw)?;
        let copied = self.objects.copy((place, &key, &version), (Place::Artifacts, &target)).await?;
        Ok(RelocationFile { proof, ..recorded(raw.kind, copied) })
    }
}
