//! Projects and what belongs to them.

use serde_json::{Value, json};

use super::{Per, Recipe, as_usual};
use crate::generate::place::Place;
use crate::generate::words;

pub(super) const RECIPES: &[Recipe] = &[
    Recipe { model: "sentry.project", rows: Per::Project(1), fields: project },
    Recipe { model: "sentry.projectkey", rows: Per::Project(1), fields: key },
    Recipe { model: "sentry.projectoption", rows: Per::Project(OPTIONS), fields: option },
    // An import gives these the primary keys of the rows that it made with the projects, which come last.
    Recipe { model: "sentry.projectoption", rows: Per::Project(1), fields: epoch },
    Recipe { model: "sentry.projectownership", rows: Per::Project(1), fields: ownership },
    Recipe { model: "sentry.projectteam", rows: Per::Project(1), fields: as_usual },
    Recipe { model: "sentry.projectredirect", rows: Per::Organization(1), fields: redirect },
    Recipe { model: "sentry.environmentproject", rows: Per::Project(ENVIRONMENTS), fields: environment },
    Recipe { model: "sentry.monitor", rows: Per::Project(1), fields: monitor },
    Recipe { model: "sentry.counter", rows: Per::Project(1), fields: counter },
    Recipe {
        model: "sentry.spanattributeextractionruleconfig",
        rows: Per::Organization(1),
        fields: span_config,
    },
    Recipe {
        model: "sentry.spanattributeextractionrulecondition",
        rows: Per::Organization(1),
        fields: span_condition,
    },
    Recipe { model: "sentry.customdynamicsamplingrule", rows: Per::Organization(1), fields: sampling_rule },
    Recipe { model: "sentry.customdynamicsamplingruleproject", rows: Per::Organization(1), fields: as_usual },
    Recipe { model: "sentry.notificationactionproject", rows: Per::Organization(1), fields: as_usual },
];

const OPTIONS: u64 = 2;
const ENVIRONMENTS: u64 = 2;

/// The slug of a project: unique in its organisation by its number.
fn slug(place: &Place<'_>, index: u64) -> String {
    let row = (place.organization << 32) | index;
    let service = place.blueprint().draw("sentry.project", row, "slug").pick(words::SERVICES);
    format!("{service}-{}", index + 1)
}

fn project(place: &Place<'_>) -> Value {
    let slug = slug(place, place.index);
    let platform = place.draw("platform").pick(words::PLATFORMS);
    json!({
        "name": words::title(&slug),
        "slug": slug,
        "platform": (!platform.is_empty()).then_some(platform),
        "flags": "10",
    })
}

fn key(place: &Place<'_>) -> Value {
    json!({
        "label": "Default",
        "public_key": place.draw("public").hex(32),
        "secret_key": place.draw("secret").hex(32),
        "date_added": place.date(0),
        "data": { "dynamicSdkLoaderOptions": { "hasPerformance": true, "hasReplay": true } },
    })
}

fn option(place: &Place<'_>) -> Value {
    let (key, value) = match place.index % OPTIONS {
        0 => ("sentry:relay-rev", place.draw("revision").hex(32)),
        _ => ("sentry:relay-rev-lastchange", place.date(0)),
    };
    let project = place.pk("sentry.project", place.index / OPTIONS);
    json!({ "project": project, "key": key, "value": format!("\"{value}\"") })
}

fn epoch(_: &Place<'_>) -> Value {
    json!({ "key": "sentry:option-epoch", "value": 12 })
}

fn ownership(place: &Place<'_>) -> Value {
    let folder = slug(place, place.index);
    let owner = place.blueprint().username(place.organization, 0);
    let matcher = json!({ "type": "path", "pattern": format!("src/{folder}/*") });
    let rule = json!({ "matcher": matcher, "owners": [{ "type": "user", "identifier": owner }] });
    json!({
        "raw": format!("path:src/{folder}/* {owner}"),
        "schema": { "$version": 1, "rules": [rule] },
        "codeowners_auto_sync": true,
    })
}

fn redirect(place: &Place<'_>) -> Value {
    json!({ "redirect_slug": format!("{}-before", slug(place, 0)) })
}

fn environment(place: &Place<'_>) -> Value {
    // The usual turns would pair some projects twice with one environment, and never with the other.
    json!({ "project": place.pk("sentry.project", place.index / ENVIRONMENTS) })
}

fn monitor(place: &Place<'_>) -> Value {
    let service = slug(place, place.index);
    json!({
        "guid": place.draw("guid").uuid(),
        "slug": format!("nightly-{service}"),
        "name": format!("Nightly run of {service}"),
        "type": 3,
        "owner_team_id": place.pk("sentry.team", place.index),
        "config": { "schedule": format!("{} 3 * * *", place.index % 60), "schedule_type": 1 },
    })
}

fn counter(place: &Place<'_>) -> Value {
    json!({ "value": place.draw("value").below(10_000) + 1 })
}

fn span_config(_: &Place<'_>) -> Value {
    json!({ "span_attribute": "cart.items", "unit": "none", "tags": "['region']", "aggregates": "['count', 'max']" })
}

fn span_condition(_: &Place<'_>) -> Value {
    json!({ "value": "region:eu" })
}

fn sampling_rule(place: &Place<'_>) -> Value {
    const AN_HOUR: i64 = 60;
    json!({
        "rule_id": 1,
        "condition": r#"{"op":"equals","name":"environment","value":"production"}"#,
        "condition_hash": place.draw("condition").hex(40),
        "query": "environment:production event.type:transaction",
        "sample_rate": 0.5,
        "num_samples": 100,
        "start_date": place.date(0),
        "end_date": place.date(AN_HOUR),
        "notification_sent": false,
        "created_by_id": place.pk("sentry.user", 0),
    })
}
