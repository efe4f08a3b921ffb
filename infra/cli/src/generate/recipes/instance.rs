//! The configuration of an instance.

use serde_json::{Value, json};

use super::{Per, Recipe, as_usual};
use crate::generate::place::Place;

pub(super) const RECIPES: &[Recipe] = &[
    Recipe { model: "sentry.controloption", rows: Per::Instance(2), fields: control_option },
    Recipe { model: "sentry.option", rows: Per::Instance(4), fields: option },
    Recipe { model: "sentry.relay", rows: Per::Instance(2), fields: relay },
    Recipe { model: "sentry.relayusage", rows: Per::Instance(2), fields: relay_usage },
    Recipe { model: "sentry.userrole", rows: Per::Instance(1), fields: user_role },
    Recipe { model: "sentry.userroleuser", rows: Per::Instance(1), fields: as_usual },
    Recipe { model: "sentry.userpermission", rows: Per::Instance(2), fields: user_permission },
    Recipe { model: "sentry.apitoken", rows: Per::Instance(1), fields: api_token },
    Recipe { model: "sentry.apiauthorization", rows: Per::Instance(1), fields: api_authorization },
];

/// Options of an instance, as (key, value). The last one never leaves its instance (SPEC §8).
const OPTIONS: &[(&str, &str)] = &[
    ("system.url-prefix", "\"https://errors.example\""),
    ("system.admin-email", "\"operations@errors.example\""),
    ("mail.from", "\"errors@errors.example\""),
    ("sentry:install-id", "\"0f3c5a4be1d94c0f8a6b7de29c15e7a80c11d2f9\""),
];

const CONTROL_OPTIONS: &[(&str, &str)] =
    &[("auth.allow-registration", "false"), ("beacon.anonymous", "true")];

const PERMISSIONS: &[&str] = &["users.admin", "options.admin"];

fn option(place: &Place<'_>) -> Value {
    configured(place, OPTIONS)
}

fn control_option(place: &Place<'_>) -> Value {
    configured(place, CONTROL_OPTIONS)
}

fn configured(place: &Place<'_>, options: &[(&str, &str)]) -> Value {
    let (key, value) = place.choose(options);
    json!({ "key": key, "value": value, "last_updated_by": "cli" })
}

fn relay(place: &Place<'_>) -> Value {
    let Relay { id, public_key } = relay_at(place);
    json!({ "relay_id": id, "public_key": public_key, "first_seen": place.date(0), "last_seen": place.date(60), "is_internal": place.index == 0 })
}

fn relay_usage(place: &Place<'_>) -> Value {
    let Relay { id, public_key } = relay_at(place);
    json!({ "relay_id": id, "public_key": public_key, "version": "24.7.0", "last_seen": place.date(60) })
}

struct Relay {
    id: String,
    public_key: String,
}

/// The relay at an index: two models tell of the same ones.
fn relay_at(place: &Place<'_>) -> Relay {
    let draw = |what| place.blueprint().draw("sentry.relay", place.index, what);
    Relay { id: draw("relay").uuid(), public_key: draw("public-key").alnum(43) }
}

fn user_role(_: &Place<'_>) -> Value {
    json!({ "name": "Support Engineer", "permissions": "['users.admin']" })
}

fn user_permission(place: &Place<'_>) -> Value {
    // Both belong to the first user, who is staff.
    json!({ "user": place.pk("sentry.user", 0), "permission": place.choose(PERMISSIONS) })
}

fn api_token(place: &Place<'_>) -> Value {
    let token = format!("sntryu_{}", place.draw("token").hex(64));
    let last: String = token.chars().skip(token.len().saturating_sub(4)).collect();
    json!({ "token": token, "token_type": "sntryu_", "token_last_characters": last, "name": "deploys", "scope_list": "['org:read', 'project:releases']" })
}

fn api_authorization(_: &Place<'_>) -> Value {
    json!({ "scope_list": "['org:read']" })
}
