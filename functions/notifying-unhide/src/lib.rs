//! `notifying_unhide` (SPEC §3, 13): the imported organisations become visible.

use std::sync::Arc;

use catalog::Shown;
use directory::{amend, broken, inserted, plan, roles};
use pipeline::task::OrderedTask;
use pipeline::transition::Finished;
use runtime::{Task, TaskContext, TaskError};
use silo::{Fields, Silo};

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
        let roles = roles(cell).map_err(broken)?;
        // Where imports hide nothing, there is nothing to show.
        let Some(shown) = roles.shown() else { return Ok(Finished::next()) };
        let organizations = roles.organizations();
        let import = context.relocation.id.uuid();
        let plan = plan(cell, import).await.map_err(broken)?;
        for pk in inserted(cell, import, organizations).await.map_err(broken)? {
            context.fence.check().await?;
            let unhidden = |fields: &Fields| unhidden(shown, fields);
            amend(cell, &plan, organizations, pk, unhidden).await.map_err(broken)?;
        }
        Ok(Finished::next())
    }
}

/// What becomes of an organisation that is hidden. One that somebody deletes meanwhile, or has made visible
/// already, stays as it is.
fn unhidden(Shown { field, hidden, shown }: &Shown, fields: &Fields) -> Option<Fields> {
    (fields.get(field) == Some(hidden)).then(|| {
        let mut fields = fields.clone();
        fields.insert(field.clone(), shown.clone());
        fields
    })
}
