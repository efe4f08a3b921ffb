//! Comparing exports (SPEC §9).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    reason = "a test stops at the first surprise, and its values are made where they are used"
)]

mod comparators;
mod every_field;
mod order;
mod recorded;
mod secrets;
mod summary;

use catalog::Catalog;
use serde_json::{Value, json};
use transfer::compare::{CompareError, compare};
use transfer::findings::Finding;
use transfer::rows::RowReader;

/// Models that show one thing each, so that a test sees nothing but what it is about.
const CATALOG: &str = r#"
removed = ["app.ghost", "app.team.mascot"]

[[model]]
name = "app.user"
silo = "control"
scope = "user"
unique = [{ fields = ["username"] }]
ordinal = ["username"]
compare = { username = "auto-suffix", password = "user-password", is_unclaimed = "ignored", last_password_change = "ignored", is_password_expired = "ignored" }
[model.fields]
username             = "text(20)"
password             = "text"
is_unclaimed         = "bool = false"
last_password_change = "date?"
is_password_expired  = "bool = false"

[[model]]
name = "app.address"
silo = "control"
scope = "user"
unique = [{ fields = ["user", "email"] }]
ordinal = ["user", "email"]
[model.fields]
user  = "key(app.user) cascade"
email = "text"

[[model]]
name = "app.team"
silo = "control"
scope = "organization"
[model.fields]
name     = "text"
settings = "json = {}"

[[model]]
name = "app.useroption"
silo = "control"
scope = "user"
unique = [{ fields = ["user", "key"], when = ["team is null"] }]
rules = ["drop-if-taken(user, key)"]
[model.fields]
user  = "key(app.user) cascade"
team  = "key(app.team)? cascade"
key   = "text"
value = "any"

[[model]]
name = "app.sample"
silo = "control"
scope = "organization"
compare = { slug = "auto-suffix", seen = "date-updated", born = "date", email = "email", owner = "equal-or-removed", token = "hash", noise = "ignored", secret = "secret-hex", subscription = "subscription-id", uuid = "uuid4", scopes = "unordered-list" }
[model.fields]
slug         = "text(12)?"
seen         = "date?"
born         = "date?"
email        = "text?"
owner        = "text?"
token        = "text?"
noise        = "text?"
secret       = "text?"
subscription = "text?"
uuid         = "uuid?"
scopes       = "any?"
team         = "key(app.team)? cascade"
"#;

fn catalog() -> Catalog {
    Catalog::parse(CATALOG).unwrap()
}

fn row(model: &str, pk: i64, fields: Value) -> Value {
    json!({"model": model, "pk": pk, "fields": fields})
}

fn try_findings(catalog: &Catalog, left: &[Value], right: &[Value]) -> Result<Vec<Finding>, CompareError> {
    let [left, right] = [left, right].map(|rows| serde_json::to_vec(rows).unwrap());
    compare(catalog, RowReader::new(left.as_slice()), RowReader::new(right.as_slice()))
}

fn findings(left: &[Value], right: &[Value]) -> Vec<Finding> {
    try_findings(&catalog(), left, right).unwrap()
}

fn kinds(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.kind.as_ref()).collect()
}
