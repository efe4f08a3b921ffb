//! `notifying_unhide` (SPEC §3, 13): the imported organisations become visible.

use std::sync::Arc;

use directory::{ORGANIZATION, amend, broken, inserted, model};
use pipeline::task::OrderedTask;
use pipeline::transition::Finished;
use runtime::{Task, TaskContext, TaskError};
use serde_json::Value;
use silo::{Fields, Silo};

/// The status of an organisation that everyone sees.
const ACTIVE: i64 = 0;

/// The status of an organisation that an import has hidden.
const PENDING_APPROVAL: i64 = 3;

/// The task.
#[derive(Debug)]
pub struct NotifyingUnhide<S> {
    /// Where the organisations are.
    pub cell: Arc<S>,
}

impl<S: Silo> Task for NotifyingUnhide<S> {
    const TASK: OrderedTask = OrderedTask::NotifyingUnhide;

    async fn run(&self, context: &TaskContext) -> Result<Finished, TaskError> {
        let cell = self.cell.as_ref();
        let organizations = model(cell, ORGANIZATION).map_err(broken)?;
        for pk in inserted(cell, context.relocation.id.uuid(), ORGANIZATION).await.map_err(broken)? {
            context.fence.check().await?;
            amend(cell, organizations, pk, activated).await.map_err(broken)?;
        }
        Ok(Finished::next())
    }
}

/// What becomes of an organisation that is pending approval. One that somebody deletes meanwhile, or has made
/// visible already, stays as it is.
fn activated(fields: &Fields) -> Option<Fields> {
    let is_pending = fields.get("status").and_then(Value::as_i64) == Some(PENDING_APPROVAL);
    is_pending.then(|| {
        let mut fields = fields.clone();
        fields.insert("status".to_owned(), ACTIVE.into());
        fields
    })
}
