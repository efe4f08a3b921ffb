//! Finding rows by what they refer to, and by their privileges.

use serde_json::{Value, json};

use super::support::{
    NONE, Outcome, all_privileged, all_referring, ensure, ensure_eq, fill, insert, model, read, replace, row,
    write,
};
use crate::{Pk, Silo, StoreErrorKind};

fn member(organization: Pk, user: Option<Pk>, inviter: Option<Pk>) -> Value {
    json!({ "organization": organization, "user_id": user, "inviter_id": inviter, "role": "member" })
}

/// A row is found by each of its keys, and by no other model's or field's of the same value.
pub async fn finds_referring_rows_by_key(silo: &impl Silo) -> Outcome {
    let members = model(silo, "sentry.organizationmember")?;
    let rows = [
        row(5, member(1, Some(7), Some(8))),
        row(3, member(1, Some(8), None)),
        row(4, member(2, Some(7), Some(1))),
    ];
    fill(silo, members, rows).await?;
    let projects = model(silo, "sentry.project")?;
    let project = json!({ "organization": 1, "slug": "p", "name": "P", "template": null });
    write(silo, [insert(projects, row(9, project))]).await?;

    ensure_eq!(all_referring(silo, members, "organization", 1, 10).await?, [3, 5], "members of 1");
    ensure_eq!(all_referring(silo, members, "user_id", 7, 10).await?, [4, 5], "memberships of 7");
    ensure_eq!(all_referring(silo, members, "inviter_id", 8, 10).await?, [5], "invited by 8");
    ensure_eq!(all_referring(silo, members, "inviter_id", 1, 10).await?, [4], "invited by 1");
    ensure_eq!(all_referring(silo, members, "inviter_id", 7, 10).await?, NONE, "invited by 7");
    ensure_eq!(all_referring(silo, projects, "organization", 1, 10).await?, [9], "projects of 1");
    Ok(())
}

/// Pages of any size give every referring row once, by primary key.
pub async fn pages_over_referring_rows(silo: &impl Silo) -> Outcome {
    let members = model(silo, "sentry.organizationmember")?;
    let pks = [2, 10, 255, 256, 300, 1_000];
    fill(silo, members, pks.iter().map(|pk| row(*pk, member(1, Some(*pk), None)))).await?;
    for limit in [1, 2, 5, 6, 7] {
        ensure_eq!(all_referring(silo, members, "organization", 1, limit).await?, pks, "pages of {limit}");
    }
    let behind = silo.referring(members, "organization", 1, Some(255), 2).await?;
    ensure_eq!(behind.items, [256, 300], "a page above 255");
    Ok(())
}

/// Only declared keys can be asked for.
pub async fn refuses_a_field_that_is_no_key(silo: &impl Silo) -> Outcome {
    let members = model(silo, "sentry.organizationmember")?;
    for field in ["role", "nothing"] {
        match silo.referring(members, field, 1, None, 10).await {
            Err(error) => ensure_eq!(error.kind, StoreErrorKind::Refused, "asking by `{field}`"),
            Ok(_) => ensure!(false, "`{field}` is no key, but was answered"),
        }
    }
    Ok(())
}

/// Rows with any of the model's privilege fields set, once each, by primary key.
pub async fn pages_over_privileged_rows(silo: &impl Silo) -> Outcome {
    let users = model(silo, "sentry.user")?;
    let user = |pk: Pk, staff: Value, superuser: Value| {
        row(pk, json!({ "username": format!("u-{pk}"), "is_staff": staff, "is_superuser": superuser }))
    };
    let rows = [
        user(300, json!(true), json!(true)),
        user(1, json!(false), json!(true)),
        user(2, json!(false), json!(false)),
        user(20, json!(true), json!(false)),
        user(3, Value::Null, json!("true")),
    ];
    fill(silo, users, rows).await?;
    for limit in [1, 2, 3, 10] {
        ensure_eq!(all_privileged(silo, users, limit).await?, [1, 20, 300], "pages of {limit}");
    }
    ensure_eq!(silo.privileged(users, Some(1), 1).await?.items, [20], "a page above 1");
    let relays = model(silo, "sentry.relay")?;
    ensure_eq!(all_privileged(silo, relays, 10).await?, NONE, "a model without privileges");
    Ok(())
}

/// A row that refers elsewhere, or has lost its privileges, is found where it is now and not where it was.
pub async fn moves_references_with_their_row(silo: &impl Silo) -> Outcome {
    let members = model(silo, "sentry.organizationmember")?;
    write(silo, [insert(members, row(1, member(1, Some(7), Some(8))))]).await?;
    let before = read(silo, members, 1).await?;
    write(silo, [replace(members, &before, member(2, Some(7), None))]).await?;
    ensure_eq!(all_referring(silo, members, "organization", 1, 10).await?, NONE, "members of 1");
    ensure_eq!(all_referring(silo, members, "organization", 2, 10).await?, [1], "members of 2");
    ensure_eq!(all_referring(silo, members, "user_id", 7, 10).await?, [1], "memberships of 7");
    ensure_eq!(all_referring(silo, members, "inviter_id", 8, 10).await?, NONE, "invited by 8");

    let users = model(silo, "sentry.user")?;
    write(silo, [insert(users, row(1, json!({ "username": "u", "is_staff": true })))]).await?;
    let before = read(silo, users, 1).await?;
    write(silo, [replace(users, &before, json!({ "username": "u", "is_staff": false }))]).await?;
    ensure_eq!(all_privileged(silo, users, 10).await?, NONE, "privileged users");
    let before = read(silo, users, 1).await?;
    write(silo, [replace(users, &before, json!({ "username": "u", "is_superuser": true }))]).await?;
    ensure_eq!(all_privileged(silo, users, 10).await?, [1], "privileged users again");
    Ok(())
}
