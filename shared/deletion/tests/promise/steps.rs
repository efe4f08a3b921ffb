//! What tasks do, each as the product does it.

use std::future::Future;
use std::sync::Arc;

use catalog::SiloKind;
use deletion::{CrossSiloKey, Reconciler, Settings, Unwatched, delete as delete_rows};
use jiff::Timestamp;
use serde_json::Value;
use silo::{Departure, Fields, Pk, Reconcile, Row, Silo, Silos, Transaction, Watermarks, Write, WriteError};

use crate::world::{Import, Rules, Store, TARGETS, World};

pub(crate) fn fields(values: &[(&str, Option<Pk>)]) -> Fields {
    values.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// The fields of a row that refers to whomever chance says, those included who are gone.
pub(crate) fn some_fields(chance: &mut fastrand::Rng, model: &str) -> Fields {
    let target = chance.i64(1..=TARGETS);
    let maybe = chance.bool().then(|| chance.i64(1..=TARGETS));
    match model {
        "app.note" => fields(&[("author", maybe), ("member", None)]),
        "app.replica" => fields(&[("team", Some(target)), ("other", maybe)]),
        _ => fields(&[("user", Some(target))]),
    }
}

pub(crate) async fn delete(store: Arc<Store>, model: &'static str, pk: Pk) {
    let catalog = Arc::clone(store.catalog());
    // One that loses a race is done again by chance, or at the end.
    drop(delete_rows(&*store, catalog.find(model).unwrap(), &[pk], &mut Unwatched).await);
}

pub(crate) async fn look_after(store: Arc<Store>, departure: Departure, rules: Rules) {
    let looked =
        !rules.looks_after || deletion::look_after(&*store, &departure, &mut Unwatched).await.is_ok();
    if looked {
        drop(store.forget(&departure).await);
    }
}

/// Gives a room to a team that stays, unless it is gone or others are faster.
pub(crate) async fn move_room(cell: Arc<Store>, room: Pk, team: Pk) {
    let catalog = Arc::clone(cell.catalog());
    let model = catalog.find("app.room").unwrap();
    let Some(stored) = cell.get(model, &[room]).await.unwrap().pop().flatten() else { return };
    let writes = vec![Write::replace(model, stored, Arc::new(fields(&[("team", Some(team))])))];
    drop(cell.write(&Transaction { writes, chunk: None }).await);
}

/// A single row of some model, or a member with a note that depends on it.
pub(crate) fn insert(world: &mut World) -> impl Future<Output = ()> + 'static {
    let name = ["app.member", "app.note", "app.log", "app.replica"][world.chance.usize(0..4)];
    let rules = world.rules;
    let catalog = Arc::clone(&world.catalog);
    let store = world.store(catalog.find(name).unwrap().silo);
    let fields = some_fields(&mut world.chance, name);
    let note =
        (name == "app.member" && world.chance.bool()).then(|| some_fields(&mut world.chance, "app.note"));
    async move {
        let model = catalog.find(name).unwrap();
        let notes = catalog.find("app.note").unwrap();
        loop {
            let number = async |model| {
                if rules.keys_in_transaction {
                    store.next_pk(model).await.unwrap()
                } else {
                    store.reserve(model, 1).await.unwrap()
                }
            };
            let insert = |model, row| {
                if rules.keys_in_transaction {
                    Write::insert_next(model, row)
                } else {
                    Write::insert(model, row)
                }
            };
            let pk = number(model).await;
            let mut writes = vec![insert(model, Row::new(pk, fields.clone()))];
            if let Some(note) = &note {
                let mut note = note.clone();
                note.insert("member".to_owned(), pk.into());
                let row = Row::new(number(notes).await, note);
                writes.push(insert(notes, row));
            }
            match store.write(&Transaction { writes, chunk: None }).await {
                Ok(()) => return,
                Err(WriteError::Conflict(_)) => {}
                Err(WriteError::Store(error)) if error.retryable() => {}
                Err(error) => panic!("a row was not written: {error}"),
            }
        }
    }
}

/// Writes what is missing of an import, as the engine does: opened first, closed when all is there.
pub(crate) async fn import(cell: Arc<Store>, control: Arc<Store>, import: Arc<Import>, rules: Rules) {
    let silos = Silos { cell: &*cell, control: &*control };
    let catalog = Arc::clone(cell.catalog());
    let id = import.plan.import;
    match (rules.open_imports_bound, rules.opening_moves_back) {
        (true, true) => drop(silos.open_import(&import.plan).await),
        (true, false) => {
            cell.note_open(id, true).await.unwrap();
            control.note_open(id, true).await.unwrap();
        }
        (false, _) => {
            // Watermarks go back, and may go on as if nobody were to write.
            drop(silos.open_import(&import.plan).await);
            drop(silos.close_import(id).await);
        }
    }
    for (name, row) in &import.rows {
        let model = catalog.find(name).unwrap();
        loop {
            let writes = vec![Write::insert(model, row.clone()).made_by(id)];
            match silos.of(model).write(&Transaction { writes, chunk: chunk(&import, name, row) }).await {
                // Another run of it was faster.
                Ok(()) | Err(WriteError::Conflict(_)) => break,
                Err(WriteError::Store(error)) if error.retryable() => {}
                Err(error) => panic!("a row was not imported: {error}"),
            }
        }
    }
    drop(silos.close_import(id).await);
}

/// What says that the row was written, also when it is gone again.
fn chunk(import: &Import, model: &str, row: &Row) -> Option<silo::ImportChunk> {
    Some(silo::ImportChunk {
        import: import.plan.import,
        model: model.to_owned(),
        min_ordinal: row.pk.unsigned_abs(),
        mapped: Vec::new(),
        identifiers: std::collections::BTreeMap::new(),
    })
}

pub(crate) async fn reconcile(
    store: Arc<Store>,
    silo: SiloKind,
    (model, field): (String, String),
    settings: Settings,
    now: Timestamp,
    fresh: String,
) -> bool {
    let catalog = Arc::clone(store.catalog());
    let key = CrossSiloKey::find(&catalog, silo, &model, &field).expect("a key across silos");
    let reconciler = Reconciler { silo: &*store, settings, now, fresh };
    match reconciler.reconcile(key, &mut Unwatched).await {
        Ok(done) => done.has_more() || done.passes().any(|pass| pass.was_overtaken),
        Err(error) if error.retryable() => true,
        Err(error) => panic!("a job failed: {error}"),
    }
}
