//! Rules, metric alerts, and the incidents that they opened.

use serde_json::{Value, json};

use super::{Per, Recipe, as_usual};
use crate::generate::place::Place;

pub(super) const RECIPES: &[Recipe] = &[
    Recipe { model: "sentry.rule", rows: Per::Project(1), fields: rule },
    Recipe { model: "sentry.ruleactivity", rows: Per::Project(1), fields: activity },
    Recipe { model: "sentry.rulesnooze", rows: Per::Organization(1), fields: rule_snooze },
    Recipe { model: "sentry.neglectedrule", rows: Per::Organization(1), fields: neglected_rule },
    Recipe { model: "sentry.snubaquery", rows: Per::Project(1), fields: query },
    Recipe { model: "sentry.snubaqueryeventtype", rows: Per::Project(1), fields: query_event_type },
    Recipe { model: "sentry.querysubscription", rows: Per::Project(1), fields: subscription },
    Recipe { model: "sentry.alertrule", rows: Per::Project(1), fields: alert_rule },
    Recipe { model: "sentry.alertruleprojects", rows: Per::Project(1), fields: as_usual },
    Recipe {
        model: "sentry.alertruleexcludedprojects",
        rows: Per::Organization(1),
        fields: excluded_project,
    },
    Recipe { model: "sentry.alertruleactivity", rows: Per::Project(1), fields: activity },
    Recipe {
        model: "sentry.alertruleactivationcondition",
        rows: Per::Organization(1),
        fields: activation_condition,
    },
    Recipe { model: "sentry.alertruletrigger", rows: Per::Project(1), fields: trigger },
    Recipe { model: "sentry.alertruletriggerexclusion", rows: Per::Organization(1), fields: as_usual },
    Recipe { model: "sentry.incident", rows: Per::Organization(1), fields: incident },
    Recipe { model: "sentry.incidentactivity", rows: Per::Organization(1), fields: incident_activity },
    Recipe { model: "sentry.incidentsnapshot", rows: Per::Organization(1), fields: incident_snapshot },
    Recipe { model: "sentry.incidentsubscription", rows: Per::Organization(1), fields: as_usual },
    Recipe { model: "sentry.incidenttrigger", rows: Per::Organization(1), fields: incident_trigger },
    Recipe { model: "sentry.pendingincidentsnapshot", rows: Per::Organization(1), fields: pending_snapshot },
    Recipe { model: "sentry.timeseriessnapshot", rows: Per::Organization(1), fields: time_series },
];

/// What an entry of a history is about: that something was made.
const CREATED: u8 = 1;

fn rule(place: &Place<'_>) -> Value {
    let data = json!({
        "action_match": "all",
        "filter_match": "all",
        "conditions": [{ "id": "sentry.rules.conditions.first_seen_event.FirstSeenEventCondition" }],
        "actions": [{ "id": "sentry.mail.actions.NotifyEmailAction", "targetType": "IssueOwners" }],
    });
    json!({
        "label": format!("Tell the owners of new issues ({})", place.index + 1),
        "data": data.to_string(),
        "environment_id": place.pk("sentry.environment", 0),
        "owner_team": place.pk("sentry.team", place.index),
    })
}

fn activity(place: &Place<'_>) -> Value {
    json!({ "type": CREATED, "user_id": place.pk("sentry.user", 0) })
}

fn rule_snooze(place: &Place<'_>) -> Value {
    let owner = place.pk("sentry.user", 0);
    json!({ "user_id": owner, "owner_id": owner, "rule": place.pk("sentry.rule", 0) })
}

fn neglected_rule(place: &Place<'_>) -> Value {
    json!({ "disable_date": place.date(60), "sent_initial_email_date": place.date(0) })
}

fn query(place: &Place<'_>) -> Value {
    // Every second one watches production alone.
    let environment = (place.index % 2 == 1).then(|| place.pk("sentry.environment", 0));
    json!({
        "environment": environment,
        "dataset": "events",
        "query": "level:error",
        "aggregate": "count()",
        "time_window": 600,
        "resolution": 60,
    })
}

fn query_event_type(_: &Place<'_>) -> Value {
    json!({ "type": 0 })
}

fn subscription(place: &Place<'_>) -> Value {
    json!({
        "snuba_query": place.pk("sentry.snubaquery", place.index),
        "type": "incidents",
        "subscription_id": format!("0/{}", place.draw("subscription").hex(32)),
        "date_updated": place.date(0),
    })
}

fn alert_rule(place: &Place<'_>) -> Value {
    json!({
        "organization": place.pk("sentry.organization", 0),
        "snuba_query": place.pk("sentry.snubaquery", place.index),
        "team": place.pk("sentry.team", place.index),
        "name": format!("Too many errors ({})", place.index + 1),
        "threshold_type": 0,
    })
}

fn excluded_project(place: &Place<'_>) -> Value {
    let last = place.blueprint().projects() - 1;
    json!({ "project": place.pk("sentry.project", last) })
}

fn activation_condition(_: &Place<'_>) -> Value {
    json!({ "label": "A release was made", "condition_type": 0 })
}

fn trigger(place: &Place<'_>) -> Value {
    let threshold = 10 + place.draw("threshold").below(990);
    json!({ "label": "critical", "alert_threshold": threshold as f64 })
}

fn incident(place: &Place<'_>) -> Value {
    json!({
        "identifier": 1,
        "type": 2,
        "title": format!("Too many errors in {}", place.slug()),
        "detection_uuid": place.draw("detection").uuid(),
        "date_started": place.date(0),
        "date_detected": place.date(1),
        "subscription": place.pk("sentry.querysubscription", 0),
    })
}

fn incident_activity(place: &Place<'_>) -> Value {
    json!({
        "type": CREATED,
        "user_id": place.pk("sentry.user", 0),
        "comment": "A release went wrong; it is rolled back.",
        "notification_uuid": place.draw("notification").uuid(),
    })
}

fn incident_snapshot(place: &Place<'_>) -> Value {
    let users = 1 + place.draw("users").below(100);
    json!({ "unique_users": users, "total_events": users + place.draw("events").below(1000) })
}

fn incident_trigger(_: &Place<'_>) -> Value {
    json!({ "status": 1 })
}

fn pending_snapshot(place: &Place<'_>) -> Value {
    json!({ "target_run_date": place.date(240) })
}

fn time_series(place: &Place<'_>) -> Value {
    json!({
        "start": place.date(0),
        "end": place.date(60),
        "period": 60,
        "values": "[[1.0, 2.0, 3.0], [1.5, 2.5, 3.5]]",
    })
}
