//! Organisations, their teams, and what belongs to an organisation as a whole.

use serde_json::{Value, json};

use super::{Per, Recipe};
use crate::generate::place::Place;
use crate::generate::words;

pub(super) const RECIPES: &[Recipe] = &[
    Recipe { model: "sentry.organization", rows: Per::Organization(1), fields: organization },
    Recipe { model: "sentry.organizationoption", rows: Per::Organization(1), fields: option },
    Recipe { model: "sentry.orgauthtoken", rows: Per::Organization(1), fields: auth_token },
    Recipe { model: "sentry.datasecrecywaiver", rows: Per::Organization(1), fields: secrecy_waiver },
    Recipe { model: "sentry.environment", rows: Per::Organization(2), fields: environment },
    Recipe { model: "sentry.savedsearch", rows: Per::Organization(1), fields: saved_search },
    Recipe { model: "sentry.projecttemplate", rows: Per::Organization(1), fields: project_template },
    Recipe {
        model: "sentry.projecttemplateoption",
        rows: Per::Organization(1),
        fields: project_template_option,
    },
    Recipe { model: "sentry.notificationaction", rows: Per::Organization(1), fields: notification_action },
    Recipe { model: "sentry.team", rows: Per::Team(1), fields: team },
];

/// Every organisation has these.
const ENVIRONMENTS: &[&str] = &["production", "staging"];

/// A member, not an e-mail address or a team, is told.
const TARGET_USER: u8 = 1;

fn organization(place: &Place<'_>) -> Value {
    let slug = place.slug();
    json!({ "name": words::title(&slug), "slug": slug, "flags": "1" })
}

fn option(place: &Place<'_>) -> Value {
    json!({ "key": "sentry:account-rate-limit", "value": place.draw("limit").below(10_000) })
}

fn auth_token(place: &Place<'_>) -> Value {
    let mut token = place.draw("token");
    json!({
        "name": format!("releases of {}", place.slug()),
        "token_hashed": token.hex(64),
        "token_last_characters": token.alnum(4),
        "scope_list": "['org:ci']",
        "created_by": place.pk("sentry.user", 0),
        "project_last_used_id": place.pk("sentry.project", 0),
        "date_last_used": place.date(30),
    })
}

fn secrecy_waiver(place: &Place<'_>) -> Value {
    const A_WEEK: i64 = 7 * 24 * 60;
    json!({ "access_start": place.date(0), "access_end": place.date(A_WEEK), "zendesk_tickets": "[]" })
}

fn environment(place: &Place<'_>) -> Value {
    json!({ "name": place.choose(ENVIRONMENTS) })
}

fn saved_search(place: &Place<'_>) -> Value {
    json!({
        "organization": place.pk("sentry.organization", 0),
        "owner_id": place.pk("sentry.user", 0),
        "type": 0,
        "name": "Unassigned and new",
        "query": "is:unresolved is:unassigned is:for_review",
        "sort": "date",
        "is_global": false,
    })
}

fn project_template(place: &Place<'_>) -> Value {
    json!({ "name": format!("{}-service", place.slug()), "date_added": place.date(0) })
}

fn project_template_option(place: &Place<'_>) -> Value {
    json!({ "key": "mail:subject_prefix", "value": format!("\"[{}]\"", place.slug()) })
}

fn notification_action(place: &Place<'_>) -> Value {
    json!({
        "type": 5,
        "trigger_type": 0,
        "target_type": TARGET_USER,
        "target_identifier": place.pk("sentry.user", 0).to_string(),
        "target_display": "Owner",
    })
}

fn team(place: &Place<'_>) -> Value {
    let name = format!("{}-{}", place.draw("name").pick(words::SERVICES), place.index + 1);
    json!({ "name": words::title(&name), "slug": name, "date_added": place.date(0) })
}
