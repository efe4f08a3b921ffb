//! `preprocessing_complete`, the seventh ordered task (SPEC §3, 7): everything that validation needs is there, so
//! the validation is created.

use std::collections::BTreeMap;
use std::sync::Arc;

use artifacts::file;
use pipeline::artifact;
use pipeline::ids::RelocationId;
use pipeline::kinds::FileKind;
use pipeline::port::{ReadObjects, ReadRelocations};
use pipeline::relocation::Place;
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished, ValidationChange};
use runtime::{Task, TaskContext, TaskError};

/// The files that the record has to name.
const FILES: [FileKind; 3] =
    [FileKind::RawUserData, FileKind::BaselineConfigValidationData, FileKind::CollidingUsersValidationData];

/// The task.
pub struct PreprocessingComplete<R, O> {
    /// Where relocations are.
    pub store: Arc<R>,
    /// Where the run's files are.
    pub objects: Arc<O>,
}

impl<R, O> Task for PreprocessingComplete<R, O>
where
    R: ReadRelocations,
    O: ReadObjects,
{
    const TASK: OrderedTask = OrderedTask::PreprocessingComplete;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let id = context.relocation.id;
        let present = self.objects.list(Place::Artifacts, &artifact::root(id)).await?;
        let present: BTreeMap<String, u64> = present.into_iter().collect();
        for key in self.needed(id).await? {
            // Even the list of no usernames is an object, but an empty one; what is not there may yet appear.
            if !present.contains_key(&key) {
                return Err(TaskError::transient(format!("{key} is not there yet")));
            }
        }
        let validation = Some(ValidationChange::Create);
        Ok(Finished::next().with(Changes { validation, ..Changes::default() }))
    }
}

impl<R: ReadRelocations, O> PreprocessingComplete<R, O> {
    /// The keys of everything that validation reads.
    async fn needed(&self, id: RelocationId) -> Result<Vec<String>, TaskError> {
        let mut keys =
            vec![artifact::validation_plan(id), artifact::kms_config(id), artifact::filter_usernames(id)];
        for kind in FILES {
            keys.push(file(&*self.store, id, kind).await?.key);
        }
        Ok(keys)
    }
}
