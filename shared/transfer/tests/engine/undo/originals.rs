//! Rows that the import changed, and that others have changed since.

use std::sync::Arc;

use catalog::Catalog;
use catalog::ImportScope::Config;
use futures::executor::block_on;
use serde_json::json;
use silo::{Pk, Row, Silo, Transaction, Write};
use transfer::import::ImportRequest;
use transfer::undo::{ModelUndo, Obstacle, Obstacles};

use super::{assert_same, cascading, dry, imported, undoing};
use crate::support::full::{configured, configured_rows};
use crate::support::{Instance, OVERWRITE, another, file, request_with, row};

/// An option of ours that the import has overwritten.
const OPTION: (&str, Pk) = ("sentry.option", 903);

fn changed() -> Obstacles {
    let (model, pk) = OPTION;
    let named = vec![Obstacle::Changed { model: model.to_owned(), pk }];
    Obstacles { named, changed: 1, ..Obstacles::default() }
}

#[test]
fn what_somebody_changed_since_stands_in_the_way_or_is_lost_and_counted() {
    let request = request_with(Config, OVERWRITE);
    let instance = imported(&request);
    instance.change(OPTION.0, OPTION.1, json!({ "key": "k3", "value": "ours again" }));
    let state = instance.state();
    assert_eq!(instance.obstacles(&undoing(&request)), changed());
    assert_eq!(instance.state(), state);
    assert_eq!(instance.undo(&dry(undoing(&request))).unwrap().state.obstacles, changed());

    let foreseen = instance.undo(&dry(cascading(&request))).unwrap().state;
    assert!(foreseen.obstacles.is_empty());
    let done = instance.undone(&cascading(&request));
    assert_eq!(done, foreseen.report);
    assert_eq!(done.total().changed_since, 1);
    assert_same(&configured(), &instance, &imported(&request), "changed since");
}

#[test]
fn what_was_restored_is_nobodys_but_its_owners() {
    let request = request_with(Config, OVERWRITE);
    let instance = imported(&request);
    instance.undone(&undoing(&request));
    instance.change(OPTION.0, OPTION.1, json!({ "key": "k3", "value": "newer" }));
    let state = instance.state();
    for request in [undoing(&request), cascading(&request)] {
        let again = instance.undone(&request).total();
        assert_eq!(again, ModelUndo { already_gone: again.already_gone, ..ModelUndo::default() });
        assert_eq!(instance.state(), state);
    }
}

#[test]
fn what_is_as_it_was_needs_no_restoring() {
    let request = request_with(Config, OVERWRITE);
    let instance = imported(&request);
    instance.change(OPTION.0, OPTION.1, json!({ "key": "k3", "value": "theirs, nearly" }));
    let ours = configured().rows(OPTION.0).into_iter().find(|row| row.pk == OPTION.1).unwrap();
    instance.change(OPTION.0, OPTION.1, ours.fields.as_ref().clone().into());
    let report = instance.undone(&undoing(&request));
    assert_eq!(report.total().restored, 60 + 2 + 1 + 1 - 1);
    assert_same(&configured(), &instance, &imported(&request), "as it was");
}

#[test]
fn what_somebody_deleted_since_stays_away() {
    let request = request_with(Config, OVERWRITE);
    let instance = imported(&request);
    let model = instance.catalog.find(OPTION.0).unwrap();
    block_on(deletion::delete(&instance.cell, model, &[OPTION.1], &mut deletion::Unwatched)).unwrap();
    let foreseen = instance.undo(&dry(undoing(&request))).unwrap().state.report;
    let done = instance.undone(&undoing(&request));
    assert_eq!(done, foreseen);
    assert_eq!(done.models[OPTION.0].already_gone, 1);
    let expected = configured();
    block_on(deletion::delete(&expected.cell, model, &[OPTION.1], &mut deletion::Unwatched)).unwrap();
    assert_same(&expected, &instance, &imported(&request), "deleted since");
}

#[test]
fn of_two_imports_the_later_one_is_undone_first() {
    let file = file(configured_rows());
    let first = request_with(Config, OVERWRITE);
    let second = ImportRequest { key: [8; 32], ..another(&first, 2) };
    let both = || {
        let instance = configured();
        instance.import(&file, &first).unwrap();
        instance.import(&file, &second).unwrap();
        instance
    };
    let instance = both();
    let obstacles = instance.obstacles(&undoing(&first));
    assert_eq!((obstacles.changed, obstacles.total()), (60 + 2 + 1, 60 + 2 + 1), "{obstacles:?}");
    instance.undone(&undoing(&second));
    let between = configured();
    between.import(&file, &first).unwrap();
    assert_same(&between, &instance, &both(), "the second");
    instance.undone(&undoing(&first));
    assert_same(&configured(), &instance, &both(), "the first");
}

const SHOP: &str = r#"
[[model]]
name = "shop.price"
silo = "cell"
scope = "config"
unique = [{ fields = ["key"] }, { fields = ["code"] }]
rules = ["keep-or-overwrite(key)"]
[model.fields]
key  = "text(12)"
code = "text(12)"
"#;

fn price(pk: Pk, key: &str, code: &str) -> serde_json::Value {
    row("shop.price", pk, json!({ "key": key, "code": code }))
}

fn shop() -> Instance {
    let instance = Instance::of(Arc::new(Catalog::parse(SHOP).unwrap()));
    for (pk, key) in [(1, "a"), (2, "b"), (3, "c")] {
        instance.put_row(&price(pk, key, key));
    }
    instance
}

/// Each price takes the code that the one before it gave up, so that they can come back in one order alone.
fn moved(request: &ImportRequest) -> Instance {
    let instance = shop();
    instance.run(request, [price(11, "a", "x"), price(14, "d", "d")]);
    let plan = block_on(instance.cell.plan(request.import)).unwrap().unwrap();
    let model = instance.catalog.find("shop.price").unwrap();
    for (pk, key, code) in [(2, "b", "a"), (3, "c", "b")] {
        let before = block_on(instance.cell.get(model, &[pk])).unwrap().remove(0).unwrap();
        let fields = json!({ "key": key, "code": code }).as_object().unwrap().clone();
        let write = Write::replace(model, before, fields);
        let transaction = plan.transaction(&instance.catalog, vec![write], None);
        block_on(instance.cell.write(&transaction)).unwrap();
    }
    instance
}

#[test]
fn values_come_back_in_the_order_in_which_they_are_given_up() {
    let request = request_with(Config, OVERWRITE);
    let instance = moved(&request);
    let report = instance.undone(&undoing(&request));
    assert_eq!(report.models["shop.price"], ModelUndo { deleted: 1, restored: 3, ..ModelUndo::default() });
    assert_same(&shop(), &instance, &moved(&request), "codes");
}

#[test]
fn a_value_that_somebody_else_has_by_now_stands_in_the_way_in_any_case() {
    let request = request_with(Config, OVERWRITE);
    let instance = moved(&request);
    let model = instance.catalog.find("shop.price").unwrap();
    let pk = block_on(instance.cell.next_pk(model)).unwrap();
    let fields = json!({ "key": "new", "code": "c" }).as_object().unwrap().clone();
    let write = Write::insert_next(model, Row::new(pk, fields));
    block_on(instance.cell.write(&Transaction { writes: vec![write], chunk: None })).unwrap();
    let state = instance.state();
    for request in [undoing(&request), cascading(&request)] {
        let obstacles = instance.obstacles(&request);
        let taken =
            Obstacle::Taken { model: "shop.price".to_owned(), pk: 3, set: "code".to_owned(), holder: pk };
        assert_eq!(obstacles, Obstacles { named: vec![taken], taken: 1, ..Obstacles::default() });
        assert_eq!(instance.state(), state);
    }
}
