//! The engine with a catalogue of one's own: it names no model itself.

use std::sync::Arc;

use catalog::Catalog;
use catalog::ImportScope::{Organization, User};
use serde_json::{Value, json};
use silo::{Filter, ImportKind, Pk};
use transfer::import::{DropReason, ImportErrorKind, ImportRequest};

use crate::support::{Instance, NOW, dropped, organization, request, row};

const SHOP: &str = r#"
[[model]]
name = "shop.customer"
silo = "control"
scope = "user"
identifier = "login"
unique = [{ fields = ["login"], ignore_case = true }]
rules = ["not-empty(login)", "suffix-if-taken(login)"]
automatic = [{ model = "shop.basket", fields = { customer = "pk", name = "field(login)", opened = "now" } }]
[model.fields]
login = "text(12)"

[[model]]
name = "shop.basket"
silo = "control"
scope = "user"
unique = [{ fields = ["customer", "name"] }]
rules = ["replace-automatic(customer, name)"]
[model.fields]
customer = "key(shop.customer) cascade"
name     = "text(12)"
opened   = "date"

[[model]]
name = "shop.order"
silo = "cell"
scope = "organization"
unique = [{ fields = ["number"] }]
rules = ["keep-if-taken(number)"]
[model.fields]
customer = "cross-silo-key(shop.customer) cascade"
number   = "int"
"#;

fn shop() -> Instance {
    Instance::of(Arc::new(Catalog::parse(SHOP).unwrap()))
}

fn customer(pk: Pk, login: &str) -> Value {
    row("shop.customer", pk, json!({ "login": login }))
}

#[test]
fn another_application_is_imported_by_its_own_rules() {
    let instance = shop();
    instance.put("shop.customer", 7, json!({ "login": "ANN" }));
    instance.put("shop.order", 9, json!({ "customer": 7, "number": 100 }));
    let file = [
        customer(1, "ann"),
        customer(2, "bob"),
        row("shop.basket", 1, json!({ "customer": 2, "name": "bob", "opened": "2020-01-01T00:00:00.000Z" })),
        row("shop.order", 1, json!({ "customer": 1, "number": 100 })),
        row("shop.order", 2, json!({ "customer": 2, "number": 101 })),
        row("shop.order", 3, json!({ "customer": 3, "number": 102 })),
    ];
    let outcome = instance.run(&request(Organization), file);
    assert_eq!(outcome.report.renamed.len(), 1);
    let ann = instance.imported(&outcome, "shop.customer", 1);
    assert!(ann.fields["login"].as_str().unwrap().starts_with("ann-"));
    let baskets = instance.rows("shop.basket");
    assert_eq!(baskets.len(), 2, "one each");
    assert_eq!(
        (&baskets[0].fields["name"], &baskets[0].fields["opened"]),
        (&ann.fields["login"], &json!(NOW))
    );
    assert_eq!(baskets[1].fields["opened"], "2020-01-01T00:00:00.000Z", "the file's took its place");
    assert_eq!(instance.mapped(&outcome, "shop.order", 1), Some((9, ImportKind::Existing)));
    assert_eq!(instance.imported(&outcome, "shop.order", 2).fields["customer"], 9, "the new customer");
    let reason = DropReason::MissingTarget {
        key: "customer".to_owned(),
        model: "shop.customer".to_owned(),
        source_pk: 3,
    };
    assert_eq!(dropped(&outcome, "shop.order"), [(3, reason)]);
}

#[test]
fn a_filter_that_nothing_can_be_held_against_is_refused() {
    for filter in [Filter::Usernames(vec!["ann".to_owned()]), Filter::OrganizationSlugs(Vec::new())] {
        let instance = shop();
        let error = instance.fail(&ImportRequest { filter, ..request(User) }, [customer(1, "ann")]);
        assert_eq!(error.kind(), ImportErrorKind::ValidationError, "{error}");
        assert_eq!(instance.state(), vec![], "rather than ignored");
    }
}

#[test]
fn a_slug_never_becomes_a_reserved_one() {
    let sentry = include_str!("../../../catalog/sentry.toml");
    let file = || [organization(5, "login")];
    let made_up = Instance::new().run(&request(Organization), file()).report.renamed[0].to.clone();
    let reserving = sentry.replace("\"login\", ", &format!("\"login\", \"{made_up}\", "));
    let instance = Instance::of(Arc::new(Catalog::parse(&reserving).unwrap()));
    let renamed = instance.run(&request(Organization), file()).report.renamed[0].to.clone();
    assert_ne!(renamed, made_up);
    assert_eq!(renamed.len(), "login-xxx".len(), "the next suffix was tried");
}
