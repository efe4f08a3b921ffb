//! `preprocessing_colliding_users`, the sixth ordered task (SPEC §3, 6): exports, in user scope and sealed with the
//! cell's own key, the users who are here already under a wanted username.

use std::path::PathBuf;
use std::sync::Arc;

use artifacts::{Sealing, Spool, existing_usernames, public_key, recorded};
use catalog::ImportScope;
use pipeline::artifact;
use pipeline::kinds::FileKind;
use pipeline::port::{Entropy, PublicKey, ReadObjects, WriteObjects};
use pipeline::task::OrderedTask;
use pipeline::transition::{Changes, Finished};
use runtime::{Task, TaskContext, TaskError};
use silo::{Filter, Silo, Silos};
use transfer::export::ExportRequest;

const KIND: FileKind = FileKind::CollidingUsersValidationData;

/// The task.
pub struct PreprocessingCollidingUsers<O, K, S> {
    /// Where the run's files are.
    pub objects: Arc<O>,
    /// The key to seal with.
    pub keys: K,
    /// Where tenants' rows live; users have none there.
    pub cell: Arc<S>,
    /// Where users live.
    pub control: Arc<S>,
    /// Makes data keys.
    pub entropy: Box<dyn Entropy>,
    /// The folder for temporary files.
    pub scratch: PathBuf,
}

impl<O, K, S> Task for PreprocessingCollidingUsers<O, K, S>
where
    O: ReadObjects + WriteObjects,
    K: PublicKey + Send + Sync,
    S: Silo,
{
    const TASK: OrderedTask = OrderedTask::PreprocessingCollidingUsers;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let id = context.relocation.id;
        let usernames = existing_usernames(&*self.objects, id).await?;
        let sealing = Sealing::new(public_key(&self.keys).await?, &*self.entropy, context.now);
        let silos = Silos { cell: &*self.cell, control: &*self.control };
        let request = ExportRequest { scope: ImportScope::User, filter: Filter::Usernames(usernames) };
        let spool = Spool::export(silos, &request, &self.scratch).await?;
        let stored = spool.store(&*self.objects, &artifact::input(id, KIND), sealing).await?;
        Ok(Finished::next().with(Changes { files: vec![recorded(KIND, stored)], ..Changes::default() }))
    }
}
