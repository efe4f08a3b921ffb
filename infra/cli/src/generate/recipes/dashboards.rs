//! Dashboards, their widgets and what those ask for.

use serde_json::{Value, json};

use super::{Per, Recipe};
use crate::generate::place::Place;

pub(super) const RECIPES: &[Recipe] = &[
    Recipe { model: "sentry.dashboard", rows: Per::Organization(1), fields: dashboard },
    Recipe { model: "sentry.dashboardtombstone", rows: Per::Organization(1), fields: tombstone },
    Recipe { model: "sentry.dashboardwidget", rows: Per::Organization(WIDGETS), fields: widget },
    Recipe { model: "sentry.dashboardwidgetquery", rows: Per::Organization(WIDGETS), fields: widget_query },
    Recipe {
        model: "sentry.dashboardwidgetqueryondemand",
        rows: Per::Organization(WIDGETS),
        fields: on_demand,
    },
];

const WIDGETS: u64 = 3;

/// What the widgets show, as (title, aggregate).
const SHOWN: &[(&str, &str)] = &[
    ("Errors by release", "count()"),
    ("People affected", "count_unique(user)"),
    ("Slowest pages", "p95(transaction.duration)"),
];

fn dashboard(place: &Place<'_>) -> Value {
    json!({ "title": format!("Health of {}", place.slug()), "visits": 1, "last_visited": place.date(30) })
}

fn tombstone(place: &Place<'_>) -> Value {
    json!({ "slug": format!("default-overview-{}", place.slug()) })
}

fn widget(place: &Place<'_>) -> Value {
    let (title, _) = place.choose(SHOWN);
    json!({ "title": title, "order": place.index, "display_type": 0, "widget_type": 0 })
}

fn widget_query(place: &Place<'_>) -> Value {
    let (title, aggregate) = place.choose(SHOWN);
    json!({
        "name": title,
        "fields": format!("['{aggregate}']"),
        "aggregates": format!("['{aggregate}']"),
        "columns": "[]",
        "conditions": "",
        "orderby": "",
        "order": 0,
    })
}

fn on_demand(_: &Place<'_>) -> Value {
    json!({ "extraction_state": "disabled:not-applicable", "spec_hashes": "[]" })
}
