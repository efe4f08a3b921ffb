//! Goes through the rows of an import: once to look, once to undo.

use catalog::Model;
use silo::{Pk, Silo};

use super::dependents::links_to;
use super::error::{UndoError, at};
use super::imported::{Imported, Rows};
use super::state::{Cursor, Phase, Stage, UndoState};
use super::{Proceed, Progress, UndoRequest, Watch};

/// One run.
pub(super) struct Undoing<'a, 'r, S, W> {
    pub(super) imported: &'r Imported<'a, S>,
    pub(super) request: &'r UndoRequest,
    pub(super) state: &'r mut UndoState,
    pub(super) watch: &'r mut W,
    pub(super) progress: Progress,
}

impl<S: Silo, W: Watch> Undoing<'_, '_, S, W> {
    /// Goes on to the end; false when it was stopped.
    pub(super) async fn run(&mut self) -> Result<bool, UndoError> {
        if self.state.phase == Phase::Looking {
            if !Box::pin(self.go_through()).await? {
                return Ok(false);
            }
            if !self.request.dry_run && !self.state.obstacles.is_empty() {
                return Err(UndoError::InTheWay(Box::new(std::mem::take(&mut self.state.obstacles))));
            }
            self.enter(if self.request.dry_run { Phase::Done } else { Phase::Undoing });
        }
        if self.state.phase == Phase::Undoing {
            if !Box::pin(self.go_through()).await? {
                return Ok(false);
            }
            self.enter(Phase::Done);
        }
        Ok(true)
    }

    fn enter(&mut self, phase: Phase) {
        self.state.phase = phase;
        self.state.cursor = None;
    }

    /// Goes through all rows from the cursor on, those that refer to others first; false when it was stopped.
    async fn go_through(&mut self) -> Result<bool, UndoError> {
        let models = self.imported.catalog().models();
        let begin = self.state.cursor.take();
        let first = begin.as_ref().and_then(|cursor| models.iter().find(|model| model.name == cursor.model));
        let (mut stage, mut after) = begin
            .filter(|_| first.is_some())
            .map_or((Stage::Planned, None), |cursor| (cursor.stage, cursor.after));
        for model in models.iter().rev().filter(|model| first.is_none_or(|first| model.id <= first.id)) {
            for stage in Stage::ALL.into_iter().filter(|each| *each >= stage) {
                if !self.go_through_stage(model, stage, after.take()).await? {
                    return Ok(false);
                }
            }
            stage = Stage::Planned;
        }
        Ok(true)
    }

    async fn go_through_stage(
        &mut self,
        model: &Model,
        stage: Stage,
        mut after: Option<Pk>,
    ) -> Result<bool, UndoError> {
        if !self.matters(model, stage) {
            return Ok(true);
        }
        loop {
            if !self.goes_on(model, stage, after).await {
                return Ok(false);
            }
            let page = self.imported.page(model, stage, after).await.map_err(at(&model.name))?;
            let (rows, next) = page;
            // What others wrote goes before the page itself does, which therefore comes again when it was stopped at that.
            if !self.deal_with(model, rows).await? {
                return Ok(false);
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if stage == Stage::Planned && (self.state.phase == Phase::Undoing || self.request.dry_run) {
            self.count_gone_of_file(model);
        }
        Ok(true)
    }

    /// Whether rows that are known from somewhere have to be looked at in this phase.
    fn matters(&self, model: &Model, stage: Stage) -> bool {
        let is_known = self.imported.knows(model, stage);
        let is_looked_at = self.state.phase == Phase::Undoing
            || self.request.dry_run
            || stage == Stage::Originals
            || links_to(self.imported.catalog(), model).next().is_some();
        is_known && is_looked_at
    }

    /// Deals with a page of rows; false when it was stopped half-way.
    async fn deal_with(&mut self, model: &Model, rows: Rows) -> Result<bool, UndoError> {
        match (self.state.phase, rows) {
            (Phase::Looking, Rows::Going { rows, known }) => self.look_at(model, &rows, known).await?,
            (Phase::Looking, Rows::Changed(rows)) => self.look_at_originals(model, rows).await?,
            (_, Rows::Going { rows, known }) => {
                if !self.clear_dependents(model, &rows).await? {
                    return Ok(false);
                }
                self.delete(model, rows, known).await?;
            }
            (_, Rows::Changed(rows)) => self.restore(model, rows).await?,
        }
        Ok(true)
    }

    /// Asks whether to go on with a page, which is where the next run begins otherwise.
    async fn goes_on(&mut self, model: &Model, stage: Stage, after: Option<Pk>) -> bool {
        self.progress = self.progress_at(model, stage, after);
        self.state.cursor = Some(Cursor { model: model.name.clone(), stage, after });
        self.watch.proceed(self.progress, self.state).await == Proceed::GoOn
    }

    fn progress_at(&self, model: &Model, stage: Stage, after: Option<Pk>) -> Progress {
        let extent = |model: &Model| self.imported.extent(model);
        let models = self.imported.catalog().models();
        let behind = models.iter().rev().take_while(|other| other.id != model.id).map(extent);
        let within = match (stage, self.imported.range(model)) {
            (Stage::Planned, Some(range)) => after.map_or(0, |after| after.abs_diff(range.start) + 1),
            (Stage::Planned, None) => 0,
            _ => extent(model),
        };
        let rows_total = models.iter().map(extent).fold(0, u64::saturating_add);
        let rows_done = behind.fold(within.min(extent(model)), u64::saturating_add);
        Progress { phase: self.state.phase, rows_done, rows_total }
    }

    /// Counts rows that go, of which so many were there once according to a chunk or the journal.
    pub(super) fn count_going(&mut self, model: &Model, pks: impl Iterator<Item = Pk> + Clone, known: u64) {
        let count = pks.clone().count() as u64;
        let of_file = pks.filter(|pk| self.imported.is_of_file(model, *pk)).count() as u64;
        let state = &mut *self.state;
        state.report.count(&model.name, count, |counts| &mut counts.deleted);
        state.report.count(&model.name, known.saturating_sub(count), |counts| &mut counts.already_gone);
        *state.of_file.entry(model.name.clone()).or_default() += of_file;
    }

    /// Of the rows of the file, the chunks know how many were there once.
    fn count_gone_of_file(&mut self, model: &Model) {
        let went = self.state.of_file.get(&model.name).copied().unwrap_or(0);
        let gone = self.imported.planned(model).saturating_sub(went);
        self.state.report.count(&model.name, gone, |counts| &mut counts.already_gone);
    }
}
