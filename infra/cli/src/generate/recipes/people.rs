//! Users, what belongs to them, and their memberships.

use serde_json::{Value, json};

use super::{Per, Recipe};
use crate::generate::place::Place;
use crate::generate::words;

pub(super) const RECIPES: &[Recipe] = &[
    Recipe { model: "sentry.user", rows: Per::User(1), fields: user },
    Recipe { model: "sentry.email", rows: Per::User(1), fields: email },
    Recipe { model: "sentry.useremail", rows: Per::User(1), fields: user_email },
    Recipe { model: "sentry.useroption", rows: Per::User(1), fields: user_option },
    Recipe { model: "sentry.recentsearch", rows: Per::User(1), fields: recent_search },
    Recipe { model: "sentry.projectbookmark", rows: Per::User(1), fields: project_bookmark },
    Recipe { model: "sentry.groupsearchview", rows: Per::Organization(1), fields: group_search_view },
    Recipe { model: "sentry.organizationmember", rows: Per::Member(1), fields: member },
    Recipe { model: "sentry.organizationmemberteam", rows: Per::Seat(1), fields: member_team },
    Recipe { model: "sentry.organizationaccessrequest", rows: Per::Organization(1), fields: access_request },
];

fn username(place: &Place<'_>) -> String {
    place.blueprint().username(place.organization, place.index)
}

/// People sign in with their address, or have one at their organisation.
fn address(place: &Place<'_>) -> String {
    let username = username(place);
    if username.contains('@') { username } else { format!("{username}@{}.example", place.slug()) }
}

fn user(place: &Place<'_>) -> Value {
    let (first, last) = place.blueprint().person(place.organization, place.index);
    let is_staff = place.blueprint().instance && place.organization == 0 && place.index == 0;
    let mut password = place.draw("password");
    json!({
        "username": username(place),
        "email": address(place),
        "name": words::title(&format!("{first}-{last}")),
        "password": format!("pbkdf2_sha256$720000${}${}=", password.alnum(22), password.alnum(43)),
        "is_staff": is_staff,
        "is_superuser": is_staff,
        "last_password_change": place.date(0),
        "last_active": place.date(120),
        "last_login": place.date(90),
    })
}

fn email(place: &Place<'_>) -> Value {
    json!({ "email": address(place) })
}

fn user_email(place: &Place<'_>) -> Value {
    json!({ "email": address(place), "validation_hash": place.draw("hash").alnum(32), "is_verified": true })
}

fn user_option(place: &Place<'_>) -> Value {
    let timezone = place.draw("timezone").pick(words::TIMEZONES);
    json!({ "key": "timezone", "value": format!("\"{timezone}\"") })
}

fn recent_search(place: &Place<'_>) -> Value {
    json!({
        "query": format!("is:unresolved assigned:{}", username(place)),
        "query_hash": place.draw("hash").hex(32),
    })
}

fn project_bookmark(place: &Place<'_>) -> Value {
    json!({ "project": place.pk("sentry.project", place.index), "date_added": place.date(0) })
}

fn group_search_view(place: &Place<'_>) -> Value {
    json!({ "name": "My issues", "query": "is:unresolved assigned:me", "position": 0, "date_added": place.date(0) })
}

/// The organisation's own users come first, then the guest, then whoever is only invited.
fn member(place: &Place<'_>) -> Value {
    let blueprint = place.blueprint();
    if place.index == blueprint.seats() {
        return invited(place);
    }
    let is_guest = place.index >= blueprint.users();
    let user = if is_guest { place.guest() } else { place.pk("sentry.user", place.index) };
    json!({
        "user_id": user,
        "role": if place.index == 0 { "owner" } else { "member" },
        "inviter_id": (place.index > 0).then(|| place.pk("sentry.user", 0)),
        "invite_status": 0,
    })
}

fn invited(place: &Place<'_>) -> Value {
    const A_MONTH: i64 = 30 * 24 * 60;
    json!({
        "email": format!("new.colleague@{}.example", place.slug()),
        "inviter_id": place.pk("sentry.user", 0),
        "token": place.draw("token").hex(64),
        "token_expires_at": place.date(A_MONTH),
        "invite_status": 0,
    })
}

fn member_team(place: &Place<'_>) -> Value {
    json!({ "organizationmember": place.pk("sentry.organizationmember", place.index) })
}

fn access_request(place: &Place<'_>) -> Value {
    let last = place.blueprint().users() - 1;
    json!({ "member": place.pk("sentry.organizationmember", last) })
}
