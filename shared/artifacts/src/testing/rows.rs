use serde_json::{Value, json};

/// An export of these rows.
#[must_use]
pub fn export(rows: &[Value]) -> Vec<u8> {
    Value::from(rows).to_string().into_bytes()
}

/// A user.
#[must_use]
pub fn user(pk: i64, username: &str) -> Value {
    json!({"model": "sentry.user", "pk": pk, "fields": {"username": username, "email": "", "password": "x"}})
}

/// An organisation.
#[must_use]
pub fn organization(pk: i64, slug: &str) -> Value {
    json!({"model": "sentry.organization", "pk": pk, "fields": {"name": slug, "slug": slug}})
}

/// A membership.
#[must_use]
pub fn member(pk: i64, user: i64, organization: i64) -> Value {
    let fields = json!({"user_id": user, "organization": organization, "role": "member"});
    json!({"model": "sentry.organizationmember", "pk": pk, "fields": fields})
}
