//! Undoes an import exactly, from its plan, its chunks and its journal: what it and the tasks after it inserted goes,
//! what they changed is what it was, what they merged with stays.
//!
//! Model by model, deepest first: a model's rows go, then its originals come back, then the models follow that its keys
//! lead to. So no enforced key leads nowhere, wherever it is cut short, and an original finds its unique values free.
//!
//! Before anything is changed, it **looks** for what others have built on the import since; what it finds stands in the
//! way unless the request says otherwise. Rows that others write between the look and the deletion are found when the
//! departures of what went are dealt with, like those behind any other deletion (SPEC §10).
//!
//! What was done is not done again: a row that is gone is not there, and of a row that was restored it is kept that it
//! was, in the transaction that restored it ([`restore`]).

mod change;
mod dependents;
mod error;
mod imported;
mod journaled;
mod look;
mod pks;
mod report;
mod restore;
mod runner;
mod state;

use std::future::Future;

use serde::{Deserialize, Serialize};
use silo::{Silos, Watermarks};
use uuid::Uuid;

pub use crate::import::{Proceed, Unwatched};
pub use error::UndoError;
pub use report::{DEPENDENTS_COUNTED_MAX, ModelUndo, OBSTACLES_NAMED_MAX, Obstacle, Obstacles, UndoReport};
pub use state::{Phase, UndoState};

use error::at;
use imported::Imported;
use runner::Undoing;

/// What is asked of undoing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRequest {
    /// The import. It can no longer write: whoever asks has ended it.
    pub import: Uuid,
    /// What others have built on the import since does not stand in the way: rows that depend on what goes are dealt with
    /// as their keys say, and rows that were changed since are restored all the same. Some of it stands in the way even
    /// so: a row whose key protects its target, and a unique value that somebody else has by now.
    pub cascade: bool,
    /// Nothing is changed: the report foresees what would be, and obstacles are no error.
    pub dry_run: bool,
}

/// Watches undoing, and may stop it between two pages of rows.
pub trait Watch: Send {
    /// Asked before each page; what was done until then stays when it says stop. `state` is what a run goes on from that
    /// begins with this page.
    fn proceed(&mut self, progress: Progress, state: &UndoState) -> impl Future<Output = Proceed> + Send;
}

impl Watch for Unwatched {
    async fn proceed(&mut self, _: Progress, _: &UndoState) -> Proceed {
        Proceed::GoOn
    }
}

/// How far undoing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is at: it looks at everything first, then goes through everything again.
    pub phase: Phase,
    /// Primary keys dealt with, whether they have rows or not.
    pub rows_done: u64,
    /// Primary keys that the plan has set aside, and rows that chunks map elsewhere.
    pub rows_total: u64,
}

/// How undoing ended, short of an error.
#[derive(Debug)]
pub struct UndoOutcome {
    /// Whether everything was dealt with; otherwise it was stopped and may be resumed.
    pub finished: bool,
    /// What it did, and what the next run is to go on from.
    pub state: UndoState,
}

/// Undoes an import, or goes on doing so from the state of the run before (or from none: [`UndoState::default`]). That it
/// was undone before is success, and so is that the silos know nothing of it.
///
/// # Errors
/// Something stands in the way, or a store failed; what was undone before stays undone, and the same call, from the same
/// state, goes on behind it.
pub async fn undo<S: Watermarks>(
    silos: Silos<'_, S>,
    request: &UndoRequest,
    so_far: UndoState,
    watch: &mut impl Watch,
) -> Result<UndoOutcome, UndoError> {
    let mut state = so_far.of(request);
    let Some(imported) = Imported::read(silos, request.import).await? else {
        state.phase = Phase::Done;
        return Ok(UndoOutcome { finished: true, state });
    };
    let progress = Progress { phase: state.phase, rows_done: 0, rows_total: 0 };
    let mut undoing = Undoing { imported: &imported, request, state: &mut state, watch, progress };
    let finished = undoing.run().await?;
    if finished && !request.dry_run {
        silos.close_import(request.import).await.map_err(at("what is reconciled"))?;
    }
    Ok(UndoOutcome { finished, state })
}
