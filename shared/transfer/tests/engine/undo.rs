//! Undoing an import leaves both silos as they were, wherever the import stood and however often undoing is broken off.

mod dependents;
mod disturbed;
mod exact;
mod originals;

use catalog::ImportScope::{self, Config, Organization, User};
use catalog::KeyKind;
use futures::executor::block_on;
use serde_json::{Value, json};
use silo::{ImportFlags, Pk, Row, Silo, Silos, Watermarks, Write};
use transfer::import::ImportRequest;
use transfer::undo::{
    Obstacles, Phase, Proceed, Progress, UndoError, UndoOutcome, UndoReport, UndoRequest, UndoState,
    Unwatched, Watch, undo,
};

use crate::support::flaky::{Wire, Wired};
use crate::support::full::{configured, configured_rows};
use crate::support::undoing::{holders, uniques};
use crate::support::{HIDE, Instance, MERGE, OVERWRITE, file};

/// What decides which rows an import meets, and what it does with them.
const WAYS: [(ImportScope, ImportFlags); 5] =
    [(User, MERGE), (Organization, HIDE), (Organization, MERGE), (Config, MERGE), (Config, OVERWRITE)];

fn undoing(request: &ImportRequest) -> UndoRequest {
    UndoRequest { import: request.import, cascade: false, dry_run: false }
}

fn cascading(request: &ImportRequest) -> UndoRequest {
    UndoRequest { cascade: true, ..undoing(request) }
}

fn dry(request: UndoRequest) -> UndoRequest {
    UndoRequest { dry_run: true, ..request }
}

impl Instance {
    fn undo(&self, request: &UndoRequest) -> Result<UndoOutcome, UndoError> {
        block_on(undo(self.silos(), request, UndoState::default(), &mut Unwatched))
    }

    /// Undoes an import to its end. What it did.
    fn undone(&self, request: &UndoRequest) -> UndoReport {
        let outcome = self.undo(request).unwrap();
        assert!(outcome.finished);
        outcome.state.report
    }

    /// What stands in the way of undoing an import.
    fn obstacles(&self, request: &UndoRequest) -> Obstacles {
        match self.undo(request).unwrap_err() {
            UndoError::InTheWay(obstacles) => *obstacles,
            error => panic!("{error}"),
        }
    }

    /// Its cell and its control, at the other end of a wire.
    fn wired<'a>(&'a self, wire: &'a Wire) -> [Wired<'a>; 2] {
        [&self.cell, &self.control].map(|silo| Wired { silo, between: wire })
    }

    fn undo_over(&self, wire: &Wire, request: &UndoRequest) -> Result<UndoOutcome, UndoError> {
        let [cell, control] = self.wired(wire);
        let silos = Silos { cell: &cell, control: &control };
        block_on(undo(silos, request, UndoState::default(), &mut Unwatched))
    }

    /// Gives a row other fields as anybody might.
    fn change(&self, model: &str, pk: Pk, fields: Value) {
        let model = self.catalog.find(model).unwrap();
        let silo = self.silos().of(model);
        let before = block_on(silo.get(model, &[pk])).unwrap().remove(0).unwrap();
        let write = Write::replace(model, before, fields.as_object().unwrap().clone());
        block_on(silo.write(&silo::Transaction { writes: vec![write], chunk: None })).unwrap();
    }

    /// Writes a row as anybody might. Its primary key.
    fn write_row(&self, model: &str, fields: Value) -> Pk {
        let model = self.catalog.find(model).unwrap();
        let silo = self.silos().of(model);
        let row = Row::new(block_on(silo.next_pk(model)).unwrap(), fields.as_object().unwrap().clone());
        let write = Write::insert_next(model, row.clone());
        block_on(silo.write(&silo::Transaction { writes: vec![write], chunk: None })).unwrap();
        row.pk
    }

    /// Keys that a silo enforces itself and that lead nowhere.
    fn dangling(&self) -> Vec<(String, Pk, String)> {
        let mut dangling = Vec::new();
        for (name, rows) in self.state() {
            for key in &self.catalog.find(&name).unwrap().keys {
                let Some(target) = key.target.filter(|_| key.kind == KeyKind::Local) else { continue };
                let target = self.rows(&self.catalog.model(target).name);
                let is_there = |pk: Pk| target.iter().any(|row| row.pk == pk);
                let leads_nowhere = |row: &&Row| row.key(&key.field).is_some_and(|pk| !is_there(pk));
                let found = rows.iter().filter(leads_nowhere);
                dangling.extend(found.map(|row| (name.clone(), row.pk, key.field.clone())));
            }
        }
        dangling
    }
}

/// Fails unless two instances are the same row for row, and unique value for unique value also of those that a third had.
fn assert_same(before: &Instance, undone: &Instance, imported: &Instance, when: &str) {
    assert_eq!(undone.state(), before.state(), "{when}");
    let values = [before, imported].into_iter().flat_map(uniques).collect::<Vec<_>>();
    assert_eq!(holders(undone, &values), holders(before, &values), "{when}");
    for silo in [&undone.cell, &undone.control] {
        assert!(block_on(silo.open_imports()).unwrap().is_empty(), "{when}: the import is open");
    }
}

/// What the tasks after an import write: a membership, another role, and a claim.
fn hand_over(instance: &Instance, request: &ImportRequest) {
    let plan = block_on(instance.cell.plan(request.import)).unwrap().unwrap();
    let catalog = &instance.catalog;
    let write = |model: &str, write: &dyn Fn(&catalog::Model) -> Write| {
        let model = catalog.find(model).unwrap();
        let transaction = plan.transaction(catalog, vec![write(model)], None);
        block_on(instance.silos().of(model).write(&transaction)).unwrap();
    };
    let next = |model: &catalog::Model| block_on(instance.silos().of(model).next_pk(model)).unwrap();
    let fields = |fields: Value| fields.as_object().unwrap().clone();
    if let Some(range) = plan.ranges.get("sentry.organization") {
        write("sentry.organizationmember", &|model| {
            let member = json!({ "organization": range.start, "user_id": 13, "role": "owner" });
            Write::insert_next(model, Row::new(next(model), fields(member)))
        });
    }
    for role in ["owner", "manager"] {
        write("sentry.organizationmember", &|model| {
            let before = block_on(instance.cell.get(model, &[15])).unwrap().remove(0).unwrap();
            let mut promoted = before.row.fields.as_ref().clone();
            promoted.insert("role".into(), role.into());
            Write::replace(model, before, promoted)
        });
    }
    write("sentry.lostpasswordhash", &|model| {
        let claim = json!({ "user": 13, "hash": "h", "date_added": "2026-01-01T00:00:00.000Z" });
        Write::insert_next(model, Row::new(next(model), fields(claim)))
    });
}

/// [`configured`] with an import, and with what the tasks after it do.
fn imported(request: &ImportRequest) -> Instance {
    let instance = configured();
    instance.import(&file(configured_rows()), request).unwrap();
    hand_over(&instance, request);
    instance
}

/// Stops in front of a page.
struct StopAt {
    page: usize,
    seen: Vec<Progress>,
}

impl StopAt {
    fn page(page: usize) -> Self {
        Self { page, seen: Vec::new() }
    }
}

impl Watch for StopAt {
    async fn proceed(&mut self, progress: Progress, _: &UndoState) -> Proceed {
        assert!(progress.rows_done <= progress.rows_total, "{progress:?}");
        assert_ne!(progress.phase, Phase::Done);
        self.seen.push(progress);
        if self.seen.len() > self.page { Proceed::Stop } else { Proceed::GoOn }
    }
}
