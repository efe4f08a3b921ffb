//! Changes happen together or not at all, and never on top of what the writer had not seen.

use futures::future::join_all;
use serde_json::{Value, json};

use super::support::{
    Fallible, Outcome, chunk, conflict, ensure, ensure_eq, fill, import, insert, is_there, model,
    organization, read, replace, row, transaction, write,
};
use crate::memory::give_way;
use crate::{
    Conflict, Pk, Silo, StoreErrorKind, TRANSACTION_ITEMS_LIMIT, Taken, Transaction, UniqueKey, Write,
    WriteError,
};

/// Rows of several models, their unique values and the chunk are there together.
pub async fn writes_everything_together(silo: &impl Silo) -> Outcome {
    let organizations = model(silo, "sentry.organization")?;
    let projects = model(silo, "sentry.project")?;
    fill(silo, organizations, [organization(1, "one")]).await?;
    let before = read(silo, organizations, 1).await?;
    let project = row(5, json!({ "organization": 2, "slug": "p", "name": "P" }));
    let batch = Transaction {
        writes: vec![
            replace(organizations, &before, json!({ "slug": "uno" })),
            insert(organizations, organization(2, "two")),
            insert(projects, project.clone()),
        ],
        chunk: Some(chunk(import(1), "sentry.organization", 1, 2)),
    };
    silo.write(&batch).await?;
    ensure_eq!(read(silo, organizations, 1).await?.row, row(1, json!({ "slug": "uno" })), "the replaced row");
    ensure_eq!(read(silo, organizations, 2).await?.row, organization(2, "two"), "the new organisation");
    ensure_eq!(read(silo, projects, 5).await?.row, project, "the new project");
    let holders = silo.holders(&UniqueKey::of(projects, &project.fields)).await?;
    ensure_eq!(holders, [Some(5)], "the project's unique value");
    let position = chunk(import(1), "sentry.organization", 1, 2).position();
    ensure_eq!(silo.chunk(import(1), &position).await?, batch.chunk, "the chunk");
    Ok(())
}

/// As many items as the engine puts into a transaction: 49 rows, a unique value of each, and the chunk.
pub async fn writes_a_hundred_items(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    // Two blocks of 256, so that nothing but the items counts.
    let rows = (230..279).map(|pk| insert(model, organization(pk, &format!("o-{pk}"))));
    let batch =
        Transaction { writes: rows.collect(), chunk: Some(chunk(import(1), "sentry.organization", 1, 49)) };
    silo.write(&batch).await?;
    let pks: Vec<Pk> = (230..279).collect();
    ensure!(silo.get(model, &pks).await?.iter().all(Option::is_some), "a row of the transaction is missing");
    Ok(())
}

/// One item more than a transaction may have, and nothing of it is written.
pub async fn refuses_more_items_than_there_is_room_for(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let rows = (1..=50).map(|pk| insert(model, organization(pk, &format!("o-{pk}"))));
    let batch =
        Transaction { writes: rows.collect(), chunk: Some(chunk(import(1), "sentry.organization", 1, 50)) };
    ensure_eq!(batch.items(silo.catalog()), TRANSACTION_ITEMS_LIMIT + 1, "the items of the transaction");
    ensure_eq!(refusal(silo.write(&batch).await), Some(StoreErrorKind::Refused), "101 items");
    ensure!(!is_there(silo, model, 1).await?, "a row of a refused transaction");
    Ok(())
}

/// A transaction without changes succeeds.
pub async fn writes_nothing(silo: &impl Silo) -> Outcome {
    Ok(silo.write(&Transaction::default()).await?)
}

/// One answer names everything that stands in the way; and nothing of the transaction is written.
pub async fn names_every_conflict_and_writes_nothing(silo: &impl Silo) -> Outcome {
    let organizations = model(silo, "sentry.organization")?;
    let members = model(silo, "sentry.organizationmember")?;
    fill(silo, organizations, [organization(1, "one"), organization(2, "two"), organization(3, "three")])
        .await?;
    let member = |pk: Pk, user: Value, token: &str| {
        row(pk, json!({ "organization": 1, "user_id": user, "email": null, "token": token }))
    };
    fill(silo, members, [member(1, json!(7), "t1"), member(2, json!(8), "t2")]).await?;
    let old = read(silo, organizations, 3).await?;
    write(silo, [replace(organizations, &old, json!({ "slug": "tres" }))]).await?;
    let earlier = Transaction { writes: Vec::new(), chunk: Some(chunk(import(1), "sentry.team", 1, 1)) };
    silo.write(&earlier).await?;

    let batch = Transaction {
        writes: vec![
            insert(organizations, organization(10, "free")),
            insert(organizations, organization(11, "TWO")),
            insert(members, member(1, json!(20), "t9")),
            insert(members, member(12, json!(7), "t2")),
            replace(organizations, &old, json!({ "slug": "drei" })),
        ],
        chunk: earlier.chunk.clone(),
    };
    let mut found = conflict(silo.write(&batch).await)?;
    found.taken.sort_by_key(|taken| (taken.write, taken.set));
    let set = |field: &str| {
        members
            .uniques
            .iter()
            .position(|set| set.fields.iter().any(|known| known == field))
            .unwrap_or_default()
    };
    let mut taken = vec![
        Taken { write: 1, model: organizations.id, set: 0, holder: 2 },
        Taken { write: 3, model: members.id, set: set("user_id"), holder: 1 },
        Taken { write: 3, model: members.id, set: set("token"), holder: 2 },
    ];
    taken.sort_by_key(|taken| (taken.write, taken.set));
    ensure_eq!(
        found,
        Conflict { chunk_exists: true, taken, changed: vec![2, 4], ..Conflict::default() },
        "every conflict at once"
    );

    ensure!(!is_there(silo, organizations, 10).await?, "a row without a conflict of its own was written");
    let free = UniqueKey::of(organizations, &organization(10, "free").fields);
    ensure_eq!(silo.holders(&free).await?, [None], "its unique value");
    ensure_eq!(read(silo, members, 1).await?.row, member(1, json!(7), "t1"), "the row in the way");
    Ok(())
}

/// A primary key is taken whatever the fields are.
pub async fn a_primary_key_is_taken_once(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(1, "one")]).await?;
    for slug in ["one", "two"] {
        let found = conflict(silo.write(&transaction([insert(model, organization(1, slug))])).await)?;
        ensure_eq!(found, Conflict { changed: vec![0], ..Conflict::default() }, "inserting {slug} again");
    }
    Ok(())
}

/// Two changes of one row in one transaction have no order.
pub async fn refuses_a_row_twice_in_one_transaction(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    let writes = [insert(model, organization(1, "one")), insert(model, organization(1, "two"))];
    ensure_eq!(
        refusal(silo.write(&transaction(writes)).await),
        Some(StoreErrorKind::Refused),
        "the same row twice"
    );
    ensure!(!is_there(silo, model, 1).await?, "a row of a refused transaction");
    Ok(())
}

/// A row is replaced once per reading, its revision rises, and what is not there is not replaced.
pub async fn replaces_only_what_was_read(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.organization")?;
    fill(silo, model, [organization(1, "one")]).await?;
    let first = read(silo, model, 1).await?;
    write(silo, [replace(model, &first, json!({ "slug": "two" }))]).await?;
    let second = read(silo, model, 1).await?;
    ensure!(second.revision > first.revision, "the revision did not rise");
    let stale = conflict(silo.write(&transaction([replace(model, &first, json!({ "slug": "x" }))])).await)?;
    let changed = Conflict { changed: vec![0], ..Conflict::default() };
    ensure_eq!(stale, changed, "replacing what has changed");
    ensure_eq!(read(silo, model, 1).await?, second, "the row after a refused change");

    let mut elsewhere = second;
    elsewhere.row.pk = 2;
    let gone = conflict(silo.write(&transaction([replace(model, &elsewhere, json!({}))])).await)?;
    ensure_eq!(gone, changed, "replacing what is not there");
    ensure!(!is_there(silo, model, 2).await?, "a row came into being by replacing it");
    Ok(())
}

async fn increment(silo: &impl Silo) -> Fallible<()> {
    let model = model(silo, "sentry.option")?;
    loop {
        let before = read(silo, model, 1).await?;
        let count = before.row.fields.get("value").and_then(Value::as_u64).unwrap_or_default();
        let change: Write = replace(model, &before, json!({ "key": "k", "value": count + 1 }));
        match silo.write(&transaction([change])).await {
            Ok(()) => return Ok(()),
            Err(WriteError::Conflict(conflict)) => {
                let changed = Conflict { changed: vec![0], ..Conflict::default() };
                ensure_eq!(conflict, changed, "a lost race");
            }
            Err(WriteError::Store(error)) => {
                ensure_eq!(error.kind, StoreErrorKind::Contention, "a lost race");
                ensure!(error.retryable(), "contention passes");
                give_way().await;
            }
            Err(error @ WriteError::RowTooLarge { .. }) => return Err(error.into()),
        }
    }
}

/// Writers that race for one row either win, or learn that they must read again or try again.
pub async fn racing_writers_lose_nothing(silo: &impl Silo) -> Outcome {
    let model = model(silo, "sentry.option")?;
    fill(silo, model, [row(1, json!({ "key": "k", "value": 0 }))]).await?;
    for done in join_all((0..8).map(|_| increment(silo))).await {
        done?;
    }
    let counted = read(silo, model, 1).await?.row;
    ensure_eq!(counted, row(1, json!({ "key": "k", "value": 8 })), "8 increments");
    Ok(())
}

/// How a store refused a transaction, whatever it holds.
fn refusal(written: Result<(), WriteError>) -> Option<StoreErrorKind> {
    match written {
        Err(WriteError::Store(error)) => Some(error.kind),
        _ => None,
    }
}
