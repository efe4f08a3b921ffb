//! A file in which every rule has something to do, and an instance that is in its way.

use serde_json::{Value, json};
use silo::Pk;

use super::{Instance, member, organization, project, row, team, user, with};

/// Users of [`file_rows`]: more than one batch holds.
const USERS: Pk = 14;

/// An export of two organisations.
pub(crate) fn file_rows() -> Vec<Value> {
    let date = "2024-01-01T00:00:00.000Z";
    let mut rows = vec![
        row("sentry.option", 1, json!({ "key": "k", "value": "theirs" })),
        row("sentry.actor", 1, json!({})),
        row("vendor.gadget", 1, json!({})),
        organization(501, "acme"),
        organization(502, "123"),
        organization(503, "Free_One"),
        row("sentry.organizationoption", 1, json!({ "organization": 501, "key": "k", "value": "v" })),
        team(601, 501, "devs"),
        team(602, 599, "of-nobody"),
    ];
    rows.extend((1..=USERS).map(|pk| user(pk, &format!("user{pk}"))));
    rows.push(with(user(USERS + 1, "USER1"), json!({ "email": "", "mood": "odd" })));
    rows.extend([
        project(701, 501, "web"),
        project(702, 502, "api"),
        row(
            "sentry.orgauthtoken",
            1,
            json!({ "organization_id": 501, "name": "a", "token_hashed": "taken", "created_by": 1 }),
        ),
        row("sentry.orgauthtoken", 2, json!({ "organization_id": 502, "name": "b", "token_hashed": "" })),
        with(member(1, 501, 1), json!({ "token": "taken", "token_expires_at": date })),
        with(member(2, 501, 2), json!({ "inviter_id": 99 })),
        member(3, 502, 99),
        member(4, 503, 4),
        row(
            "sentry.monitor",
            1,
            json!({
                "organization_id": 501, "project_id": 701, "guid": "7fc72b8e-3f87-43c9-9e6d-85d7f61d4a37",
                "name": "m", "slug": "m", "owner_team_id": 601,
            }),
        ),
    ]);
    rows.extend(
        (1..=USERS).map(|pk| row("sentry.email", pk, json!({ "email": format!("USER{pk}@example.com") }))),
    );
    let option = |pk: Pk, user: Pk, key: &str| {
        row("sentry.useroption", pk, json!({ "user": user, "key": key, "value": "v" }))
    };
    rows.extend([
        option(1, 1, "a"),
        option(2, 1, "a"),
        option(3, 2, "a"),
        option(4, 2, "b"),
        option(5, 2, "b"),
    ]);
    rows.extend((1..=USERS).map(|pk| {
        let fields = json!({ "user": pk, "email": format!("user{pk}@example.com"), "validation_hash": "h" });
        row("sentry.useremail", pk, fields)
    }));
    rows.extend([
        row(
            "sentry.snubaquery",
            1,
            json!({ "dataset": "events", "query": "", "aggregate": "count()", "time_window": 60, "resolution": 60 }),
        ),
        row("sentry.querysubscription", 1, json!({ "project": 701, "snuba_query": 1, "type": "incidents" })),
        row("sentry.projectoption", 1, json!({ "project": 701, "key": "sentry:option-epoch", "value": 3 })),
        row("sentry.projectoption", 2, json!({ "project": 701, "key": "other", "value": 1 })),
    ]);
    // More keys than one batch holds; the first and the last of them are taken.
    rows.extend((1..=40).map(|pk| {
        let (public, secret) = (format!("{:032x}", pk % 40), format!("{:032x}", 100 + pk));
        row(
            "sentry.projectkey",
            pk,
            json!({ "project": 701 + pk % 2, "public_key": public, "secret_key": secret }),
        )
    }));
    rows.extend([
        row(
            "sentry.notificationaction",
            1,
            json!({ "organization": 501, "type": 5, "target_type": 1, "target_identifier": "2", "trigger_type": 0 }),
        ),
        row("sentry.alertrule", 1, json!({ "organization": 501, "snuba_query": 1, "name": "a" })),
        row("sentry.snubaqueryeventtype", 1, json!({ "snuba_query": 1, "type": 0 })),
    ]);
    rows
}

/// An instance that has names, tokens and addresses of the file.
pub(crate) fn hostile() -> Instance {
    let instance = Instance::new();
    instance.put("sentry.organization", 11, json!({ "name": "ours", "slug": "ACME" }));
    instance.put(
        "sentry.organizationslugreservation",
        18,
        json!({ "organization_id": 11, "slug": "FREE-one" }),
    );
    instance.put("sentry.user", 12, json!({ "username": "user1" }));
    instance.put("sentry.user", 13, json!({ "username": "User2" }));
    instance.put("sentry.email", 14, json!({ "email": "User3@example.com" }));
    instance.put(
        "sentry.organizationmember",
        15,
        json!({ "organization": 11, "user_id": 12, "token": "taken" }),
    );
    instance.put("sentry.orgauthtoken", 16, json!({ "organization_id": 11, "token_hashed": "taken" }));
    instance.put("sentry.projectkey", 17, json!({ "project": null, "public_key": format!("{:032x}", 1) }));
    instance
}

/// Keys of options in [`configured_rows`]: more than one batch holds, and twice as many as [`configured`] has.
const OPTIONS: Pk = 60;

/// [`file_rows`] with configuration, of which some is there twice.
pub(crate) fn configured_rows() -> Vec<Value> {
    let mut rows = file_rows();
    for model in ["sentry.option", "sentry.controloption"] {
        rows.extend((1..=OPTIONS).map(|pk| option(model, 100 + pk, pk, "theirs")));
        rows.push(option(model, 200, 1, "theirs again"));
        rows.push(option(model, 201, OPTIONS, "theirs again"));
    }
    rows.extend([
        relay(1, "both", "theirs"),
        relay(2, "theirs", "theirs"),
        usage(1, "both", "theirs"),
        usage(2, "theirs", "theirs"),
        row("sentry.userrole", 1, json!({ "name": "both", "permissions": "['theirs']" })),
    ]);
    rows
}

/// [`hostile`] with configuration that collides with that of [`configured_rows`].
pub(crate) fn configured() -> Instance {
    let instance = hostile();
    for model in ["sentry.option", "sentry.controloption"] {
        for pk in (1..=OPTIONS).step_by(2) {
            instance.put_row(&option(model, 900 + pk, pk, "ours"));
        }
    }
    instance.put_row(&relay(50, "both", "ours"));
    instance.put_row(&usage(51, "both", "ours"));
    instance.put_row(&row("sentry.userrole", 52, json!({ "name": "both", "permissions": "['ours']" })));
    instance
}

fn option(model: &str, pk: Pk, key: Pk, value: &str) -> Value {
    row(model, pk, json!({ "key": format!("k{key}"), "value": value }))
}

fn relay(pk: Pk, id: &str, key: &str) -> Value {
    row("sentry.relay", pk, json!({ "relay_id": id, "public_key": key }))
}

fn usage(pk: Pk, id: &str, key: &str) -> Value {
    let date = "2020-01-01T00:00:00.000Z";
    let fields = json!({
        "relay_id": id, "version": "1", "public_key": key, "first_seen": date, "last_seen": date,
    });
    row("sentry.relayusage", pk, fields)
}
